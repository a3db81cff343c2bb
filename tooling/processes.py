"""Starts programs and stops them with everything that they started."""

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
_GRACE_SECONDS: Final = 60.0  # saving can take long on a busy machine


class Interrupted(BaseException):
    """A signal asked this process to stop.

    Attributes:
        signal_number: The signal.
        status: The exit status that a shell reports for it.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.signal_number = signal_number
        self.status = 128 + signal_number


class Interruption:
    """Records signals that ask to stop, for code that waits to check.

    The signals interrupt nothing by themselves, so they can't cut cleaning up short.
    """

    def __init__(self) -> None:
        self._signal: int | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._record)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
            signal.signal(signal.SIGHUP, self._record)

    def _record(self, number: int, _frame: FrameType | None) -> None:
        self._signal = self._signal or number

    def check(self) -> None:
        """Check for a signal.

        Raises:
            Interrupted: A signal has come.
        """
        if self._signal:
            raise Interrupted(self._signal)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds.

        Raises:
            Interrupted: A signal has come.
        """
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
    """Start a program in a session of its own, out of reach of the terminal's Ctrl-C.

    Args:
        command: The program and its arguments.
        environment: Its environment variables.
        folder: Its working directory.
        log: The file to append its standard error to.
        stdin: Its standard input, as for Popen.
        stdout: Its standard output, as for Popen; None for `log`.
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
            umask=0o077,  # the local cloud and its functions write users and secrets
        )


def stop_session(
    process: subprocess.Popen[bytes], *, grace_seconds: float = _GRACE_SECONDS
) -> bool:
    """Stop a program that start() started, and its process group: SIGTERM, then SIGKILL.

    Args:
        process: The program.
        grace_seconds: How long to wait between the two signals; 0 for no SIGTERM.

    Returns:
        Whether the program ended by itself or within the grace.
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
    """Kill the remaining processes of a process group."""
    # macOS reports a lack of permission, not of processes, if only zombies are left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
