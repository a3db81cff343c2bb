"""A proxy between the client and DynamoDB that damages responses."""

import contextlib
import http.client
import itertools
import json
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

# The client's deadlines, far above what a busy machine takes. The time that counts is ManualTime.
DEADLINE_SECONDS: Final = 150.0
ATTEMPT_SECONDS: Final = 60.0


class ManualTime:
    """The time for deadlines. It passes only by pauses, and when a test or a fault changes it.

    Attributes:
        now: The time in seconds.
        pauses: The seconds of each pause.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Exchange:
    """A request, and the connection for its response.

    Attributes:
        headers: The request's headers.
        operation: Such as "GetItem".
        document: The request's body.
        time: The time for the client's deadlines.
        is_over: Whether the connection ends after this.
    """

    def __init__(
        self,
        client: socket.socket,
        headers: http.client.HTTPMessage,
        body: bytes,
        upstream: str,
        time: ManualTime,
    ) -> None:
        self.headers = headers
        self.operation = self.headers["X-Amz-Target"].partition(".")[2]
        self.document: dict[str, Any] = json.loads(body)
        self.time = time
        self.is_over = False
        self._client = client
        self._body = body
        self._upstream = upstream

    def forward(self) -> "Reply":
        """Forward the request, and return the response as AWS's DynamoDB would send it."""
        connection = http.client.HTTPConnection(self._upstream)
        try:
            connection.request("POST", "/", self._body, dict(self.headers.items()))
            response = connection.getresponse()
            return reply(response.status, response.read())
        finally:
            connection.close()

    def send(self, data: bytes) -> None:
        # The client may have given up.
        with contextlib.suppress(OSError):
            self._client.sendall(data)

    def close(self) -> None:
        self.is_over = True

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def head(self) -> bytes:
        fields = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return f"HTTP/1.1 {self.status} -\r\n{fields}\r\n".encode()

    @property
    def raw(self) -> bytes:
        return self.head + self.body

    def but(self, **headers: str | None) -> "Reply":
        """Return a copy with other headers; None removes one."""
        changed = {**self.headers, **{n.replace("_", "-"): v for n, v in headers.items()}}
        return self._replace(headers={n: v for n, v in changed.items() if v is not None})


def reply(status: int, body: bytes) -> Reply:
    """Return a response with the headers that DynamoDB sends."""
    headers = {"Content-Type": "application/x-amz-json-1.0", "Content-Length": str(len(body))}
    return Reply(status, {**headers, "x-amz-crc32": str(zlib.crc32(body))}, body)


type Fault = Callable[[Exchange], None]


def passed(exchange: Exchange) -> None:
    exchange.send(exchange.forward().raw)


def lost_request(exchange: Exchange) -> None:
    exchange.close()


def lost_response(exchange: Exchange) -> None:
    assert exchange.forward().status == 200
    exchange.close()


def error(status: int, code: str, *, wait: int | None = None, **members: Any) -> Fault:
    """Make a fault that responds with an error.

    Args:
        status: The status code.
        code: The error's code.
        wait: The milliseconds that DynamoDB asks the client to wait.
        members: Further members of the body.
    """
    kind = f"com.amazonaws.dynamodb.v20120810#{code}"
    body = json.dumps({"__type": kind, "message": code, **members}).encode()

    def fail(exchange: Exchange) -> None:
        after = None if wait is None else str(wait)
        exchange.send(reply(status, body).but(x_amz_retry_after=after).raw)

    fail.__name__ = code  # pytest names the case after it
    return fail


def success(**members: Any) -> Fault:
    body = json.dumps(members).encode()
    return lambda exchange: exchange.send(reply(200, body).raw)


def cancelled(*codes: str) -> Fault:
    reasons = [{"Code": code} for code in codes]
    return error(400, "TransactionCanceledException", CancellationReasons=reasons)


