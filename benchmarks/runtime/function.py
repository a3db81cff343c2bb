"""A function's process, with what Lambda gives it: its environment, events, a DynamoDB."""

import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.runtime.calls import Call
from benchmarks.runtime.dynamodb import Recording, Stub
from benchmarks.runtime.runtime_api import FunctionFailed, Result, RuntimeAPI

HANDLER: Final = "lambda_function.handler"
_LOG_TAIL: Final = 4000
_SLOWED: Final = Path(__file__).with_name("slowed")


class Place(NamedTuple):
    """Where functions run: the interpreter, the server's certificates, a file of authorities."""

    python: Path
    tls: ssl.SSLContext
    authorities: Path


class Function:
    """A running function. `init_seconds`: from the process's start to its first wish for an event.

    pid: its process's.
    """

    def __init__(self, process: subprocess.Popen[bytes], api: RuntimeAPI, stub: Stub) -> None:
        self._process = process
        self._api = api
        self._stub = stub
        self.pid = process.pid
        self.init_seconds = 0.0

    def await_init(self, started: float, seconds: float) -> None:
        """Until it asks for its first event. Raises FunctionFailed."""
        self.init_seconds = self._api.await_next(self._is_alive, seconds) - started

    def invoke(self, call: Call, scene: str | None = None) -> Result:
        """Its answer. Raises FunctionFailed, also when it asks DynamoDB for what isn't recorded."""
        self._stub.scene = scene or call.name
        result = self._api.invoke(call.event, self._is_alive)
        if self._stub.failures:
            raise FunctionFailed("; ".join(self._stub.failures))
        return result

    def _is_alive(self) -> bool:
        return self._process.poll() is None


@contextmanager
def running(
    place: Place,
    root: Path,
    recording: Recording,
    *,
    table: str,
    upstream: str | None = None,
    wrapper: Sequence[str] = (),
    init_timeout: float = 60,
) -> Iterator[Function]:
    """A function that has started: the folder's, under the command `wrapper` if there is one.

    Raises FunctionFailed with the end of what it logged.
    """
    log = root.parent / f"{root.name}.log"
    api, stub = RuntimeAPI(), Stub(recording, place.tls, upstream)
    command = [*wrapper, str(place.python), "-m", "awslambdaric", HANDLER]
    with stub.serving(), api.serving(), log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=root,
            env={
                **_environment(place, root, table, api.address, stub.endpoint),
                **({"PYTHONPATH": str(_SLOWED)} if wrapper else {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            function = Function(process, api, stub)
            function.await_init(started, init_timeout)
            yield function
        except FunctionFailed as failure:
            said = log.read_text(errors="replace")[-_LOG_TAIL:]
            raise FunctionFailed(f"{root.name}: {failure}\n{said}") from None
        finally:
            process.kill()
            process.wait()


def _environment(
    place: Place, root: Path, table: str, api: str, endpoint: str
) -> Mapping[str, str]:
    """What Lambda sets, what the functions are told, and where DynamoDB is."""
    return {
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLEEXAMPLE00",
        "AWS_SECRET_ACCESS_KEY": "example" * 5 + "examp",
        "AWS_SESSION_TOKEN": "example/" * 120,  # as long as one is
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "benchmark",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[1]0123456789abcdef0123456789abcdef",
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "HOME": "/home/sbx_user1051",  # as there: nobody's, so nothing is read from it
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": str(root),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin/:/bin",
        "TZ": ":UTC",
        "_HANDLER": HANDLER,
        "_X_AMZN_TRACE_ID": "Root=1-5e6722a7-cc56846db7ae02d4da47e0a1;Sampled=1",
        # For all functions the same.
        "DEBUG_SHARE": "0.0",
        "LOG_LEVEL": "INFO",
        "METRICS_NAMESPACE": "Benchmark",
        "POWERTOOLS_METRICS_NAMESPACE": "Benchmark",
        "POWERTOOLS_SERVICE_NAME": "users",
        "TABLE_NAME": table,
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        # For a client that is not Python's: as many authorities as botocore has, and the stub's.
        "SSL_CERT_FILE": str(place.authorities),
        # Dictionaries in the same order each time; and /var/task can't be written to.
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
