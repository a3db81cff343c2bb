"""The page at /docs, its files, and the way to it. test_pages.py has what holds for all files."""

import json

import pytest

from tests.unit.api.page import Client, Page

pytestmark = pytest.mark.usefixtures("shipped")


@pytest.mark.parametrize(
    "path",
    [
        "/docs/",
        "/docs/nothing.js",
        "/docs/docs.html",
        "/docs/swagger-ui-bundle.js.gz",
        "/docs/../api.py",
        "/docs/..",
        "/docs/%2e%2e%2fapi.py",
        "/docs/swagger-ui/LICENSE",
        "/docs//etc/passwd",
        "/docs/ä\x00",
        '/docs/a"b',
        "/docs/docs.js\n",
    ],
)
def test_nothing_else_is_served(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")
    assert json.loads(answer.body)["type"] == "/problems/path-not-found"


def test_the_root_leads_to_the_page(client: Client) -> None:
    for method in ("GET", "HEAD"):
        answer = client.send(method, "/")
        assert (answer.status, answer.body) == (303, b"")
        # Relative, for proxies that serve the API under a path.
        assert answer.headers["Location"] == "docs"


def test_the_page_may_do_nothing_but_what_it_is_for(client: Client) -> None:
    headers = client.get("/docs").headers
    assert set(headers["Content-Security-Policy"].split("; ")) == {
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    }
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_the_page_refers_to_what_is_served_and_relatively(client: Client) -> None:
    page = Page(client.get("/docs").content.decode())
    assert page.inline == []
    assert {f"/{reference}" for reference in page.references} == {
        "/openapi.json",
        "/docs/docs.css",
        "/docs/docs.js",
        "/docs/page.css",
        "/docs/swagger-ui.css",
        "/docs/swagger-ui-bundle.js",
    }
