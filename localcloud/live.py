"""Deploys edits while the sandbox serves."""

import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from backend.functions.bundling import Asset, shipped
from localcloud.deployment import Deployment
from localcloud.emulator import Emulator
from localcloud.hotswap import CODE, DOCUMENT, SHARED, Hotswap, Outage
from tooling.install import INPUTS, ROOT
from tooling.processes import Interruption
from tooling.progress import Failure, explain, say

_FILES: Final = ("app.py", "cdk.json", "constants.py", str(DOCUMENT), *INPUTS)
_CODE: Final = Asset(code=("backend",))


class Watch:
    """Notices changes of the files that a deployment is made from.

    It polls them, which takes half a millisecond, and works on every file system and with editors
    that replace a file rather than write to it.
    """

    def __init__(self) -> None:
        self._known = self._seen = dict(_signatures())

    def has_changed(self) -> bool:
        """Return whether files have changed, but none since the last call: a save may have many."""
        seen, self._seen = self._seen, dict(_signatures())
        return seen == self._seen != self._known

    def take(self) -> list[Path]:
        """Return what has changed since the last call: sorted, relative to the checkout's root."""
        known, self._known = self._known, self._seen
        changed = {path for path, _ in known.items() ^ self._known.items()}
        return sorted(path.relative_to(ROOT) for path in changed)


def _signatures() -> Iterator[tuple[Path, tuple[int, int]]]:
    for path in (ROOT / name for name in (*map(Path, _FILES), *shipped(_CODE, root=ROOT))):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        yield path, (status.st_mtime_ns, status.st_size)


class LiveEdits:
    """Deploys edits: of the API's code by a hotswap, of anything else with the CDK CLI."""

    def __init__(
        self,
        cloud: Emulator,
        deployment: Deployment,
        hotswap: Hotswap,
        deployed: Callable[[], None],
    ) -> None:
        """Start without pending edits.

        Args:
            cloud: Where to deploy.
            deployment: Deploys the whole stack.
            hotswap: Replaces the function's code.
            deployed: Called after each deployment of the stack.
        """
        self._cloud = cloud
        self._deployment = deployment
        self._hotswap = hotswap
        self._deployed = deployed
        self._pending: set[Path] = set()
        self._has_failed = False

    def apply(self, changed: list[Path], interruption: Interruption) -> None:
        """Deploy these edits and those that failed before, and print the result.

        Args:
            changed: The edited files, relative to the checkout's root.
            interruption: Notes the signals that ask to stop.

        Raises:
            Interrupted: A signal asked to stop.
        """
        self._pending |= set(changed)
        pending = sorted(self._pending)
        locked = [path for path in pending if str(path) in INPUTS]
        if locked:
            say(f"{_named(locked)}: restart the sandbox, which installs what is locked now.")
            return
        started = time.monotonic()
        others = self._deployment.files_of_other_functions()
        is_code = all(_is_code(path, others) for path in pending)
        if not is_code:
            say(f"{_named(pending)}: deploying")
        try:
            how = self._put_live(interruption, is_code=is_code)
        except Failure as failure:
            if self._cloud.has_ended():
                return  # the caller reports that
            explain(failure)
            ending = "what worked before still serves"
            if isinstance(failure, Outage):
                ending = "and nothing serves until it is repaired"
            say(f"{_named(pending)}: not live; {ending}.")
            self._has_failed = True
            return
        # Say nothing of a file that was only touched, unless that undoes what failed.
        if how or self._has_failed:
            seconds = time.monotonic() - started
            say(f"{_named(pending)}: live after {seconds:.1f} s ({how or 'as it was'})")
        self._pending.clear()
        self._has_failed = False

    def _put_live(self, interruption: Interruption, *, is_code: bool) -> str | None:
        if is_code:
            return "hotswap" if self._hotswap.run(interruption) else None
        self._deployment.repeat(interruption)
        try:
            self._hotswap.verify(interruption)
        finally:
            self._deployed()
        return "cdk deploy"


def _is_code(path: Path, others: Collection[str]) -> bool:
    """Return whether the API's function is all that an edit of this file changes.

    Args:
        path: The file, relative to the checkout's root.
        others: The names of the files in the archives of the other functions.
    """
    if path == DOCUMENT:
        return not any(DOCUMENT.name in name for name in others)
    # Whole folders, because a new file is in no archive yet.
    return path != SHARED and any(
        path.is_relative_to(folder) and not any(name.startswith(f"{folder}/") for name in others)
        for folder in CODE
    )


def _named(paths: list[Path]) -> str:
    first, *others = map(str, paths)
    return f"{first} and {len(others)} more" if others else first
