"""Runs git where it is told to, and nowhere else.

A hook, and `git rebase -x` in a linked worktree, set GIT_DIR and more of its kind: what they start
would read, and write, the caller's repository, wherever it runs.
"""

import os
import subprocess
from pathlib import Path
from typing import Final

from tooling import environment
from tooling.progress import Failure

# No hooks, no signatures, no ignored files: a person's settings are for a person's repositories.
_OWN: Final = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TEMPLATE_DIR": "",
    "GIT_AUTHOR_NAME": "Nobody",
    "GIT_AUTHOR_EMAIL": "nobody@example.com",
    "GIT_COMMITTER_NAME": "Nobody",
    "GIT_COMMITTER_EMAIL": "nobody@example.com",
}


def ask(folder: Path, *arguments: str) -> str:
    """Return what git says of the repository that holds the folder. Raises Failure."""
    return _run(folder, arguments, environment.clean())


def own(folder: Path, *arguments: str) -> str:
    """Run git on a repository that a tool makes for itself, or clones. Raises Failure."""
    return _run(folder, arguments, {**environment.clean(), **_OWN})


def _run(folder: Path, arguments: tuple[str, ...], variables: dict[str, str]) -> str:
    done = subprocess.run(
        ["git", *arguments],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=variables,
    )
    if done.returncode:
        raise Failure(f"git {arguments[0]} failed; see above.", done.stderr)
    return done.stdout
