"""./scripts/sandbox: the stack on a local cloud, deployed by the real CDK CLI, serving the API."""

import argparse
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from localcloud import emulator, processes
from localcloud.activity import Activity
from localcloud.deployment import Deployment
from localcloud.emulator import PORT, Emulator
from localcloud.hotswap import Hotswap, routes
from localcloud.install import LOCAL
from localcloud.live import LiveEdits, Watch
from localcloud.processes import Interrupted, Interruption
from localcloud.progress import Failure, explain, say, step

FOLDER = LOCAL / "sandbox"
_READY_SECONDS: Final = 30.0
_GRACE_SECONDS: Final = 15.0
_RUN: Final = "run-"
_COMMAND_NOT_EXECUTABLE: Final = 126
_COMMAND_NOT_FOUND: Final = 127

_LOST: Final = (
    "Every user is kept; what else was changed in it by hand since the last deployment is lost."
)

_DESCRIPTION: Final = """\
Deploys the stack onto a local cloud with the real CDK CLI, and serves the API until Ctrl-C.
Needs no AWS account and no Docker, and never reaches AWS. The users stay for the next start.
"""
_EPILOG: Final = """\
With a COMMAND: runs it against an empty sandbox of its own on a free port, with API_ENDPOINT set
and every AWS_* variable set to the local cloud, and exits with its status. Nothing is kept.
"""


def main() -> None:
    """Parse the command line, and run what it asks for."""
    arguments, command = _parse(sys.argv[1:])
    _forget_aws()
    interruption = Interruption()
    try:
        sys.exit(_run(command, interruption) if command else _serve(arguments, interruption))
    except Failure as failure:
        explain(failure)
        sys.exit(1)
    except Interrupted as interrupted:
        say("\nStopped.")
        sys.exit(interrupted.status)


def _forget_aws() -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "CDK_"))]:
        del os.environ[name]


def _parse(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    own, command = words, []
    if "--" in words:
        position = words.index("--")
        own, command = words[:position], words[position + 1 :]
    parser = argparse.ArgumentParser(
        prog="./scripts/sandbox",
        usage="%(prog)s [--port N] [--fresh]\n       %(prog)s -- COMMAND [ARGUMENT ...]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=_port, help=f"listen here, not on {PORT}", metavar="N")
    parser.add_argument("--fresh", action="store_true", help="begin without users")
    arguments = parser.parse_args(own)
    if len(own) < len(words) and not command:
        parser.error("there is no COMMAND after --")
    if command and own:
        parser.error("a COMMAND has an empty sandbox on a free port: leave the options out")
    return arguments, command


def _port(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 65535:  # noqa: PLR2004
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port: use a number from 1 to 65535")


def _serve(arguments: argparse.Namespace, interruption: Interruption) -> int:
    started = time.monotonic()
    port = arguments.port or PORT
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(_only_one(FOLDER / "lock", port))
        emulator.require_free(port)
        if arguments.fresh:
            for path in ("state", "s3"):
                shutil.rmtree(FOLDER / path, ignore_errors=True)
        activity, watch = Activity(), Watch()
        cloud = Emulator(FOLDER, port, is_kept=True, show=activity.show)
        stack.callback(_stop_and_say, cloud)
        deployment, hotswap = _start(cloud, FOLDER, interruption)

        def deployed() -> None:
            activity.know(route["RouteKey"] for route in routes())
            cloud.checkpoint()

        deployed()
        _welcome(cloud.endpoint, time.monotonic() - started)
        activity.begin()
        edits = LiveEdits(cloud, deployment, hotswap, deployed)
        try:
            while not cloud.has_ended():
                if watch.has_changed():
                    edits.apply(watch.take(), interruption)
                interruption.wait_until(lambda: cloud.has_ended() or watch.has_changed())
        except Interrupted:
            return 0
        raise Failure(
            f"The local cloud ended by itself, its log is above. {_LOST}",
            cloud.read_log(),
        )


def _stop_and_say(cloud: Emulator) -> None:
    if cloud.has_ended():
        cloud.stop()
        return
    say("\nStopping ...", end="")
    if not cloud.stop():
        say("")
        raise Failure(
            f"The local cloud could not save when it ended, its log is above. {_LOST}",
            cloud.read_log(),
        )
    say(" the users are kept for the next start.")


def _run(command: list[str], interruption: Interruption) -> int:
    if not shutil.which(command[0]):
        say(f"{command[0]!r} is no command that can be run: correct it, or make it executable.")
        return _COMMAND_NOT_FOUND
    _remove_what_the_killed_left()
    prefix = f"{_RUN}{os.getpid()}-"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=LOCAL, prefix=prefix)))
        cloud = Emulator(folder, emulator.free_port(), is_kept=False)
        stack.callback(cloud.stop)
        _start(cloud, folder, interruption)
        environment = {**os.environ, "API_ENDPOINT": cloud.endpoint}
        return _run_command(command, environment, interruption)


