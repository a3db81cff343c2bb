"""A function's process, with what Lambda gives it: its environment, events, a DynamoDB."""

import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.runtime.calls import MEASURED, Call
from benchmarks.runtime.dynamodb import Recording, Stub
from benchmarks.runtime.runtime_api import FunctionFailed, Result, RuntimeAPI
from benchmarks.runtime.subjects import Asset, Subject
from tooling.progress import Failure

_LOG_TAIL: Final = 4000
_SLOWED: Final = Path(__file__).with_name("slowed")
_INIT_SECONDS: Final = 60
_SLOWED_INIT_SECONDS: Final = 600
_SUCCESSES: Final = range(200, 300)


class Place(NamedTuple):
    """Where functions run: the interpreter, the server's certificates, a file of authorities."""

    python: Path
    tls: ssl.SSLContext
    authorities: Path


class Prepared(NamedTuple):
    """A subject that is ready to run, and what DynamoDB responded to it."""

    subject: Subject
    asset: Asset
    recording: Recording


class Function:
    """A running function.

    Attributes:
        init_seconds: From the process's start until it asks for its first event.
        pid: The number of its process.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], api: RuntimeAPI, stub: Stub, title: str
    ) -> None:
        self._process = process
        self._api = api
        self._stub = stub
        self._title = title
        self.pid = process.pid
        self.init_seconds = 0.0

    def await_init(self, started: float, seconds: float) -> None:
        """Wait until it asks for its first event."""
        self.init_seconds = self._api.await_next(self._is_alive, seconds) - started

    def invoke(self, call: Call, scene: str | None = None) -> Result:
        """Return the response to a call.

        Raises:
            FunctionFailed: It failed, or asked DynamoDB for what isn't recorded.
        """
        self._stub.scene = scene or call.name
        result = self._api.invoke(call.event, self._is_alive)
        if self._stub.failures:
            raise FunctionFailed("; ".join(self._stub.failures))
        return result

    def measured(self, name: str) -> Result:
        """Make one of the measured calls, which must succeed."""
        result = self.invoke(MEASURED[name])
        if result.response["statusCode"] not in _SUCCESSES:
            raise Failure(f"{self._title}: the response to {name} was {result.response}")
        return result

    def _is_alive(self) -> bool:
        return self._process.poll() is None


@contextmanager
def running(
    place: Place, one: Prepared, *, upstream: str | None = None, wrapper: Sequence[str] = ()
) -> Iterator[Function]:
    """Run a function.

    Args:
        place: Where it runs.
        one: What runs.
        upstream: The engine to record DynamoDB's responses from; None to replay them.
        wrapper: A command that runs the function's process, slowly.

    Raises:
        Failure: The function failed; with the end of its log.
    """
    root = one.asset.root
    log = root.parent / f"{root.name}.log"
    api, stub = RuntimeAPI(), Stub(one.recording, place.tls, upstream)
    command = [*wrapper, str(place.python), "-m", "awslambdaric", one.subject.handler]
    variables = _environment(place, one, api.address, stub.endpoint)
    with stub.serving(), api.serving(), log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=root,
            env={**variables, **({"PYTHONPATH": str(_SLOWED)} if wrapper else {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            function = Function(process, api, stub, one.subject.title)
            function.await_init(started, _SLOWED_INIT_SECONDS if wrapper else _INIT_SECONDS)
            yield function
        except FunctionFailed as failure:
            tail = log.read_text(errors="replace")[-_LOG_TAIL:]
            raise Failure(f"{one.subject.title} failed; see above. {failure}", tail) from None
        finally:
            process.kill()
            process.wait()


def _environment(place: Place, one: Prepared, api: str, endpoint: str) -> Mapping[str, str]:
    """Return what Lambda sets, what the functions are configured with, and where DynamoDB is."""
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
        "LAMBDA_TASK_ROOT": str(one.asset.root),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin/:/bin",
        "TZ": ":UTC",
        "_HANDLER": one.subject.handler,
        "_X_AMZN_TRACE_ID": "Root=1-5e6722a7-cc56846db7ae02d4da47e0a1;Sampled=1",
        # The same for all functions.
        "DEBUG_SHARE": "0.0",
        "LOG_LEVEL": "INFO",
        "METRICS_NAMESPACE": "Benchmark",
        "POWERTOOLS_METRICS_NAMESPACE": "Benchmark",
        "POWERTOOLS_SERVICE_NAME": "users",
        "TABLE_NAME": one.subject.name,
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        # For a client that is not Python's: as many authorities as botocore has, and the stub's.
        "SSL_CERT_FILE": str(place.authorities),
        # Dictionaries in the same order each time; and /var/task can't be written to.
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
