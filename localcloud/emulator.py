"""The local cloud: an emulator of AWS, on the loopback, with its data in one folder."""

import http.client
import os
import random
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

from localcloud import processes
from localcloud.install import EMULATOR_PYTHON, ROOT
from localcloud.processes import Interruption
from localcloud.progress import Failure

HOST: Final = "127.0.0.1"
PORT: Final = 8787
REGION: Final = "us-east-1"
ACCOUNT: Final = "000000000000"
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
_CHECKPOINT_SECONDS: Final = 300.0
# No proxy: it could not reach this machine's loopback.
_HTTP: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


# None that the system may give away before its server listens there: for connections, and for
# servers that leave the choice to it, Linux takes those from 32768, macOS those from 49152.
_PORTS: Final = range(10_000, 32_768)


def free_port() -> int:
    """A port of the loopback that nobody has."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311 it is no secret
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


def require_free(port: int) -> None:
    """Raises Failure when somebody listens on this port of the loopback."""
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise Failure(
                f"Port {port} is taken by another program: stop it, or choose one with --port."
            )


def get(url: str) -> str | None:
    """What a GET of the URL is answered with, or None when it isn't answered with success."""
    try:
        with _HTTP.open(url, timeout=10) as answer:
            return str(answer.read().decode()) if answer.status == HTTPStatus.OK else None
    except (OSError, http.client.HTTPException):
        return None


def _post(url: str) -> None:
    """Make a POST to the URL. Raises OSError or HTTPException unless it succeeds."""
    request = urllib.request.Request(url, method="POST")  # noqa: S310 the loopback's
    with _HTTP.open(request, timeout=_CHECKPOINT_SECONDS):
        pass


def use(endpoint: str) -> None:
    """Have every SDK, in this process and in what it starts, find the emulator and nothing else."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "CDK_"))]:
        del os.environ[name]
    os.environ.update(aws_environment(endpoint))


def aws_environment(endpoint: str) -> dict[str, str]:
    """The variables with which every AWS SDK and tool talks to the emulator, and to it alone."""
    kept = [os.environ.get("NO_PROXY"), os.environ.get("no_proxy")]
    no_proxy = ",".join(filter(None, [*kept, HOST, "localhost"]))
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,  # makes the CDK CLI put bucket names into the path
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
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

    `endpoint` is its address, and the API's.
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
        self._log = folder / "emulator.log"
        self._folder = folder
        self._port = port
        self._is_kept = is_kept
        self._show = show
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, interruption: Interruption) -> None:
        """Return when it answers. Raises Failure, or Interrupted; then call stop() all the same."""
        temporary = self._folder / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        self._log.unlink(missing_ok=True)
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
        process = str(self._process.pid)

        def is_ready() -> bool:
            if self.has_ended():
                require_free(self._port)
                self._require_readable()
            if self.has_ended() or time.monotonic() > deadline:
                raise Failure("The local cloud did not start; its log is above.", self.read_log())
            # Another program may have taken the port meanwhile, another checkout's cloud even.
            return get(f"{self.endpoint}/_door") == process

        interruption.wait_until(is_ready)

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
            _post(f"{self.endpoint}/_checkpoint")
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
            # A breakpoint() is for ./scripts/invoke: where a function runs, nobody could answer it.
            "PYTHONBREAKPOINT": "0",
            "IOT_MTLS_ENABLED": "0",  # would listen on all interfaces
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": str(int(self._is_kept)),
            "STATE_DIR": str(self._folder / "state"),
            "S3_PERSIST": str(int(self._is_kept)),
            "S3_DATA_DIR": str(self._folder / "s3"),
        }
