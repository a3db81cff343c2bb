"""Every link of the documents leads somewhere in the checkout, or to another site."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from tooling.install import ROOT

PAGES = [
    path.relative_to(ROOT) for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    dead = [link for link in _links(page) if not _leads_somewhere(page, link)]
    assert dead == [], f"{page}: correct these links, or remove them with their sentences"


def _links(page: Path) -> Iterator[str]:
    for link in re.findall(r"\]\(\s*([^)\s]+)\)", re.sub(r"`[^`]*`", "", _prose(ROOT / page))):
        if not re.match(r"\w+:", link):
            yield link


def _leads_somewhere(page: Path, link: str) -> bool:
    name, _, anchor = unquote(link).partition("#")
    target = (ROOT / page).parent / name if name else ROOT / page
    if not target.exists():
        return False
    return not anchor or anchor in _anchors(target)


def _prose(page: Path) -> str:
    """Return a page without its code."""
    return re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.M | re.S)


def _anchors(page: Path) -> set[str]:
    """Return a page's anchors, as GitHub makes them from its headings."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.M)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
