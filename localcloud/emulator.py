"""The local cloud: an emulator of AWS, on the loopback, with its data in one folder."""

import http.client
import os
import random
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

from tooling import processes
from tooling.install import EMULATOR_PYTHON, LOCAL, ROOT
from tooling.processes import Interruption
from tooling.progress import Failure

HOST: Final = "127.0.0.1"
PORT: Final = 8787
REGION: Final = "us-east-1"
ACCOUNT: Final = "000000000000"
# What the sandbox that serves keeps.
FOLDER = LOCAL / "sandbox"
# Whose door leads to the API: constants.LOCAL has the API made with this id.
API_ID: Final = "5e7ca11e"

_MAIN: Final = f"""\
import sys; sys.path.insert(0, {str(ROOT)!r})
from localcloud.emulator_process.main import main; main({API_ID!r})"""
# What takes so long hangs: the machine may be busy.
_START_SECONDS: Final = 300.0
# What it logs: see emulator_process/durability.py.
_UNREADABLE: Final = "The kept data can't be read"
_RESTORED: Final = re.compile(r"Journal: (\d+) writes were restored, (\d+) were refused")
_VARIABLES: Final = "aws.env"
_CHECKPOINT_SECONDS: Final = 300.0
# No proxy: it could not reach this machine's loopback.
_HTTP: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


# None that the system may give away before its server listens there: for connections, and for
# servers that leave the choice to it, Linux takes those from 32768, macOS those from 49152.
_PORTS: Final = range(10_000, 32_768)


def make_private(folder: Path) -> None:
    """Make the folder, unless it is there, and let no other user in: it holds users and secrets."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def free_port() -> int:
    """A port of the loopback that nobody has."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311 it is no secret
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


def require_free(port: int) -> None:
    """Make sure that this port of the loopback can be listened on.

    Raises:
        Failure: it can't.
    """
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise Failure(
                f"Port {port} is taken by another program: stop it, or choose one with --port."
            )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the emulator does
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Failure(
                f"Port {port} can't be used ({error.strerror}): choose another one with --port."
            ) from None


def get(url: str, key: str = "") -> str | None:
    """Return the body of the response to a GET, or None unless that is a success."""
    try:
        with _HTTP.open(_request("GET", url, key), timeout=10) as response:
            return str(response.read().decode()) if response.status == HTTPStatus.OK else None
    except (OSError, http.client.HTTPException):
        return None


def process_of(variables: Mapping[str, str]) -> int | None:
    """Return the number of the emulator's process, or None when none responds to these variables.

    Args:
        variables: as aws_environment() makes them.
    """
    number = get(f"{variables['AWS_ENDPOINT_URL']}/_door", variables["AWS_SESSION_TOKEN"])
    # Another program may have the port by now.
    return int(number) if number and number.isdecimal() else None


def _request(method: str, url: str, key: str) -> urllib.request.Request:
    headers = {"X-Amz-Security-Token": key}
    return urllib.request.Request(url, method=method, headers=headers)  # noqa: S310 the loopback's


def running() -> dict[str, str]:
    """Return the variables for the sandbox that serves, which it has written into its folder.

    Raises:
        Failure: none serves.
    """
    with suppress(FileNotFoundError):
        lines = (FOLDER / _VARIABLES).read_text().splitlines()
        words = [shlex.split(line)[1] for line in lines if line.startswith("export ")]
        variables = dict(word.split("=", 1) for word in words)
        if process_of(variables):
            return variables
    raise Failure("No sandbox of this checkout runs: start ./scripts/sandbox in another terminal.")


def use(variables: Mapping[str, str]) -> None:
    """Have every SDK, in this process and in what it starts, find the emulator and nothing else.

    Args:
        variables: as aws_environment() makes them.
    """
    for name in [name for name in os.environ if name.startswith(("AWS_", "CDK_"))]:
        del os.environ[name]
    os.environ.update(variables)


def aws_environment(endpoint: str, key: str) -> dict[str, str]:
    """Return the variables with which every AWS SDK and tool talks to the emulator alone.

    Args:
        endpoint: the emulator's address.
        key: opens its door.
    """
    kept = [os.environ.get("NO_PROXY"), os.environ.get("no_proxy")]
    no_proxy = ",".join(filter(None, [*kept, HOST, "localhost"]))
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,  # makes the CDK CLI put bucket names into the path
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": key,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        # Nothing that the user's files or the machine could add.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }


