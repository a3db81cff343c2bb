"""DynamoDB as a function under measurement meets it: over TLS, with answers that were recorded.

First it hands requests on to AWS's own engine and keeps the answers; then it gives them again, so
that what is measured waits for no engine and always gets the same bytes.
"""

import hashlib
import http.client
import socket
import ssl
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from benchmarks.runtime.servers import running

_JSON: Final = "application/x-amz-json-1.0"


class Recording:
    """What DynamoDB answered to one subject, by the call of the API that made it ask."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, str, str], bytes] = {}
        self._last: dict[tuple[str, str], bytes] = {}

    def keep(self, scene: str, operation: str, request: bytes, answer: bytes) -> None:
        """Remember an answer."""
        self._exact[scene, operation, hashlib.sha256(request).hexdigest()] = answer
        self._last[scene, operation] = answer

    def answer(self, scene: str, operation: str, request: bytes) -> bytes:
        """The answer to this request; or, as a write holds times and tokens, to the last like it.

        Raises KeyError when the scene had no such operation.
        """
        key = scene, operation, hashlib.sha256(request).hexdigest()
        return self._exact[key] if key in self._exact else self._last[scene, operation]


class Stub:
    """A DynamoDB endpoint. `scene` is to name the call of the API that is under way.

    upstream: the address of the engine to record from; None to give what was recorded.
    failures: what went wrong, for whoever measures.
    """

    def __init__(self, recording: Recording, tls: ssl.SSLContext, upstream: str | None) -> None:
        self.scene = ""
        self.failures: list[str] = []
        self._recording = recording
        self._upstream = upstream
        stub = self

        class Handler(_Handler):
            def answer(self, operation: str, request: bytes) -> tuple[int, bytes]:
                return stub.ask(operation, request, self.headers["Authorization"])

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.tls = tls
        self.endpoint = f"https://localhost:{self._server.server_port}"

    @contextmanager
    def serving(self) -> Iterator["Stub"]:
        """Serves for as long as it is entered."""
        with running(self._server):
            yield self

    def ask(self, operation: str, request: bytes, authorization: str) -> tuple[int, bytes]:
        """Status and body of the answer to a request."""
        if self._upstream is None:
            try:
                return 200, self._recording.answer(self.scene, operation, request)
            except KeyError:
                self.failures.append(f"{operation} was not recorded for {self.scene}")
                return 500, b"{}"
        status, answer = _forward(self._upstream, operation, request, authorization)
        if status == http.HTTPStatus.OK:
            self._recording.keep(self.scene, operation, request, answer)
        return status, answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tls: ssl.SSLContext

    def finish_request(self, request: object, client_address: object) -> None:
        # In the connection's own thread: a handshake takes both sides.
        assert isinstance(request, socket.socket)  # noqa: S101
        try:
            with self.tls.wrap_socket(request, server_side=True) as wrapped:
                self.RequestHandlerClass(wrapped, client_address, self)  # type: ignore[arg-type]
        except ConnectionError:  # the process has ended
            pass
        except ssl.SSLError as error:
            if "EOF" not in str(error):
                raise


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves in one piece

    def answer(self, operation: str, request: bytes) -> tuple[int, bytes]:
        raise NotImplementedError

    def do_POST(self) -> None:
        request = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        status, body = self.answer(operation, request)
        # DynamoDB's own headers, in its order.
        self.send_response_only(status)
        for name, value in (
            ("Server", "Server"),
            ("Date", formatdate(usegmt=True)),
            ("Content-Type", _JSON),
            ("Content-Length", str(len(body))),
            ("Connection", "keep-alive"),
            ("x-amzn-RequestId", uuid.uuid4().hex.upper() + "VV4KQNSO5AEMVJF66Q9ASU"[:20]),
            ("x-amz-crc32", str(zlib.crc32(body))),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002
        pass


def _forward(upstream: str, operation: str, body: bytes, authorization: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(upstream.removeprefix("http://"))
    try:
        headers = {
            "Content-Type": _JSON,
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Authorization": authorization,
        }
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
