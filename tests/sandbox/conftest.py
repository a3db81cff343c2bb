"""Sandboxes for the tests, separate from one that may run in this checkout."""

import fcntl
import json
import os
import queue
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil
import pytest
from botocore.config import Config

from localcloud import emulator
from localcloud.deployment import Deployment
from localcloud.emulator import Emulator
from tooling.install import NODE_FOLDER

ROOT = Path(__file__).parents[2]
# Limits only for a process that hangs: the machine may be busy.
_START_SECONDS = 300
_STOP_SECONDS = 300

# ./scripts/sandbox keeps its data in one folder of the checkout; a test must not touch it.
_ELSEWHERE = """
import sys, pathlib
from localcloud import command, deployment, emulator, invoke, sandbox, tokens
emulator.FOLDER = pathlib.Path(sys.argv.pop(1))
deployment.ROOT = pathlib.Path(sys.argv.pop(1))
"""
# For tests of `./scripts/sandbox -- COMMAND` that need no running cloud.
_NOTHING_DEPLOYED = """
command.start = lambda *_, **__: None
command._token = lambda: ""
"""
_SANDBOX = f"{_ELSEWHERE}sandbox.main()"
_SANDBOX_WITHOUT_CLOUD = f"{_ELSEWHERE}{_NOTHING_DEPLOYED}sandbox.main()"
_TOKEN = f"{_ELSEWHERE}tokens.main()"
_INVOKE = f"{_ELSEWHERE}invoke.main()"


