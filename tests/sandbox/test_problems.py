"""A person reads about an error in a real browser, served by a deployed sandbox."""

from pathlib import Path

import httpx
import pytest

from backend.api.runtime.problems import PROBLEM_TYPES
from tests.browser import browser


def test_each_problem_has_a_page_that_a_browser_shows(cloud: httpx.Client, tmp_path: Path) -> None:
    script = """
    const titles = {};
    for (const address of values.pages) {
      await page.goto(address);
      titles[address] = await page.title();
    }
    return { ...seen, titles };
    """
    titles = {
        f"{cloud.base_url}/problems/{kind.name}": kind.title for kind in PROBLEM_TYPES.values()
    }
    result = browser.run(browser.WATCH + script, tmp_path, pages=list(titles))
    assert result["titles"] == titles
    assert (result["complaints"], result["failed"]) == ([], [])


@pytest.mark.parametrize("path", ["/openapi.json", "/problems/user-not-found"])
def test_every_page_has_a_head(cloud: httpx.Client, path: str) -> None:
    get, head = cloud.get(path), cloud.head(path)
    assert get.content
    assert (head.status_code, head.content) == (200, b"")
    for name in ("Content-Type", "Cache-Control", "ETag"):
        assert head.headers.get(name) == get.headers.get(name)


def test_a_problem_leads_to_its_page(cloud: httpx.Client) -> None:
    answer = cloud.get("/users/nobody")
    page = cloud.get(answer.json()["type"])
    assert page.status_code == 200
    assert f"<h1>{answer.json()['title']}</h1>" in page.text
