"""A sandbox of the test's own, beside whatever runs in this checkout."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from localcloud import emulator

ROOT = Path(__file__).parents[2]
_START_SECONDS = 120
_STOP_SECONDS = 30

# ./scripts/sandbox keeps its data in one folder of the checkout; a test must not touch it.
_ELSEWHERE = """
import sys, pathlib
from localcloud import deployment, sandbox
sandbox.FOLDER = pathlib.Path(sys.argv.pop(1))
deployment.ROOT = pathlib.Path(sys.argv.pop(1))
sandbox.main()
"""


def run_elsewhere(folder: Path, *arguments: str) -> None:
    """Become a sandbox with its data in the folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _ELSEWHERE, str(folder), str(ROOT), *arguments]
    os.execve(sys.executable, command, environment)  # noqa: S606


class Sandbox:
    """A started ./scripts/sandbox, and everything that it started."""

    def __init__(self, folder: Path, arguments: list[str], **options: object) -> None:
        environment = options.get("environment", os.environ)
        assert isinstance(environment, Mapping)
        app = options.get("app", ROOT)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ELSEWHERE, str(folder), str(app), *arguments],
            cwd=ROOT,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self.descendants: list[psutil.Process] = []

    def read_until(self, text: str) -> str:
        """Its output so far, once that holds the text; fails when it ends before."""
        assert self.process.stdout
        for line in iter(self.process.stdout.readline, ""):
            self.output += line
            if text in line:
                self.descendants += psutil.Process(self.process.pid).children(recursive=True)
                return self.output
        pytest.fail(f"{text!r} is not in its output:\n{self.output}", pytrace=False)

    def signal(self, number: signal.Signals) -> int:
        """Send a signal, and return the exit status."""
        self.process.send_signal(number)
        return self.finish()

    def finish(self) -> int:
        """Wait for the end, and return the exit status."""
        rest, _ = self.process.communicate(timeout=_START_SECONDS)
        self.output += rest
        return self.process.returncode

    def terminate(self) -> None:
        """End it, if it hasn't ended."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)

    def left_running(self) -> list[str]:
        """The command lines of what it started and didn't end."""
        _, alive = psutil.wait_procs(self.descendants, timeout=_STOP_SECONDS)
        return [" ".join(process.cmdline()) for process in alive]


type Start = Callable[..., Sandbox]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a sandbox with the given arguments; all of a test's share their data."""
    started = []

    def start_one(*arguments: str, **options: object) -> Sandbox:
        started.append(Sandbox(tmp_path / "sandbox", list(arguments), **options))
        return started[-1]

    yield start_one
    for sandbox in started:
        sandbox.terminate()


@pytest.fixture
def port() -> int:
    return emulator.free_port()