def then(fault: Fault, action: Callable[[], object]) -> Fault:
    """Make a fault that also does something right before the client learns of it."""

    def faulty(exchange: Exchange) -> None:
        held = _Held(exchange)
        fault(held)
        action()
        held.release()

    return faulty


class _Held(Exchange):
    """An exchange that sends nothing until it is released."""

    def __init__(self, exchange: Exchange) -> None:
        self.__dict__ = {**exchange.__dict__}
        self._exchange = exchange
        self._sent = b""

    def send(self, data: bytes) -> None:
        self._sent += data

    def release(self) -> None:
        self._exchange.send(self._sent)
        self._exchange.is_over = self.is_over


# Faults that change what DynamoDB sent, or cut it off. The client then ends the connection.


def truncated(exchange: Exchange) -> None:
    sent = exchange.forward()
    exchange.send(sent.head + sent.body[:-1])
    exchange.close()


def empty(exchange: Exchange) -> None:
    exchange.send(exchange.forward()._replace(body=b"").but(Content_Length="0").raw)


def bit_flipped(exchange: Exchange) -> None:
    sent = exchange.forward()
    middle = len(sent.body) // 2
    flipped = bytes([sent.body[middle] ^ 1])
    exchange.send(sent._replace(body=sent.body[:middle] + flipped + sent.body[middle + 1 :]).raw)


def wrong_checksum(exchange: Exchange) -> None:
    exchange.send(exchange.forward().but(x_amz_crc32="1").raw)


def checksum_that_is_no_number(exchange: Exchange) -> None:
    exchange.send(exchange.forward().but(x_amz_crc32="\N{SUPERSCRIPT TWO}").raw)


def length_too_long(exchange: Exchange) -> None:
    sent = exchange.forward()
    exchange.send(sent.but(Content_Length=str(len(sent.body) + 1)).raw)
    exchange.close()


def length_too_short(exchange: Exchange) -> None:
    sent = exchange.forward()
    exchange.send(sent.but(Content_Length=str(len(sent.body) - 1)).raw)


def length_without_bounds(exchange: Exchange) -> None:
    exchange.send(exchange.forward().but(Content_Length="9" * 18).raw)
    exchange.close()


def length_that_is_no_number(exchange: Exchange) -> None:
    exchange.send(exchange.forward().but(Content_Length="many").raw)
    exchange.close()


def no_length(exchange: Exchange) -> None:
    exchange.send(exchange.forward().but(Content_Length=None).raw)
    exchange.close()


def chunks_that_end_early(exchange: Exchange) -> None:
    sent = exchange.forward().but(Content_Length=None, Transfer_Encoding="chunked")
    exchange.send(sent.head + f"{len(sent.body):x}\r\n".encode() + sent.body + b"\r\n")
    exchange.close()


def chunk_without_bounds(exchange: Exchange) -> None:
    sent = exchange.forward().but(Content_Length=None, Transfer_Encoding="chunked")
    exchange.send(sent.head + b"f" * 15 + b"\r\n" + sent.body)
    exchange.close()


def no_json(exchange: Exchange) -> None:
    exchange.send(reply(exchange.forward().status, b"<html>busy</html>").raw)


def nested_without_end(exchange: Exchange) -> None:
    exchange.send(reply(exchange.forward().status, b"[" * 200_000).raw)


def an_array(exchange: Exchange) -> None:
    exchange.send(reply(exchange.forward().status, b"[]").raw)


def another_shape(exchange: Exchange) -> None:
    # The client doesn't read the body of a transaction, so only its status can be wrong.
    members = {"Item": {"sk": 5}, "Items": {}, "Responses": [], "UnprocessedKeys": {}}
    status = 202 if exchange.operation == "TransactWriteItems" else 200
    exchange.forward()
    exchange.send(reply(status, json.dumps(members).encode()).raw)


def error_without_type(exchange: Exchange) -> None:
    exchange.send(reply(400, b'{"message": "no"}').raw)


def error_that_is_html(exchange: Exchange) -> None:
    exchange.send(reply(403, b"<html>no</html>").raw)


