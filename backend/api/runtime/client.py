"""A client for DynamoDB: one signed POST of JSON for each request.

Signatures and credentials are botocore's, HTTP and TLS the standard library's. Between them is what
neither has: one deadline for all that a call takes, and no response that isn't whole.
"""

import json
import math
import select
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ContainerProvider, Credentials, EnvProvider
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.utils import ContainerMetadataFetcher

from connection import FAULTS, Connection, Damaged, Response
from deadline import Deadline
from errors import Unavailable

type Document = dict[str, Any]
# Takes an operation, and the milliseconds that an attempt at it took.
type Observe = Callable[[str, float], None]

# Those that sign for AWS's services: https://www.amazontrust.com/repository/
_AUTHORITIES: Final = Path(__file__).with_name("authorities.pem")

_ATTEMPTS: Final = 2
_ATTEMPT_SECONDS: Final = 2.0
_THROTTLED_PAUSE_SECONDS: Final = 1.0  # as the SDKs have it
_MOST_KEPT: Final = 16

# The SDKs' lists. TransactionInProgressException is in theirs, too: Table.transact waits for it.
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
        code: the kind of error, such as "ValidationException".
        document: all that the response says.
        after_lost: whether an earlier attempt at the request got no response, so that DynamoDB may
            yet receive it.
    """

    def __init__(self, code: str, document: Document) -> None:
        super().__init__(code)
        self.code = code
        self.document = document
        self.after_lost = False


class Request[T](NamedTuple):
    """What is asked of DynamoDB.

    Attributes:
        operation: its name.
        document: its input.
        read: makes what was asked for of the output. Raises Damaged when that has another form.
        check: raises Damaged when an error hasn't the form that its code asks for.
    """

    operation: str
    document: Document
    read: Callable[[Document], T]
    check: Callable[[DynamoDBError], None] = lambda _error: None


class _Failure(Exception):
    """An attempt that failed, where another one may succeed.

    Attributes:
        reason: for the log.
        is_throttled: whether DynamoDB said that there are too many requests.
        pause: how many seconds DynamoDB asks to wait.
    """

    def __init__(self, reason: str, *, is_throttled: bool = False, pause: float = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_throttled = is_throttled
        self.pause = pause


class RetryQuota:
    """How many requests may be repeated: in an outage, repeating each would double the load.

    The numbers are the SDKs'.
    """

    _CAPACITY: Final = 500
    _RETRY: Final = 14

    def __init__(self) -> None:
        self._left = self._CAPACITY

    def acquire(self) -> bool:
        """Return whether a request may be repeated, and take it from the quota."""
        if self._left < self._RETRY:
            return False
        self._left -= self._RETRY
        return True

    def release(self, *, was_repeated: bool) -> None:
        """Add what a request gives back that succeeded."""
        self._left = min(self._CAPACITY, self._left + (self._RETRY if was_repeated else 1))


class Client:
    """Calls DynamoDB, and keeps its connections: make one, and keep it.

    Args:
        endpoint: DynamoDB's address.
        region: what signatures are for.
        authorities: a file of those that may vouch for the endpoint; None for Amazon's.
        attempt_seconds: how long an attempt at a request may take: to connect, send and receive.

    Raises:
        NoCredentialsError: the environment has none.
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
        self._tls = _context(authorities) if is_secure else None
        self._address = address.hostname, address.port or (443 if is_secure else 80)
        self._url = f"{address.scheme}://{address.netloc}/"
        self._region = region
        self._credentials = _credentials()
        self._attempt_seconds = attempt_seconds
        self._quota = RetryQuota()
        self._idle: list[Connection] = []

    def call[T](self, request: Request[T], deadline: Deadline, observe: Observe) -> T:
        """Return what one request asked for: see call_all()."""
        return self.call_all([request], deadline, observe)[0]

    def call_all[T](
        self, requests: Sequence[Request[T]], deadline: Deadline, observe: Observe
    ) -> list[T]:
        """Send all requests, each on a connection of its own, then receive what they asked for.

        Each may be sent twice, and so must be safe to repeat.

        Args:
            requests: what is asked.
            deadline: for all of it.
            observe: told of each attempt.

        Raises:
            Unavailable: a request got no whole response in time, or was throttled.
            DynamoDBError: a request was refused.
        """
        found: dict[int, T] = {}
        is_lost = False
        for attempt in range(1, _ATTEMPTS + 1):
            missing = {n: request for n, request in enumerate(requests) if n not in found}
            try:
                outcomes = self._attempt(missing, deadline.attempt(self._attempt_seconds), observe)
            except DynamoDBError as error:
                error.after_lost = is_lost
                raise
            failures = []
            for number, outcome in outcomes.items():
                if isinstance(outcome, _Failure):
                    failures.append(outcome)
                    if attempt == _ATTEMPTS or not self._quota.acquire():
                        raise Unavailable(outcome.reason) from outcome
                else:
                    self._quota.release(was_repeated=attempt > 1)
                    found[number] = outcome
            if not failures:
                break
            # What is kept may have ended, too: it is all from the same past.
            self.close()
            is_throttled = any(failure.is_throttled for failure in failures)
            is_lost = not all(failure.is_throttled for failure in failures)
            deadline.pause(
                failures[0].reason,
                at_least=max(failure.pause for failure in failures),
                at_most=_THROTTLED_PAUSE_SECONDS if is_throttled else None,
            )
        return [found[number] for number in range(len(requests))]

    def close(self) -> None:
        """End the connections that are kept."""
        while kept := self._kept():
            kept.close()

    def _attempt[T](
        self, requests: Mapping[int, Request[T]], deadline: Deadline, observe: Observe
    ) -> dict[int, T | _Failure]:
        """Send the requests, and receive what comes until the deadline.

        Nothing is under way any more when this returns or raises.

        Raises:
            DynamoDBError: a request was refused.
        """
        outcomes: dict[int, T | _Failure] = {}
        under_way: dict[int, tuple[int, Connection]] = {}  # by the connection's file descriptor
        began = time.perf_counter()

        def end(number: int, outcome: T | _Failure | DynamoDBError) -> None:
            observe(requests[number].operation, (time.perf_counter() - began) * 1000)
            if isinstance(outcome, DynamoDBError):
                raise outcome
            outcomes[number] = outcome

        try:
            for number, request in requests.items():
                try:
                    connection = self._send(request, deadline)
                except FAULTS as error:
                    end(number, _Failure(_described(error)))
                else:
                    under_way[connection.fileno()] = number, connection
            while under_way:
                ready = _ready(under_way, deadline)
                for descriptor in ready:
                    number, connection = under_way.pop(descriptor)
                    received = self._receive(requests[number], connection, deadline)
                    end(number, received)
                if not ready:
                    for number, _ in under_way.values():
                        end(number, _Failure("TimeoutError"))
                    break
        finally:
            for _, connection in under_way.values():
                connection.close()
        return outcomes

    def _send(self, request: Request[Any], deadline: Deadline) -> Connection:
        """Return the connection that the request was sent on. Raises one of FAULTS."""
        message = self._signed(request)
        connection = self._connection(deadline)
        try:
            connection.send(message, deadline)
        except BaseException:
            connection.close()
            raise
        return connection

    def _receive[T](
        self, request: Request[T], connection: Connection, deadline: Deadline
    ) -> T | _Failure | DynamoDBError:
        """Return what the request asked for, or why there is no such thing."""
        try:
            outcome = _outcome(request, connection.receive(deadline))
        except FAULTS as error:
            connection.close()
            return _Failure(_described(error))
        except BaseException:
            connection.close()
            raise
        if len(self._idle) < _MOST_KEPT:
            self._idle.append(connection)
        else:
            connection.close()
        return outcome

    def _connection(self, deadline: Deadline) -> Connection:
        while kept := self._kept():
            if kept.is_usable():
                return kept
            kept.close()
        return Connection(*self._address, self._tls, deadline)

    def _kept(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:  # asked first, another thread could take the last one in between
            return None

    def _signed(self, request: Request[Any]) -> bytes:
        body = json.dumps(request.document, separators=(",", ":")).encode()
        signed = AWSRequest(
            "POST",
            self._url,
            {
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": f"DynamoDB_20120810.{request.operation}",
            },
            body,
        )
        try:
            credentials = self._credentials.get_frozen_credentials()
        except (BotoCoreError, RuntimeError) as error:  # they end, and there are no new ones
            raise Unavailable(type(error).__name__) from error
        SigV4Auth(credentials, "dynamodb", self._region).add_auth(signed)
        fields = {
            "Host": urlsplit(self._url).netloc,
            "User-Agent": "user-management-backend",
            "Content-Length": len(body),
            **dict(signed.headers.items()),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"POST / HTTP/1.1\r\n{head}\r\n".encode() + body


class _Fetcher(ContainerMetadataFetcher):
    """Asks once, and not for long: what is asked is on the same machine."""

    TIMEOUT_SECONDS = 1
    RETRY_ATTEMPTS = 1
    SLEEP_TIME = 0


def _credentials() -> Credentials:
    """Find the role's: in the environment, or where that says (SnapStart), then renewed in time."""
    found = EnvProvider().load()
    if found is None:
        fetcher: Any = _Fetcher()  # botocore's stubs ask for another class
        found = ContainerProvider(fetcher=fetcher).load()
    if found is None:
        raise NoCredentialsError
    return found


def _context(authorities: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authorities or _AUTHORITIES)
    if authorities:
        # Private authorities, of proxies, often lack what Python asks for since 3.13.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _ready(under_way: Mapping[int, tuple[int, Connection]], deadline: Deadline) -> Sequence[int]:
    """Wait for responses: return those connections where one begins; none at the deadline."""
    if len(under_way) == 1:
        return list(under_way)  # to receive is to wait
    poll = select.poll()
    for descriptor in under_way:
        poll.register(descriptor, select.POLLIN)
    try:
        milliseconds = math.ceil(deadline.remaining() * 1000)
    except TimeoutError:
        return []
    return [descriptor for descriptor, _ in poll.poll(milliseconds)]


def _outcome[T](request: Request[T], response: Response) -> T | _Failure | DynamoDBError:
    """Judge a response.

    Raises:
        Damaged: it doesn't have the form that it should have.
    """
    document = _object(response.body)
    if response.status == HTTPStatus.OK:
        return request.read(document)
    kind = document.get("__type")
    # com.amazonaws.dynamodb.v20120810#ValidationException
    code = kind.partition(":")[0].rpartition("#")[2] if isinstance(kind, str) else ""
    if not code:
        raise Damaged("an error without a type")
    is_throttled = code in _THROTTLED or response.status == HTTPStatus.TOO_MANY_REQUESTS
    if is_throttled or code in _TRANSIENT or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        pause = response.headers.get("x-amz-retry-after", "")
        seconds = int(pause) / 1000 if pause.isdecimal() else 0
        return _Failure(code, is_throttled=is_throttled, pause=seconds)
    error = DynamoDBError(code, document)
    request.check(error)
    return error


def _object(body: bytes) -> Document:
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise Damaged("no JSON") from None
    if not isinstance(document, dict):
        raise Damaged("no JSON object")
    return document


def _described(error: Exception) -> str:
    """For the log: what kind of fault it is, which holds no data of a user."""
    return str(error) if isinstance(error, Damaged) else type(error).__name__
