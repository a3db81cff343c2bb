"""./scripts/upgrade: the newest versions of everything that is pinned, and the tests with them."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from supplychain import pins, settings
from tooling import git
from tooling.install import ROOT, tool_environment
from tooling.progress import Failure, explain, say, step

_DESCRIPTION: Final = """\
Raises every version in pyproject.toml and each package.json to the newest that fit together, locks
them, writes what is made of the locks, and runs ./scripts/test. Says what it changed. Commits
nothing. Needs the network, and none of these files changed. What keeps its major version is in
pyproject.toml.
"""
# What an upgrade writes.
FILES: Final = (
    "pyproject.toml",
    "uv.lock",
    "requirements.txt",
    "backend/api/runtime/requirements.txt",
    "docs/sbom.cdx.json",
    *(
        os.path.normpath(f"{folder}/{name}")
        for folder in settings.NODE_FOLDERS
        for name in ("package.json", "package-lock.json")
    ),
)
_COMMANDS: Final = ("./scripts/lock", "./scripts/sbom", "./scripts/test")
_BY_HAND: Final = (
    "By hand, since no registry has them: the action and the runner in .github/workflows/test.yml,"
    " CodeBuild's image in pipeline/build.py."
)


def main() -> None:
    """Raise, and test; exits with 1 when either fails, and says how to go back."""
    argparse.ArgumentParser(prog="./scripts/upgrade", description=_DESCRIPTION).parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        upgrade(ROOT, _COMMANDS)
    except Failure as failure:
        explain(failure)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def upgrade(root: Path, commands: tuple[str, ...]) -> None:
    """Raise a checkout's pins, and run what makes the rest of them and tests it.

    Until all of them are known, nothing in the checkout changes. Raises Failure.
    """
    _require_unchanged(root)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        pins.copy(root, copy)
        with step("newest versions that fit together"):
            pins.raise_all(copy, settings.read(root).within_major)
        changes = _changes(pins.read(root), pins.read(copy))
        with _saying_how_to_go_back():
            pins.copy(copy, root)
            say("\n".join(changes) or "Nothing that is pinned has a newer version.")
            say(_BY_HAND)
            for command in commands:
                _run(command, root)
    say("All tests pass with these versions: read what changed in them, and commit.")


def _changes(old: list[pins.Pin], new: list[pins.Pin]) -> list[str]:
    return [
        f"  {before.name} ({before.where}): {before.version} -> {after.version}"
        for before, after in zip(old, new, strict=True)
        if before.version != after.version
    ]


def _require_unchanged(root: Path) -> None:
    if changed := git.ask(root, "status", "--porcelain", "--", *FILES):
        raise Failure(
            "These files have changes that are not committed, and an upgrade would write into them:"
            " commit them, or put them aside with git stash.",
            changed,
        )


@contextmanager
def _saying_how_to_go_back() -> Iterator[None]:
    try:
        yield
    except BaseException:
        say(
            "\nThe files hold the new versions, or some of them; nothing is committed. Go on from"
            f" there, or take them back:\n\n  git restore {' '.join(FILES)}\n  ./scripts/run\n"
        )
        raise


def _run(command: str, root: Path) -> None:
    process = subprocess.Popen(
        [command], env=tool_environment(), cwd=root, stdin=subprocess.DEVNULL, process_group=0
    )
    try:
        status = process.wait()
    except BaseException as stop:
        # All that it started, which then cleans up.
        interrupted = isinstance(stop, KeyboardInterrupt)
        os.killpg(process.pid, signal.SIGINT if interrupted else signal.SIGTERM)
        process.wait()
        raise
    if status:
        raise Failure(f"{command} failed with the new versions; see above.")


if __name__ == "__main__":
    main()
