"""DynamoDB as a function under measurement meets it: over TLS, with recorded responses.

First the stub forwards requests to AWS's own engine and records the responses; then it replays
them, so that what is measured never waits for an engine and always gets the same bytes.
"""

import hashlib
import http.client
import ssl
import uuid
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from benchmarks.runtime.servers import Handler, Server

_JSON: Final = "application/x-amz-json-1.0"


class Recording:
    """What DynamoDB responded to one subject, by the API's call (the scene) that made it ask."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, str, str], bytes] = {}
        self._last: dict[tuple[str, str], bytes] = {}

    def keep(self, scene: str, operation: str, request: bytes, response: bytes) -> None:
        """Record a response."""
        self._exact[scene, operation, hashlib.sha256(request).hexdigest()] = response
        self._last[scene, operation] = response

    def response(self, scene: str, operation: str, request: bytes) -> bytes:
        """Return the response to this request or, as writes hold times and tokens, the last one.

        Raises:
            KeyError: The scene had no such operation.
        """
        key = scene, operation, hashlib.sha256(request).hexdigest()
        return self._exact[key] if key in self._exact else self._last[scene, operation]


class Stub:
    """A DynamoDB endpoint.

    Attributes:
        scene: The API's call that is under way; whoever invokes the function sets it.
        failures: What went wrong.

    Args:
        upstream: The address of the engine to record from; None to replay.
    """

    def __init__(self, recording: Recording, tls: ssl.SSLContext, upstream: str | None) -> None:
        self.scene = ""
        self.failures: list[str] = []
        self._recording = recording
        self._upstream = upstream
        self._server = Server(self._respond, tls)
        self.endpoint = f"https://localhost:{self._server.server_port}"

    @contextmanager
    def serving(self) -> Iterator["Stub"]:
        """Serve for as long as it is entered."""
        with self._server.serving():
            yield self

    def _respond(self, handler: Handler) -> None:
        operation = handler.headers["X-Amz-Target"].rpartition(".")[2]
        status, body = self._result(operation, handler.body(), handler.headers["Authorization"])
        # DynamoDB's own headers, in its order.
        headers = {
            "Server": "Server",
            "Date": formatdate(usegmt=True),
            "Content-Type": _JSON,
            "Content-Length": str(len(body)),
            "Connection": "keep-alive",
            "x-amzn-RequestId": uuid.uuid4().hex.upper() + "VV4KQNSO5AEMVJF66Q9ASU"[:20],
            "x-amz-crc32": str(zlib.crc32(body)),
        }
        handler.respond(status, body, headers)

    def _result(self, operation: str, request: bytes, authorization: str) -> tuple[int, bytes]:
        if self._upstream is None:
            try:
                return 200, self._recording.response(self.scene, operation, request)
            except KeyError:
                self.failures.append(f"{operation} was not recorded for {self.scene}")
                return 500, b"{}"
        headers = {
            "Content-Type": _JSON,
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Authorization": authorization,
        }
        connection = http.client.HTTPConnection(self._upstream.removeprefix("http://"))
        with closing(connection):
            connection.request("POST", "/", request, headers)
            response = connection.getresponse()
            body = response.read()
        if response.status == HTTPStatus.OK:
            self._recording.keep(self.scene, operation, request, body)
        return response.status, body
