"""Live edits: what is saved under backend/ is deployed while the sandbox serves."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from backend.functions.bundling import Asset, shipped
from localcloud.deployment import Deployment
from localcloud.emulator import Emulator
from localcloud.hotswap import CODE, DOCUMENT, Hotswap, Outage
from tooling.install import INPUTS, ROOT
from tooling.processes import Interruption
from tooling.progress import Failure, explain, say

_FILES: Final = ("app.py", "cdk.json", "constants.py", str(DOCUMENT), *INPUTS)
_CODE: Final = Asset(code=("backend",))


class Watch:
    """Notices which of the files that a deployment is made from have changed.

    By looking at them, which takes half a millisecond: it works on every file system, and with
    editors that replace a file rather than write to it.
    """

    def __init__(self) -> None:
        self._known = self._seen = dict(_signatures())

    def has_changed(self) -> bool:
        """Whether something has changed, and nothing since the last look: files come together."""
        seen, self._seen = self._seen, dict(_signatures())
        return seen == self._seen != self._known

    def take(self) -> list[Path]:
        """What has changed since the last call, sorted, from the checkout's root."""
        known, self._known = self._known, self._seen
        changed = {path for path, _ in known.items() ^ self._known.items()}
        return sorted(path.relative_to(ROOT) for path in changed)


def _signatures() -> Iterator[tuple[Path, tuple[int, int]]]:
    for path in (ROOT / name for name in (*map(Path, _FILES), *shipped(_CODE, root=ROOT))):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # it is gone since it was listed, or isn't there
        yield path, (status.st_mtime_ns, status.st_size)


class LiveEdits:
    """Deploys what was edited: the function's code by a hotswap, anything else by the CDK CLI.

    deployed: is called after each deployment.
    """

    def __init__(
        self,
        cloud: Emulator,
        deployment: Deployment,
        hotswap: Hotswap,
        deployed: Callable[[], None],
    ) -> None:
        self._cloud = cloud
        self._deployment = deployment
        self._hotswap = hotswap
        self._deployed = deployed
        self._pending: set[Path] = set()
        self._has_failed = False

    def apply(self, changed: list[Path], interruption: Interruption) -> None:
        """Deploy this and what failed before, and say what came of it. Raises Interrupted."""
        self._pending |= set(changed)
        pending = sorted(self._pending)
        locked = [path for path in pending if str(path) in INPUTS]
        if locked:
            say(f"{_named(locked)}: start again, which installs what is locked now.")
            return
        started = time.monotonic()
        is_code = all(
            path == DOCUMENT or any(path.is_relative_to(folder) for folder in CODE)
            for path in pending
        )
        if not is_code:
            say(f"{_named(pending)}: deploying")
        try:
            how = self._put_live(interruption, is_code=is_code)
        except Failure as failure:
            if self._cloud.has_ended():
                return  # which is another story
            explain(failure)
            ending = "what worked before still serves"
            if isinstance(failure, Outage):
                ending = "and nothing serves until it is repaired"
            say(f"{_named(pending)}: not live; {ending}.")
            self._has_failed = True
            return
        # A file that was only touched is not worth a word, but a repair by going back is.
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


def _named(paths: list[Path]) -> str:
    first, *others = map(str, paths)
    return f"{first} and {len(others)} more" if others else first
