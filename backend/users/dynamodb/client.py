"""A client for DynamoDB that sends each request as one signed POST of JSON.

botocore signs; the standard library speaks HTTP and TLS. This module adds what neither has: one
deadline for everything a call does, and a check that each response is whole.
"""

import json
import math
import select
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from backend.users.dynamodb import credentials
from backend.users.dynamodb.connection import (
    CONNECTION_ERRORS,
    Connection,
    InvalidResponse,
    Response,
)
from backend.users.dynamodb.deadline import Deadline
from backend.users.errors import Unavailable

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

type Document = dict[str, Any]
# Called after each attempt with the operation's name and the milliseconds that the attempt took.
type Observe = Callable[[str, float], None]

# The root certificates of AWS's services: https://www.amazontrust.com/repository/
_AUTHORITIES: Final = Path(__file__).with_name("authorities.pem")

_ATTEMPTS: Final = 2
_ATTEMPT_SECONDS: Final = 2.0
_THROTTLED_PAUSE_SECONDS: Final = 1.0  # as in the SDKs

# The SDKs' lists, without TransactionInProgressException: Table.transact waits for that itself.
_THROTTLED: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_TRANSIENT: Final = frozenset(
    {"ReplicatedWriteConflictException", "RequestTimeout", "RequestTimeoutException"}
)


class DynamoDBError(Exception):
    """DynamoDB refused a request.

    Attributes:
        code: The kind of error, such as "ValidationException".
        document: The decoded body of the response.
        after_lost: Whether an earlier attempt got no response that tells its outcome, so that it
            may still take effect.
    """

    def __init__(self, code: str, document: Document) -> None:
        super().__init__(code)
        self.code = code
        self.document = document
        self.after_lost = False


class Request[T](NamedTuple):
    """A request to DynamoDB.

    Attributes:
        operation: The operation's name, such as "GetItem".
        document: The operation's input.
        read: Converts the operation's output to the result; raises InvalidResponse if the output is
            malformed.
        check: Raises InvalidResponse if an error is malformed.
    """

    operation: str
    document: Document
    read: Callable[[Document], T]
    check: Callable[[DynamoDBError], None] = lambda _error: None


