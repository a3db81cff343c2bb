"""Runs the deployed function, with this checkout's code or released code, in its own process."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from localcloud.events import event

type Document = dict[str, Any]

CALLER: Final = "3f1c9a57-caller"

_SERVE: Final = Path(__file__).with_name("serve.py")
_SETTINGS: Final = {
    # What the stack sets. Settings that only released code needs stay as long as it does.
    "METRICS_NAMESPACE": "test",
    "LOG_LEVEL": "WARNING",
    "DEBUG_SHARE": "0",
    # Metrics would hide errors in the output.
    "POWERTOOLS_METRICS_DISABLED": "true",
}


class Response(NamedTuple):
    """The function's response.

    Attributes:
        status: The status code.
        headers: The headers, with lower-case names.
        body: The parsed body; None if it is empty.
    """

    status: int
    headers: dict[str, str]
    body: Any


class Function:
    """Takes requests as API Gateway does, from one caller whose token allows everything."""

    def __init__(self, code: Path, requests: IO[str], responses: IO[str]) -> None:
        self._code = code
        self._requests = requests
        self._responses = responses

    def __call__(
        self,
        method: str,
        path: str,
        body: Document | None = None,
        headers: dict[str, str] | None = None,
        *,
        query: str = "",
    ) -> Response:
        """Send a request, and return its response.

        Args:
            method: The method.
            path: The path.
            body: The JSON body; None for no body.
            headers: The headers, with lower-case names.
            query: The query string.

        Raises:
            RuntimeError: The process has ended.
        """
        request = event(method, path, body, query=query, headers=headers)
        request["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": CALLER}}}
        try:
            self._requests.write(json.dumps(request) + "\n")
            self._requests.flush()
        except BrokenPipeError:
            pass  # the process has ended, so readline() returns nothing
        line = self._responses.readline()
        if not line:
            raise RuntimeError(f"The code in {self._code} has ended; its error is above.")
        response = json.loads(line)
        content = response.get("body")
        fields = {name.lower(): value for name, value in response["headers"].items()}
        return Response(response["statusCode"], fields, json.loads(content) if content else None)


@contextlib.contextmanager
def started(code: Path, endpoint: str, table_name: str) -> Iterator[Function]:
    """Start the function with the code in a folder or archive, on a table of an endpoint."""
    # Nothing from this machine: no profile, credentials or proxy.
    environ = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": "us-east-1",  # what released code reads
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "TABLE_NAME": table_name,
        **_SETTINGS,
    }
    with subprocess.Popen(
        [sys.executable, "-I", "-B", str(_SERVE), str(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=environ,
    ) as process:
        assert process.stdin  # for mypy: both are pipes
        assert process.stdout
        try:
            yield Function(code, process.stdin, process.stdout)
        finally:
            process.terminate()
