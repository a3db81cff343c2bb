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
import tempfile
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
# Where the sandbox that serves has its files.
FOLDER = LOCAL / "sandbox"
# The API that the door leads to; constants.LOCAL gives the API this id.
API_ID: Final = "5e7ca11e"

_MAIN: Final = f"""\
import sys; sys.path.insert(0, {str(ROOT)!r})
from localcloud.emulator_process.main import main; main({API_ID!r})"""
# A limit only for what hangs: the machine may be busy.
_START_SECONDS: Final = 300.0
_VARIABLES: Final = "aws.env"
# In an emulator's folder: the data that clean stops kept, and the copy that it works on.
_KEPT: Final = "kept-"
_WORKING: Final = "working-"
# What it logs when it goes on without data that it could not load, or ends without saving all.
# Its own lines, and its server's, begin so; functions' output is in the same log.
_OWN: Final = r"^\d{4}-\d\d-\d\d [\d:]{8} [A-Z]+ \[\w+\] "
_SERVER: Final = r"^\[\d{4}-[^]]+\] \[\d+\] \[[A-Z]+\] ASGI Framework Lifespan error"
_NOT_LOADED: Final = re.compile(
    f"(?m){_OWN}.*(failed to load|refusing to load|Failed to restore)|{_SERVER}"
)
_NOT_SAVED: Final = re.compile(f"(?m){_OWN}Persistence: (failed to save|error)|{_SERVER}")
# No proxy: it could not reach this machine's loopback.
_HTTP: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# The system gives none of these to another program before our server listens: for connections and
# for servers that leave the choice to it, Linux uses ports from 32768, macOS from 49152.
_PORTS: Final = range(10_000, 32_768)


def make_private(folder: Path) -> None:
    """Make the folder, unless it exists, and let no other user in: it holds users and secrets."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def free_port() -> int:
    """Return a free port of the loopback."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311 it is no secret
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