class Emulator:
    """One emulator, and the folder that holds its data, its log and its temporary files.

    `endpoint` is its address, and the API's; `variables` lead every SDK and tool to it.
    is_kept: whether what it holds is kept for the next one that has the folder.
    show: gets each line that reports an event (emulator_process); without it the log does.
    enforces_iam: whether it refuses what the policies don't permit a role; else all is permitted.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        is_kept: bool = False,
        show: Callable[[bytes], None] | None = None,
        enforces_iam: bool = False,
    ) -> None:
        self.enforces_iam = enforces_iam
        self.endpoint = f"http://{HOST}:{port}"
        self._key = secrets.token_urlsafe()
        self.variables = aws_environment(self.endpoint, self._key)
        self._log = folder / "emulator.log"
        self._folder = folder
        self._port = port
        self._is_kept = is_kept
        self._show = show
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, interruption: Interruption) -> None:
        """Return when it answers. Raises Failure, or Interrupted; then call stop() all the same."""
        make_private(self._folder)
        temporary = self._folder / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        self._log.unlink(missing_ok=True)
        self._write_variables()
        self._process = processes.start(
            [str(EMULATOR_PYTHON), "-I", "-c", _MAIN],
            self._environment(temporary),
            folder=self._folder,
            log=self._log,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if self._show else None,
        )
        if self._show:
            threading.Thread(target=self._show_all, args=[self._show], daemon=True).start()
        deadline = time.monotonic() + _START_SECONDS
        process = self._process.pid

        def is_ready() -> bool:
            if self.has_ended():
                require_free(self._port)
                self._require_readable()
            if self.has_ended() or time.monotonic() > deadline:
                raise Failure("The local cloud did not start; its log is above.", self.read_log())
            # Another program may have taken the port meanwhile, another checkout's cloud even.
            return process_of(self.variables) == process

        interruption.wait_until(is_ready)

    def _write_variables(self) -> None:
        """Write what a shell reads in, and running(); nobody else may read it."""
        path = self._folder / _VARIABLES
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("unset AWS_PROFILE AWS_DEFAULT_PROFILE\n")
            for name, value in self.variables.items():
                file.write(f"export {shlex.quote(f'{name}={value}')}\n")

    def _require_readable(self) -> None:
        if _UNREADABLE in self.read_log():
            raise Failure(
                f"The kept data in {self._folder / 'state'} can't be read; its log is above. "
                "Repair it, or start with --fresh, which removes it.",
                self.read_log(),
            )

    def _show_all(self, show: Callable[[bytes], None]) -> None:
        assert self._process  # noqa: S101
        assert self._process.stdout  # noqa: S101
        for line in self._process.stdout:
            show(line)

    def restored(self) -> tuple[int, int]:
        """How many writes, made since the last checkpoint, the start restored; and could not."""
        found = _RESTORED.search(self.read_log())
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def checkpoint(self) -> None:
        """Have all that it holds kept, however it ends. Raises Failure; it goes on all the same."""
        try:
            request = _request("POST", f"{self.endpoint}/_checkpoint", self._key)
            _HTTP.open(request, timeout=_CHECKPOINT_SECONDS).close()
        except (OSError, http.client.HTTPException) as error:
            raise Failure(
                f"The local cloud can't keep what was deployed ({error}); its log is above.",
                self.read_log(),
            ) from None

    def has_ended(self) -> bool:
        """Whether it isn't running any more."""
        return self._process is None or self._process.poll() is not None

    def stop(self) -> bool:
        """Stop it and all that it started. Returns whether it kept all that it held."""
        if self._process is None:
            return True
        saved = processes.stop_session(self._process) and self._process.returncode == 0
        shutil.rmtree(self._folder / "tmp", ignore_errors=True)
        (self._folder / _VARIABLES).unlink(missing_ok=True)
        return saved

    def read_log(self) -> str:
        """What it wrote."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _environment(self, temporary: Path) -> dict[str, str]:
        # Nothing of the caller's: the functions that it runs inherit this.
        return {
            "PATH": os.defpath,
            "HOME": str(temporary),
            "TMPDIR": str(temporary),
            "LANG": "C.UTF-8",
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self._port),
            "AUTH": str(self.enforces_iam),
            "AWS_SESSION_TOKEN": self._key,
            # A breakpoint() is for ./scripts/invoke: where a function runs, nobody could answer it.
            "PYTHONBREAKPOINT": "0",
            "IOT_MTLS_ENABLED": "0",  # would listen on all interfaces
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": str(int(self._is_kept)),
            "STATE_DIR": str(self._folder / "state"),
            "S3_PERSIST": str(int(self._is_kept)),
            "S3_DATA_DIR": str(self._folder / "s3"),
        }