def status_that_is_no_number(exchange: Exchange) -> None:
    exchange.send(exchange.forward().raw.replace(b"HTTP/1.1 ", b"HTTP/1.1 x", 1))


def no_http(exchange: Exchange) -> None:
    exchange.send(b"\x15\x03\x01\x00\x02\x02\x28\r\n")
    exchange.close()


def dripping(exchange: Exchange) -> None:
    """Send each byte within an attempt's time, but all of them take longer."""
    sent = exchange.forward()
    exchange.send(sent.head)
    _drip(exchange, sent.body)


def slow_headers(exchange: Exchange) -> None:
    exchange.forward()
    _drip(exchange, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50)


def late(exchange: Exchange) -> None:
    """Send the whole response after the attempt's time is over."""
    sent = exchange.forward()
    exchange.time.now += ATTEMPT_SECONDS
    exchange.send(sent.raw)


def reset(exchange: Exchange) -> None:
    exchange.forward()
    exchange.reset()


def _drip(exchange: Exchange, data: bytes) -> None:
    for number in range(len(data)):
        if number < 2:  # then the attempt is over
            exchange.time.now += 0.6 * ATTEMPT_SECONDS
        exchange.send(data[number : number + 1])
    exchange.close()


DAMAGED: Final[tuple[Fault, ...]] = (
    lost_response,
    reset,
    truncated,
    empty,
    bit_flipped,
    wrong_checksum,
    checksum_that_is_no_number,
    length_too_long,
    length_too_short,
    length_without_bounds,
    length_that_is_no_number,
    no_length,
    chunks_that_end_early,
    chunk_without_bounds,
    no_json,
    nested_without_end,
    an_array,
    another_shape,
    error_without_type,
    error_that_is_html,
    status_that_is_no_number,
    no_http,
    dripping,
    slow_headers,
    late,
)


class Proxy:
    """A proxy between the client and DynamoDB that applies faults to requests.

    Attributes:
        endpoint: The proxy's URL.
        exchanges: All exchanges so far.
        connections: The number of connections so far.
    """

    def __init__(self, upstream: str, time: ManualTime) -> None:
        self.exchanges: list[Exchange] = []
        self.connections = 0
        self._upstream = upstream.removeprefix("http://")
        self._time = time
        self._faults: dict[str, Iterator[Fault | None]] = {}
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.endpoint = f"http://127.0.0.1:{self._server.getsockname()[1]}"

    @property
    def requests(self) -> list[str]:
        """The operation of each request."""
        return [exchange.operation for exchange in self.exchanges]

    def fail(self, operation: str, *faults: Fault | None, forever: bool = False) -> None:
        """Apply faults to the next requests of an operation; None lets one pass."""
        self._faults[operation] = itertools.cycle(faults) if forever else iter(faults)

    def forget(self) -> None:
        """Forget all faults and requests."""
        self._faults.clear()
        self.exchanges.clear()

    def drop(self) -> None:
        """End all connections, as a server does when they are idle."""
        for client in tuple(self._open):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    @contextlib.contextmanager
    def serving(self) -> Iterator["Proxy"]:
        def accept() -> None:
            while True:
                try:
                    client, _ = self._server.accept()
                except OSError:  # it is closed
                    return
                self.connections += 1
                self._open.add(client)
                self._threads.append(threading.Thread(target=self._serve, args=(client,)))
                self._threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield self
        finally:
            self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
            accepting.join()
            self.drop()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as stream, contextlib.suppress(ConnectionError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while stream.readline():  # the request line
                headers = http.client.parse_headers(stream)
                body = stream.read(int(headers["Content-Length"]))
                exchange = Exchange(client, headers, body, self._upstream, self._time)
                with self._lock:
                    self.exchanges.append(exchange)
                    fault = next(self._faults.get(exchange.operation, iter(())), None)
                (fault or passed)(exchange)
                if exchange.is_over:
                    break
        self._open.discard(client)
