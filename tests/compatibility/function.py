"""The function as it is deployed, this checkout's or a released one, in a process of its own."""

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
    # As the stack sets them, for every code: those that later code needs are added, and those that
    # it needs no more stay while released code does.
    "METRICS_NAMESPACE": "test",
    "LOG_LEVEL": "WARNING",
    "DEBUG_SHARE": "0",
    # Not what was counted, but what went wrong.
    "POWERTOOLS_METRICS_DISABLED": "true",
}


class Answer(NamedTuple):
    """headers: with lower-case names; body: decoded, None where there is none."""

    status: int
    headers: dict[str, str]
    body: Any


class Function:
    """Takes requests as API Gateway does, from one caller whose token allows everything."""

    def __init__(self, code: Path, requests: IO[str], answers: IO[str]) -> None:
        self._code = code
        self._requests = requests
        self._answers = answers

    def __call__(
        self,
        method: str,
        path: str,
        body: Document | None = None,
        headers: dict[str, str] | None = None,
        *,
        query: str = "",
    ) -> Answer:
        """headers: with lower-case names. Raises RuntimeError when the code has ended."""
        request = event(method, path, body, query=query, headers=headers)
        request["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": CALLER}}}
        try:
            self._requests.write(json.dumps(request) + "\n")
            self._requests.flush()
        except BrokenPipeError:
            pass  # it has ended: there is no answer either
        line = self._answers.readline()
        if not line:
            raise RuntimeError(f"The code in {self._code} has ended; its error is above.")
        answer = json.loads(line)
        content = answer.get("body")
        fields = {name.lower(): value for name, value in answer["headers"].items()}
        return Answer(answer["statusCode"], fields, json.loads(content) if content else None)


@contextlib.contextmanager
def started(code: Path, endpoint: str, table_name: str) -> Iterator[Function]:
    """The function with this code (a folder or an archive), on a table of a DynamoDB endpoint."""
    # Nothing of the machine's: no profile, no credentials, no proxy.
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
