"""The pages under docs/ that commands write a part of, each between marks of its own."""

import datetime
import os
import platform
import re
from pathlib import Path
from typing import Final

from tooling import git
from tooling.install import ROOT
from tooling.progress import Failure, say

BENCHMARKS: Final = ROOT / "docs" / "benchmarks.md"
GROWTH: Final = ROOT / "docs" / "growth.md"


def write(page: Path, part: str, content: str) -> None:
    """Replace a part of a page.

    Raises:
        Failure: The page has lost the part's marks.
    """
    begin, end = f"<!-- {part}: generated -->", f"<!-- {part}: end -->"
    text = page.read_text()
    if text.count(begin) != 1 or text.count(end) != 1:
        raise Failure(f"{page} must have {begin} and {end} once.")
    before, rest = text.split(begin)
    page.write_text(f"{before}{begin}\n{content}{end}{rest.split(end)[1]}")
    say(f"Written: {page.relative_to(ROOT) if page.is_relative_to(ROOT) else page}")


def commit() -> str:
    """Return the commit that is checked out."""
    return git.ask(ROOT, "rev-parse", "--short", "HEAD").strip()


def conditions(commit: str) -> str:
    """Return when and on what something was measured."""
    today = datetime.datetime.now(datetime.UTC).date()
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return (
        f"Measured on {today} at commit {commit}: {cpu[1] if cpu else platform.machine()}, "
        f"{os.cpu_count()} cores, {platform.system()} {platform.release().split('-')[0]}"
    )