def require_free(port: int) -> None:
    """Check that a server can listen on a port of the loopback.

    Raises:
        Failure: It can't.
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
    """Return the body of a successful response to GET, or None."""
    try:
        with _HTTP.open(_request("GET", url, key), timeout=10) as response:
            return str(response.read().decode()) if response.status == HTTPStatus.OK else None
    except (OSError, http.client.HTTPException):
        return None


def process_of(variables: Mapping[str, str]) -> int | None:
    """Return the process id of the emulator that responds to these variables, or None.

    Args:
        variables: The variables that aws_environment() returns.
    """
    number = get(f"{variables['AWS_ENDPOINT_URL']}/_door", variables["AWS_SESSION_TOKEN"])
    # Another program may have the port by now.
    return int(number) if number and number.isdecimal() else None


def _request(method: str, url: str, key: str) -> urllib.request.Request:
    headers = {"X-Amz-Security-Token": key}
    return urllib.request.Request(url, method=method, headers=headers)  # noqa: S310 the loopback's


def running() -> dict[str, str]:
    """Return the variables that lead to the running sandbox, from the file that it has written.

    Raises:
        Failure: No sandbox runs.
    """
    with suppress(FileNotFoundError):
        lines = (FOLDER / _VARIABLES).read_text().splitlines()
        words = [shlex.split(line)[1] for line in lines if line.startswith("export ")]
        variables = dict(word.split("=", 1) for word in words)
        if process_of(variables):
            return variables
    raise Failure("No sandbox of this checkout runs: start ./scripts/sandbox in another terminal.")


def use(variables: Mapping[str, str]) -> None:
    """Lead every SDK, in this process and in what it starts, to the emulator and nowhere else.

    Args:
        variables: The variables that aws_environment() returns.
    """
    for name in [name for name in os.environ if name.startswith(("AWS_", "CDK_"))]:
        del os.environ[name]
    os.environ.update(variables)


def aws_environment(endpoint: str, key: str) -> dict[str, str]:
    """Return variables that lead every AWS SDK and tool to the emulator.

    Args:
        endpoint: The emulator's address.
        key: The session token that opens its door.
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

    The emulator saves its data when it is stopped, one service after the other. It works on a copy
    of the kept data, which replaces the kept data once all of it is saved: after a kill, the next
    start has what the last clean stop kept.

    Attributes:
        endpoint: Its address, and the API's.
        variables: Lead every SDK and tool to it.
        enforces_iam: Whether it refuses what a role's policies don't permit.
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
        """Prepare an emulator; start() starts it.

        Args:
            folder: Where its files are.
            port: Where it listens on the loopback.
            is_kept: Whether stop() can keep its data for the next one that has the folder.
            show: Takes each line that reports an event (emulator_process).
            enforces_iam: Whether to refuse what a role's policies don't permit.
        """
        self.enforces_iam = enforces_iam
        self.endpoint = f"http://{HOST}:{port}"
        self._key = secrets.token_urlsafe()
        self.variables = aws_environment(self.endpoint, self._key)
        self._log = folder / "emulator.log"
        self._folder = folder
        self._working = folder
        self._port = port
        self._is_kept = is_kept
        self._show = show
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, interruption: Interruption) -> None:
        """Start it, and return when it responds; call stop() in any case.

        Raises:
            Failure: It doesn't start, or can't read the kept data.
            Interrupted: A signal asked to stop.
        """
        make_private(self._folder)
        temporary = self._folder / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        self._log.unlink(missing_ok=True)
        self._write_variables()
        self._working = self._copy_kept()
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
            if self.has_ended() or time.monotonic() > deadline:
                raise Failure("The local cloud did not start; its log is above.", self.read_log())
            # Another program may have taken the port meanwhile, another checkout's cloud even.
            return process_of(self.variables) == process

        interruption.wait_until(is_ready)
        if _NOT_LOADED.search(self.read_log()):
            kept = self._kept() if self._is_kept else []
            raise Failure(
                f"The kept data ({kept[-1]}) can't be read; its log is above. Repair it, or start "
                "with --fresh, which removes it."
                if kept
                else "The local cloud did not start; its log is above.",
                self.read_log(),
            )

    def _kept(self) -> list[Path]:
        """Return the folders of kept data, the newest last."""
        return sorted(self._folder.glob(f"{_KEPT}[0-9]*"), key=_number)

    def _copy_kept(self) -> Path:
        """Return a copy of the kept data to work on; remove those that killed starts left."""
        for left in self._folder.glob(f"{_WORKING}*"):
            shutil.rmtree(left, ignore_errors=True)
        # A new name each time: an emulator whose parent was killed may be saving under the old one.
        working = Path(tempfile.mkdtemp(prefix=_WORKING, dir=self._folder))
        if self._is_kept and (kept := self._kept()):
            shutil.copytree(kept[-1], working, dirs_exist_ok=True)
        return working

    def _keep(self) -> None:
        """Make the working copy the kept data; a kill meanwhile leaves the old, or the new."""
        old = self._kept()
        number = _number(old[-1]) + 1 if old else 1
        self._working.rename(self._folder / f"{_KEPT}{number}")
        for folder in old:
            shutil.rmtree(folder, ignore_errors=True)  # the next stop tries again

    def remove_kept(self) -> None:
        """Remove what earlier stops kept."""
        for folder in self._kept():
            # Under this name a start after a kill removes the rest.
            gone = folder.with_name(f"{_WORKING}{folder.name}")
            folder.rename(gone)
            shutil.rmtree(gone)

    def _write_variables(self) -> None:
        """Write what a shell reads in, and running(); nobody else may read it."""
        path = self._folder / _VARIABLES
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("unset AWS_PROFILE AWS_DEFAULT_PROFILE\n")
            for name, value in self.variables.items():
                file.write(f"export {shlex.quote(f'{name}={value}')}\n")

    def _show_all(self, show: Callable[[bytes], None]) -> None:
        assert self._process  # noqa: S101
        assert self._process.stdout  # noqa: S101
        for line in self._process.stdout:
            show(line)

    def has_ended(self) -> bool:
        """Return whether it isn't running."""
        return self._process is None or self._process.poll() is not None

    def stop(self, *, keep: bool = False) -> bool:
        """Stop it and all that it started; a second call does nothing.

        Args:
            keep: Whether to keep its data for the next start.

        Returns:
            Whether the data is kept.
        """
        if self._process is None:
            return False
        has_saved = (
            processes.stop_session(self._process)
            and self._process.returncode == 0
            and not _NOT_SAVED.search(self.read_log())
        )
        self._process = None
        is_kept = keep and self._is_kept and has_saved
        if is_kept:
            self._keep()
        for left in ("tmp", self._working.name):
            shutil.rmtree(self._folder / left, ignore_errors=True)
        (self._folder / _VARIABLES).unlink(missing_ok=True)
        return is_kept

    def read_log(self) -> str:
        """Return what it logged."""
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
            # A breakpoint() is for ./scripts/invoke: a function in here has no keyboard.
            "PYTHONBREAKPOINT": "0",
            "IOT_MTLS_ENABLED": "0",  # would listen on all interfaces
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": str(int(self._is_kept)),
            "STATE_DIR": str(self._working / "state"),
            "S3_PERSIST": str(int(self._is_kept)),
            "S3_DATA_DIR": str(self._working / "s3"),
        }


def _number(kept: Path) -> int:
    return int(kept.name.removeprefix(_KEPT))