class Failure(Exception):
    """A failed attempt at a request that may succeed when repeated.

    Attributes:
        reason: Why it failed, for the log.
        has_response: Whether DynamoDB responded.
        is_throttled: Whether DynamoDB throttled the request.
        pause: How many seconds DynamoDB asks to wait.
    """

    def __init__(
        self,
        reason: str,
        *,
        has_response: bool = False,
        is_throttled: bool = False,
        pause: float = 0,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.has_response = has_response
        self.is_throttled = is_throttled
        self.pause = pause


class RetryQuota:
    """A budget for retries: repeating every request would double the load in an outage.

    Costs and capacity are those of the SDKs' standard retry mode.
    """

    _CAPACITY: Final = 500
    _RETRY: Final = 14
    _THROTTLED_RETRY: Final = 5
    _SUCCESS: Final = 1

    def __init__(self) -> None:
        self._left = self._CAPACITY

    def acquire(self, failures: Iterable[Failure]) -> bool:
        """Pay for repeating all of the failed requests, or for none if too little is left.

        Returns:
            Whether the requests may be repeated.
        """
        cost = sum(map(self._cost, failures))
        if cost > self._left:
            return False
        self._left -= cost
        return True

    def release(self, failure: Failure | None) -> None:
        """Give back what the retry of one successful request cost, or 1 if it wasn't retried.

        Args:
            failure: The request's failed attempt; None if the first one succeeded.
        """
        amount = self._cost(failure) if failure else self._SUCCESS
        self._left = min(self._CAPACITY, self._left + amount)

    def _cost(self, failure: Failure) -> int:
        return self._THROTTLED_RETRY if failure.is_throttled else self._RETRY


class Client:
    """Calls DynamoDB over connections that it keeps open. Not thread-safe.

    Args:
        endpoint: DynamoDB's URL.
        region: The region that requests are signed for.
        authorities: A PEM file of the certificate authorities to trust; None for Amazon's.
        attempt_seconds: How long one attempt may take to connect, send and receive.

    Raises:
        NoCredentialsError: The environment has no credentials.
    """

    def __init__(
        self,
        endpoint: str,
        region: str,
        *,
        authorities: str | None = None,
        attempt_seconds: float = _ATTEMPT_SECONDS,
    ) -> None:
        address = urlsplit(endpoint)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise ValueError("DynamoDB's endpoint must be the address of a server.")
        is_secure = address.scheme == "https"
        self._tls = _tls_context(authorities) if is_secure else None
        self._address = address.hostname, address.port or (443 if is_secure else 80)
        self._host = address.netloc.rpartition("@")[2]
        self._url = f"{address.scheme}://{self._host}/"
        self._region = region
        self._credentials = credentials.find()
        self._attempt_seconds = attempt_seconds
        self._quota = RetryQuota()
        self._idle: list[Connection] = []

    def call[T](self, request: Request[T], deadline: Deadline, observe: Observe) -> T:
        """Send one request and return its result. See call_all()."""
        return self.call_all([request], deadline, observe)[0]

    def call_all[T](
        self, requests: Sequence[Request[T]], deadline: Deadline, observe: Observe
    ) -> list[T]:
        """Send requests in parallel, each on its own connection.

        A request may be sent twice, so it must be safe to repeat.

        Args:
            requests: The requests.
            deadline: When the whole call must have ended.
            observe: Called after each attempt.

        Returns:
            The result of each request, in the order of the requests.

        Raises:
            Unavailable: A request was throttled or got no whole response in time.
            DynamoDBError: DynamoDB refused a request.
        """
        results: dict[int, T] = {}
        failures: dict[int, Failure] = {}
        is_lost = False
        for attempt in range(1, _ATTEMPTS + 1):
            missing = {n: request for n, request in enumerate(requests) if n not in results}
            try:
                outcomes = self._attempt(missing, deadline.attempt(self._attempt_seconds), observe)
            except DynamoDBError as error:
                error.after_lost = is_lost
                raise
            for number, outcome in outcomes.items():
                if not isinstance(outcome, Failure):
                    results[number] = outcome
                    self._quota.release(failures.get(number))
            failures = {n: one for n, one in outcomes.items() if isinstance(one, Failure)}
            if not failures:
                break
            is_lost = not all(failure.is_throttled for failure in failures.values())
            if not all(failure.has_response for failure in failures.values()):
                # The idle connections are as old as those that failed, and may be dead, too.
                self.close()
            first = next(iter(failures.values()))
            if attempt == _ATTEMPTS or not self._quota.acquire(failures.values()):
                raise Unavailable(first.reason) from first
            is_throttled = any(failure.is_throttled for failure in failures.values())
            deadline.pause(
                first.reason,
                at_least=max(failure.pause for failure in failures.values()),
                at_most=_THROTTLED_PAUSE_SECONDS if is_throttled else None,
            )
        return [results[number] for number in range(len(requests))]

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _attempt[T](
        self, requests: Mapping[int, Request[T]], deadline: Deadline, observe: Observe
    ) -> dict[int, T | Failure]:
        """Send the requests and receive their responses until the deadline.

        No request is in flight any more when this returns or raises.

        Returns:
            A result or a failure for each request, in the order in which they ended.

        Raises:
            DynamoDBError: DynamoDB refused a request.
        """
        outcomes: dict[int, T | Failure] = {}
        in_flight: dict[int, tuple[int, Connection]] = {}  # by the connection's file descriptor
        began = time.perf_counter()

        def end(number: int, outcome: T | Failure | DynamoDBError) -> None:
            observe(requests[number].operation, (time.perf_counter() - began) * 1000)
            if isinstance(outcome, DynamoDBError):
                raise outcome
            outcomes[number] = outcome

        try:
            role = self._credentials.get_frozen_credentials()
        except (BotoCoreError, RuntimeError) as error:  # they expired and can't be renewed
            raise Unavailable(type(error).__name__) from error
        try:
            for number, request in requests.items():
                try:
                    connection = self._send(self._sign(request, role), deadline)
                except CONNECTION_ERRORS as error:
                    end(number, Failure(_reason(error)))
                else:
                    in_flight[connection.fileno()] = number, connection
            while in_flight:
                readable = _readable(in_flight, deadline)
                if not readable:
                    for number, _ in in_flight.values():
                        end(number, Failure("TimeoutError"))
                    break
                for descriptor in readable:
                    number, connection = in_flight[descriptor]
                    # Don't block on a response that hasn't begun while others may arrive.
                    if len(in_flight) == 1 or connection.has_begun():
                        del in_flight[descriptor]
                        received = self._receive(requests[number], connection, deadline)
                        end(number, received)
        finally:
            for _, connection in in_flight.values():
                connection.close()
        return outcomes

    def _send(self, message: bytes, deadline: Deadline) -> Connection:
        """Send a request and return the connection that it was sent on.

        Raises:
            OSError, HTTPException, InvalidResponse: See CONNECTION_ERRORS.
        """
        connection = self._connection(deadline)
        try:
            connection.send(message, deadline)
        except BaseException:
            connection.close()
            raise
        return connection

    def _receive[T](
        self, request: Request[T], connection: Connection, deadline: Deadline
    ) -> T | Failure | DynamoDBError:
        """Receive the response to a request."""
        try:
            outcome = _outcome(request, connection.receive(deadline))
        except CONNECTION_ERRORS as error:
            connection.close()
            return Failure(_reason(error))
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return outcome

    def _connection(self, deadline: Deadline) -> Connection:
        while self._idle:
            kept = self._idle.pop()
            if kept.is_usable():
                return kept
            kept.close()
        return Connection(*self._address, self._tls, deadline)

    def _sign(self, request: Request[Any], role: "ReadOnlyCredentials") -> bytes:
        body = json.dumps(request.document, separators=(",", ":")).encode()
        signed: Any = AWSRequest("POST", self._url, data=body)
        # A plain dictionary: botocore's signer needs no more, and its HTTPHeaders are slow.
        signed.headers = {
            "Host": self._host,  # botocore would sign another spelling
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"DynamoDB_20120810.{request.operation}",
        }
        SigV4Auth(role, "dynamodb", self._region).add_auth(signed)
        fields = {
            "User-Agent": "backend.users",
            "Content-Length": len(body),
            **signed.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"POST / HTTP/1.1\r\n{head}\r\n".encode() + body


def _tls_context(authorities: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authorities or _AUTHORITIES)
    if authorities:
        # Certificates of private authorities, such as a proxy's, often fail Python 3.13's stricter
        # checks.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _readable(in_flight: Mapping[int, tuple[int, Connection]], deadline: Deadline) -> list[int]:
    """Wait until connections have data, and return their descriptors; none at the deadline."""
    if len(in_flight) == 1:
        return list(in_flight)  # receive() waits
    poll = select.poll()
    for descriptor in in_flight:
        poll.register(descriptor, select.POLLIN)
    try:
        milliseconds = math.ceil(deadline.remaining() * 1000)
    except TimeoutError:
        return []
    return [descriptor for descriptor, _ in poll.poll(milliseconds)]


def _outcome[T](request: Request[T], response: Response) -> T | Failure | DynamoDBError:
    """Classify a response as a result, a failure to retry or an error.

    Raises:
        InvalidResponse: The response is malformed.
    """
    document = _object(response.body)
    if response.status == HTTPStatus.OK:
        return request.read(document)
    kind = document.get("__type")
    # Such as "com.amazonaws.dynamodb.v20120810#ValidationException".
    code = kind.partition(":")[0].rpartition("#")[2] if isinstance(kind, str) else ""
    if not code:
        raise InvalidResponse("an error without a type")
    is_throttled = code in _THROTTLED or response.status == HTTPStatus.TOO_MANY_REQUESTS
    if is_throttled or code in _TRANSIENT or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        pause = response.headers.get("x-amz-retry-after", "")
        seconds = float(pause) / 1000 if pause.isdecimal() else 0
        return Failure(code, has_response=True, is_throttled=is_throttled, pause=seconds)
    error = DynamoDBError(code, document)
    request.check(error)
    return error


def _object(body: bytes) -> Document:
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise InvalidResponse("no JSON") from None
    if not isinstance(document, dict):
        raise InvalidResponse("no JSON object")
    return document


def _reason(error: Exception) -> str:
    """Describe an error for the log, without any data of a user."""
    return str(error) if isinstance(error, InvalidResponse) else type(error).__name__