class Sandbox:
    """A running ./scripts/sandbox.

    Args:
        folder: Where it keeps its data.
        arguments: Its arguments.
        options: `environment`, its variables; `app`, the folder of the CDK app; and `command`, the
            command that starts it. All have defaults.

    Attributes:
        process: Its process.
        output: Its output so far.
        descendants: The processes that it started.
    """

    def __init__(self, folder: Path, arguments: list[str], **options: object) -> None:
        environment = options.get("environment", os.environ)
        assert isinstance(environment, Mapping)
        app = options.get("app", ROOT)
        command = options.get("command", [sys.executable, "-c", _SANDBOX, str(folder), str(app)])
        assert isinstance(command, list)
        self.process = subprocess.Popen(
            [*command, *arguments],
            cwd=ROOT,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self.descendants: list[psutil.Process] = []
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout:
            for line in self.process.stdout:
                self._lines.put(line)
        self._lines.put("")

    def read_until(self, pattern: str) -> str:
        """Wait for a line that matches, and return the output so far. Fail if none comes."""
        while line := self._next_line():
            if re.search(pattern, line):
                self.descendants += psutil.Process(self.process.pid).children(recursive=True)
                return self.output
        pytest.fail(f"{pattern!r} is not in its output:\n{self.output}", pytrace=False)

    def _next_line(self) -> str:
        try:
            line = self._lines.get(timeout=_START_SECONDS)
        except queue.Empty:
            return ""
        self.output += line
        return line

    def signal(self, number: signal.Signals) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        self.process.send_signal(number)
        return self.finish()

    def finish(self) -> int:
        """Wait for the end, and return the exit status."""
        while self._next_line():
            pass
        return self.process.wait(timeout=_START_SECONDS)

    def terminate(self) -> None:
        """End the process, if it hasn't ended."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)

    def left_running(self) -> list[str]:
        """Return the command lines of processes that it started and didn't end."""
        _, alive = psutil.wait_procs(self.descendants, timeout=_STOP_SECONDS)
        return [" ".join(process.cmdline()) for process in alive]


def token_command(folder: Path, *options: str) -> list[str]:
    """Return a command like ./scripts/token for the sandbox with its data in the folder."""
    return [sys.executable, "-c", _TOKEN, str(folder), str(ROOT), *options]


def sandbox_command(folder: Path, *options: str) -> list[str]:
    """Return a command like ./scripts/sandbox with its data in the folder."""
    return [sys.executable, "-c", _SANDBOX, str(folder), str(ROOT), *options]


def command_without_cloud(folder: Path, *options: str) -> list[str]:
    """Return a command like ./scripts/sandbox -- COMMAND that starts no cloud."""
    return [sys.executable, "-c", _SANDBOX_WITHOUT_CLOUD, str(folder), str(ROOT), *options]


def invoke_command(folder: Path, *words: str) -> list[str]:
    """Return a command like ./scripts/invoke for the sandbox with its data in the folder."""
    return [sys.executable, "-c", _INVOKE, str(folder), str(ROOT), *words]


def token_of(folder: Path, *options: str) -> str:
    """Return what ./scripts/token prints."""
    return subprocess.run(
        token_command(folder, *options),
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_START_SECONDS,
    ).stdout.strip()


def with_token(folder: Path) -> dict[str, str]:
    """Return headers with a token that allows everything."""
    return {"Authorization": f"Bearer {token_of(folder)}"}


def variables_of(folder: Path) -> dict[str, str]:
    """Return what `. .local/sandbox/aws.env` sets in a shell."""
    script = f'set -eu; . "$1"; exec {shlex.quote(sys.executable)} -c "$2"'
    program = "import json, os; print(json.dumps(dict(os.environ)))"
    command = ["/bin/sh", "-c", script, "sh", str(folder / "aws.env"), program]
    done = subprocess.run(command, check=True, env={}, capture_output=True, text=True)
    variables: dict[str, str] = json.loads(done.stdout)
    return variables


def aws_client(service: Any, variables: Mapping[str, str]) -> Any:
    """Return a client of a service of the local cloud, configured as AWS's tools are."""
    return boto3.Session(
        variables["AWS_ACCESS_KEY_ID"],
        variables["AWS_SECRET_ACCESS_KEY"],
        variables["AWS_SESSION_TOKEN"],
        region_name=variables["AWS_REGION"],
    ).client(service, endpoint_url=variables["AWS_ENDPOINT_URL"], config=Config(proxies={}))


type Start = Callable[..., Sandbox]


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a CDK app that copies an assembly, so that sandboxes start sooner."""
    own = tmp_path_factory.getbasetemp()
    folder = (
        own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    ) / "app"  # all workers share it
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "cdk.json").exists():
            folder.mkdir(exist_ok=True)
            _synthesize(folder)
            command = f"cp -R {folder}/assembly/. $CDK_OUTDIR"
            (folder / "cdk.json").write_text(json.dumps({"app": command}))
    return folder


def _synthesize(folder: Path) -> None:
    environment = Deployment(folder, Emulator(folder, 0)).environment()
    command = [str(NODE_FOLDER / "node"), str(ROOT / "node_modules/aws-cdk/bin/cdk"), "synth"]
    command += ["--quiet", "--context", "environment=local", "--output", str(folder / "assembly")]
    subprocess.run(command, check=True, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)


@pytest.fixture
def start(tmp_path: Path, app: Path) -> Iterator[Start]:
    """Yield what starts a sandbox with the given arguments. A test's sandboxes share their data."""
    started = []

    def start_one(*arguments: str, **options: object) -> Sandbox:
        options.setdefault("app", app)
        started.append(Sandbox(tmp_path / "sandbox", list(arguments), **options))
        return started[-1]

    yield start_one
    for sandbox in started:
        sandbox.terminate()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sandbox's folder. Others may read it, as earlier versions left it."""
    folder = tmp_path_factory.mktemp("machine") / "sandbox"
    folder.mkdir()
    for path in (folder, folder.parent):
        path.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def sandbox(folder: Path, app: Path) -> Iterator[Sandbox]:
    """Yield a running sandbox."""
    sandbox = Sandbox(folder, ["--port", str(emulator.free_port())], app=app)
    sandbox.read_until("Ctrl-C stops it")
    yield sandbox
    sandbox.terminate()


@pytest.fixture(scope="session")
def cloud(sandbox: Sandbox, folder: Path) -> Iterator[httpx.Client]:
    """Yield a client of the running sandbox that sends a token."""
    url, headers = variables_of(folder)["AWS_ENDPOINT_URL"], with_token(folder)
    with httpx.Client(base_url=url, headers=headers, timeout=120, trust_env=False) as client:
        yield client


@pytest.fixture
def port() -> int:
    return emulator.free_port()
