"""Runs git in a folder, whatever repository the caller's environment names.

Hooks, and `git rebase -x` in a linked worktree, set GIT_DIR and similar variables: without this,
the programs that they start would read and write the caller's repository, wherever they run.
"""

import os
import subprocess
from pathlib import Path
from typing import Final

from tooling import environment
from tooling.progress import Failure

# Without the user's settings: no hooks, no signatures, no ignored files.
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
    """Run git on the repository that contains the folder, and return its output.

    Raises:
        Failure: git failed.
    """
    return _run(folder, arguments, environment.clean())


def own(folder: Path, *arguments: str) -> str:
    """Run git on a repository of a tool's own, without the user's settings; return its output.

    Raises:
        Failure: git failed.
    """
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