def _remove_what_the_killed_left() -> None:
    for folder in LOCAL.glob(f"{_RUN}*"):
        process = int(folder.name.removeprefix(_RUN).split("-")[0])
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)


def _run_command(
    command: list[str], environment: dict[str, str], interruption: Interruption
) -> int:
    try:
        # A group of its own, all of which can be ended.
        process = subprocess.Popen(command, env=environment, process_group=0)
    except OSError as error:
        say(f"{command[0]!r} can't be run ({error.strerror}): is it a program for this machine?")
        return _COMMAND_NOT_EXECUTABLE
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
    """Give the command's group the terminal, if we have it: its keyboard, Ctrl-C and Ctrl-Z.

    Yields what has to be called again and again, to stop with the command when it is stopped.
    """
    terminal = sys.stdin.fileno() if sys.stdin else -1
    if not os.isatty(terminal) or os.tcgetpgrp(terminal) != os.getpgrp():
        yield lambda: None
        return
    # In the background, whoever changes the terminal's group is stopped, or ignores this signal.
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


def _start(cloud: Emulator, folder: Path, interruption: Interruption) -> tuple[Deployment, Hotswap]:
    """Start the cloud, deploy to it, and wait until the API answers."""
    # Every SDK, in this process and in what it starts, finds the local cloud and nothing else.
    os.environ.update(emulator.aws_environment(cloud.endpoint))
    deployment = Deployment(folder, cloud)
    try:
        # Synthesizing takes longest and needs no cloud: it goes on beside the next two steps.
        deployment.start_synthesis()
        with step("local cloud"):
            cloud.start(interruption)
        _say_what_was_restored(*cloud.restored())
        with step("cdk bootstrap"):
            deployment.bootstrap(interruption)
        with step("cdk synth"):
            deployment.finish_synthesis(interruption)
        with step("cdk deploy"):
            deployment.deploy(interruption)
        with step("first answer"):
            hotswap = Hotswap(deployment.environment(), folder)
            hotswap.verify(interruption)
            _await_answer(cloud, interruption)
    finally:
        deployment.abandon()
    return deployment, hotswap


def _say_what_was_restored(restored: int, refused: int) -> None:
    if restored or refused:
        text = f"  The last local cloud ended before it saved. Writes restored: {restored}"
        say(text + (f", refused: {refused}; emulator.log says which." if refused else "."))


def _await_answer(cloud: Emulator, interruption: Interruption) -> None:
    deadline = time.monotonic() + _READY_SECONDS

    def is_ready() -> bool:
        if cloud.has_ended() or time.monotonic() > deadline:
            raise Failure(
                "The API does not answer; the local cloud's log is above.", cloud.read_log()
            )
        return emulator.get(f"{cloud.endpoint}/health") is not None

    interruption.wait_until(is_ready)


def _welcome(endpoint: str, seconds: float) -> None:
    user = f"jane-{secrets.token_hex(2)}"  # so that the line works each time
    say(
        f"""Ready after {seconds:.1f} s: {endpoint}

Create a user:

  curl -i {endpoint}/users -H 'Content-Type: application/json' \\
    -d '{{"username": "{user}", "email": "{user}@example.com"}}'

Ctrl-C stops it and keeps the users."""
    )


@contextmanager
def _only_one(path: Path, port: int) -> Iterator[None]:
    """Hold the checkout's sandbox; the system lets go of it however this process ends."""
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
