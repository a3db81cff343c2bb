"""docs/benchmarks.md, of which commands write parts, each between marks of its own."""

import platform
import re
import subprocess
from pathlib import Path
from typing import Final

from tooling import git
from tooling.install import ROOT
from tooling.progress import Failure

PAGE: Final = ROOT / "docs" / "benchmarks.md"


def put_between(begin: str, end: str, content: str) -> None:
    """Write a part of the page. Raises Failure when it has lost the part's marks."""
    text = PAGE.read_text()
    if text.count(begin) != 1 or text.count(end) != 1:
        raise Failure(f"{PAGE.relative_to(ROOT)} must have {begin} and {end} once.")
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    PAGE.write_text(f"{before}{begin}\n{content}{end}{after}")


def processor() -> str:
    """Its name."""
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found.group(1) if found else platform.machine()


def commit() -> str:
    """That is checked out, without what is changed since."""
    return git.ask(ROOT, "rev-parse", "--short", "HEAD").strip()


def said(*command: str) -> str:
    """What a program prints, which must succeed."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
