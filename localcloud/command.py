"""Runs a command against an empty sandbox of its own."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from localcloud import emulator
from localcloud.deployment import LOCAL_ENVIRONMENT
from localcloud.emulator import API_ID, Emulator
from localcloud.starting import start
from tooling import processes, tokens
from tooling.install import LOCAL, ROOT
from tooling.processes import Interrupted, Interruption
from tooling.progress import say

_GRACE_SECONDS: Final = 15.0
_FOLDER: Final = "run-"
_KEPT_LOG: Final = LOCAL / "command.log"
_NOT_EXECUTABLE: Final = 126
_NOT_FOUND: Final = 127


def run(
    command: list[str],
    interruption: Interruption,
    *,
    environment: str = LOCAL_ENVIRONMENT,
    enforces_iam: bool = False,
) -> int:
    """Run a command against a sandbox, and remove the sandbox; keep the log if the command fails.

    Args:
        command: The program and its arguments.
        interruption: Notes the signals that ask to stop.
        environment: Whose stack to deploy: one of constants.py.
        enforces_iam: Whether to refuse what a role's policies don't permit.

    Returns:
        The command's exit status.

    Raises:
        Failure: The sandbox can't be started.
        Interrupted: A signal asked to stop.
    """
    if not shutil.which(command[0]):
        say(f"{command[0]!r} can't be run: correct the name, or make the file executable.")
        return _NOT_FOUND
    with ExitStack() as stack:
        folder = stack.enter_context(_own_folder())
        cloud = Emulator(folder, emulator.free_port(), enforces_iam=enforces_iam)
        stack.callback(cloud.stop)
        start(cloud, folder, interruption, environment=environment)
        token = _token()
        variables = {**os.environ, "API_ENDPOINT": cloud.endpoint, "API_TOKEN": token}
        status = _run_command(command, variables, interruption)
        if status:
            # Only the owner may read it, also if an older run left a file.
            _KEPT_LOG.touch(0o600)
            _KEPT_LOG.chmod(0o600)
            _KEPT_LOG.write_text(cloud.read_log())
            kept = _KEPT_LOG.relative_to(ROOT)
            say(f"The command failed. {kept} has what the local cloud and the function logged.")
        return status


def _token() -> str:
    """Return a token that outlasts the command; of another issuer, the caller's own."""
    try:
        return tokens.of_api(API_ID)
    except tokens.ForeignIssuer:
        if given := os.environ.get("API_TOKEN"):
            return given
        raise


@contextmanager
def _own_folder() -> Iterator[Path]:
    """Yield an empty folder, and remove the folders of runs that were killed.

    A run holds a lock on its folder, which the system releases however the run ends. A process id
    would not do: another container that uses this checkout has ids of its own.
    """
    with (LOCAL / "runs.lock").open("w") as making:
        fcntl.flock(making, fcntl.LOCK_EX)  # until the new folder is locked, nobody removes it
        for left in LOCAL.glob(f"{_FOLDER}*"):
            with suppress(FileNotFoundError), _locked(left) as is_ours:
                if is_ours:
                    shutil.rmtree(left, ignore_errors=True)
        temporary = tempfile.TemporaryDirectory(dir=LOCAL, prefix=f"{_FOLDER}{os.getpid()}-")
        own = ExitStack()
        folder = Path(own.enter_context(temporary))
        own.enter_context(_locked(folder))
    with own:
        yield folder


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Lock the folder, and yield whether that succeeded: another process may hold the lock."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        is_ours = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            is_ours = False
        yield is_ours
    finally:
        os.close(descriptor)


def _run_command(
    command: list[str], environment: dict[str, str], interruption: Interruption
) -> int:
    try:
        # In a process group of its own, so that all of it can be ended.
        process = subprocess.Popen(command, env=environment, process_group=0)
    except OSError as error:
        say(f"{command[0]!r} can't be run ({error.strerror}): is it a program for this machine?")
        return _NOT_EXECUTABLE
    try:
        with _terminal_for(process) as handle_stop:

            def has_ended() -> bool:
                handle_stop()
                return process.poll() is not None

            interruption.wait_until(has_ended)
    except Interrupted as interrupted:
        os.killpg(process.pid, interrupted.signal_number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
        raise
    finally:
        processes.kill_group(process.pid)
        process.wait()
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


@contextmanager
def _terminal_for(process: subprocess.Popen[bytes]) -> Iterator[Callable[[], None]]:
    """Give the command's process group our terminal, if we have one, with Ctrl-C and Ctrl-Z.

    Yields a function to call repeatedly: it stops this process when Ctrl-Z stops the command.
    """
    terminal = sys.stdin.fileno() if sys.stdin else -1
    if not os.isatty(terminal) or os.tcgetpgrp(terminal) != os.getpgrp():
        yield lambda: None
        return
    # A background process that changes the terminal's group is stopped, unless it ignores this.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)

    def hand_over() -> None:
        os.tcsetpgrp(terminal, process.pid)
        os.killpg(process.pid, signal.SIGCONT)

    def stop_with_it() -> None:
        with suppress(ChildProcessError):  # it has ended
            if os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG):
                os.tcsetpgrp(terminal, os.getpgrp())
                os.kill(os.getpid(), signal.SIGSTOP)
                hand_over()

    hand_over()
    try:
        yield stop_with_it
    finally:
        os.tcsetpgrp(terminal, os.getpgrp())
