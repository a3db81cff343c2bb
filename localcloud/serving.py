"""Serves the API until it is stopped, and keeps the users for the next start."""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from localcloud import emulator
from localcloud.activity import Activity
from localcloud.deployment import Deployment
from localcloud.emulator import Emulator
from localcloud.hotswap import routes
from localcloud.live import LiveEdits, Watch
from localcloud.starting import start
from tooling.processes import Interrupted, Interruption
from tooling.progress import Failure, say

_LOST: Final = "The next start has the users that the last clean stop kept."


def serve(port: int, interruption: Interruption, *, fresh: bool) -> None:
    """Serve until a signal asks to stop, then keep the users.

    Args:
        port: Where to listen on the loopback.
        interruption: Notes the signals that ask to stop.
        fresh: Whether to remove the kept users first.

    Raises:
        Failure: The start fails, the local cloud ends by itself, or it can't keep the users.
        Interrupted: A signal asked to stop before it served.
    """
    started = time.monotonic()
    folder = emulator.FOLDER
    emulator.make_private(folder)
    with ExitStack() as stack:
        stack.enter_context(_only_one(folder / "lock", port))
        emulator.require_free(port)
        activity, watch = Activity(), Watch()
        cloud = Emulator(folder, port, is_kept=True, show=activity.show)
        if fresh:
            cloud.remove_kept()
        stack.callback(cloud.stop)
        deployment, hotswap = start(cloud, folder, interruption)

        def deployed() -> None:
            activity.know(route["RouteKey"] for route in routes())

        deployed()
        _welcome(cloud.endpoint, time.monotonic() - started)
        activity.begin()
        edits = LiveEdits(cloud, deployment, hotswap, deployed)
        try:
            while True:
                interruption.wait_until(lambda: cloud.has_ended() or watch.has_changed())
                if cloud.has_ended():
                    break
                edits.apply(watch.take(), interruption)
        except Interrupted:
            _stop_and_keep(cloud, deployment)
            return
        raise Failure(
            f"The local cloud ended by itself; its log is above. {_LOST}", cloud.read_log()
        )


def _stop_and_keep(cloud: Emulator, deployment: Deployment) -> None:
    say("\nStopping ...", end="")
    # A stack that is left in the middle of a deployment could never be deployed again.
    if not deployment.settle():
        say("")
        raise Failure(f"A stack is not whole, so nothing was kept. {_LOST}")
    if not cloud.stop(keep=True):
        say("")
        raise Failure(
            f"The local cloud could not save; its log is above. {_LOST}", cloud.read_log()
        )
    say(" the users are kept for the next start.")


def _welcome(endpoint: str, seconds: float) -> None:
    user = f"jane-{secrets.token_hex(2)}"  # so that the line works each time
    say(
        f"""Ready after {seconds:.1f} s: {endpoint}

Create a user:

  curl -i {endpoint}/users -H 'Content-Type: application/json' \\
    -H "Authorization: Bearer $(./scripts/token)" \\
    -d '{{"username": "{user}", "email": "{user}@example.com"}}'

Read and try the API in a browser: {endpoint}/docs
Its field for a token takes what ./scripts/token prints.

Ctrl-C stops it and keeps the users."""
    )


@contextmanager
def _only_one(path: Path, port: int) -> Iterator[None]:
    """Hold the lock on the checkout's sandbox, which the system releases however we end."""
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Failure(
                f"A sandbox of this checkout runs already ({lock.read()}): use it, or stop it."
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, port {port}")
        lock.flush()
        yield
