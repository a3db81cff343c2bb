"""Runs programs so that none outlives what started it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final

_POLL_SECONDS: Final = 0.05
_GRACE_SECONDS: Final = 60.0  # a busy machine takes its time to save


class Interrupted(BaseException):
    """A signal asked to stop. `status` is the shell's exit status for it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.signal_number = signal_number
        self.status = 128 + signal_number


class Interruption:
    """Notes the signals that ask to stop; whoever waits asks here, so cleaning up is never cut."""

    def __init__(self) -> None:
        self._signal: int | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
            signal.signal(signal.SIGHUP, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signal = self._signal or number

    def check(self) -> None:
        """Raises Interrupted when a signal came."""
        if self._signal:
            raise Interrupted(self._signal)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds. Raises Interrupted."""
        while not condition():
            self.check()
            time.sleep(_POLL_SECONDS)


def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    folder: Path,
    log: Path,
    stdin: int = subprocess.DEVNULL,
    stdout: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, where the terminal's Ctrl-C doesn't reach it.

    Its standard error goes to the file `log`, and so does its standard output unless `stdout` says
    where else.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=stdin,
            stdout=output if stdout is None else stdout,
            stderr=output,
            start_new_session=True,
            umask=0o077,  # what the local cloud and its functions write holds users and secrets
        )


def stop_session(
    process: subprocess.Popen[bytes], *, grace_seconds: float = _GRACE_SECONDS
) -> bool:
    """End a program that start() started, and all that it started, gently first.

    Returns whether the program ended by itself or within the grace.
    """
    if grace_seconds and process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace_seconds)
    ended = process.poll() is not None
    kill_group(process.pid)
    process.wait()
    if process.stdin:
        process.stdin.close()
    return ended


def kill_group(group: int) -> None:
    """Kill every process of a group that is left."""
    # macOS refuses, rather than finds none, when only zombies are left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
