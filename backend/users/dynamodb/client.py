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
from botocore.credentials import (
    ContainerProvider,
    Credentials,
    EnvProvider,
    ReadOnlyCredentials,
)
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.utils import ContainerMetadataFetcher

from backend.users.dynamodb.connection import FAULTS, Connection, InvalidResponse, Response
from backend.users.dynamodb.deadline import Deadline
from backend.users.errors import Unavailable

type Document = dict[str, Any]
# Takes an operation, and the milliseconds that an attempt at it took.
type Observe = Callable[[str, float], None]

# Those that sign for AWS's services: https://www.amazontrust.com/repository/
_AUTHORITIES: Final = Path(__file__).with_name("authorities.pem")

_ATTEMPTS: Final = 2
_ATTEMPT_SECONDS: Final = 2.0
_THROTTLED_PAUSE_SECONDS: Final = 1.0  # as the SDKs have it

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
        after_lost: whether an earlier attempt at the request got no response that says what became
            of it, so that it may yet take effect.
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
        read: makes what was asked for of the output; raises InvalidResponse when it has another
            form.
        check: raises InvalidResponse when an error hasn't the form that its code asks for.
    """

    operation: str
    document: Document
    read: Callable[[Document], T]
    check: Callable[[DynamoDBError], None] = lambda _error: None


class Failure(Exception):
    """An attempt that failed, where another one may succeed.

    Attributes:
        reason: for the log.
        has_response: whether DynamoDB said so itself.
        is_throttled: whether it said that there are too many requests.
        pause: how many seconds it asks to wait.
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
    """How many requests may be repeated: in an outage, repeating each would double the load.

    The numbers are the SDKs'.
    """

    _CAPACITY: Final = 500
    _RETRY: Final = 14
    _THROTTLED_RETRY: Final = 5
    _SUCCESS: Final = 1

    def __init__(self) -> None:
        self._left = self._CAPACITY

    def acquire(self, failures: Sequence[Failure]) -> int | None:
        """Return what it costs to repeat the requests that failed, or None if it can't be paid."""
        cost = sum(self._THROTTLED_RETRY if f.is_throttled else self._RETRY for f in failures)
        if cost > self._left:
            return None
        self._left -= cost
        return cost

    def release(self, cost: int) -> None:
        """Give back what requests cost that have succeeded, and a little for each that has."""
        self._left = min(self._CAPACITY, self._left + (cost or self._SUCCESS))


class Client:
    """Calls DynamoDB, and keeps its connections: make one, and keep it. For one thread at a time.

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
        self._host = address.netloc.rpartition("@")[2]
        self._url = f"{address.scheme}://{self._host}/"
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
        is_lost, cost = False, 0
        for attempt in range(1, _ATTEMPTS + 1):
            missing = {n: request for n, request in enumerate(requests) if n not in found}
            try:
                outcomes = self._attempt(missing, deadline.attempt(self._attempt_seconds), observe)
            except DynamoDBError as error:
                error.after_lost = is_lost
                raise
            failures = [one for one in outcomes.values() if isinstance(one, Failure)]
            found |= {n: one for n, one in outcomes.items() if not isinstance(one, Failure)}
            if not failures:
                break
            is_lost = not all(failure.is_throttled for failure in failures)
            if not all(failure.has_response for failure in failures):
                # The other kept connections are as old as those that failed, and may be dead, too.
                self.close()
            reason = failures[0].reason
            paid = self._quota.acquire(failures) if attempt < _ATTEMPTS else None
            if paid is None:
                raise Unavailable(reason) from failures[0]
            cost = paid
            is_throttled = any(failure.is_throttled for failure in failures)
            deadline.pause(
                reason,
                at_least=max(failure.pause for failure in failures),
                at_most=_THROTTLED_PAUSE_SECONDS if is_throttled else None,
            )
        self._quota.release(cost)
        return [found[number] for number in range(len(requests))]

    def close(self) -> None:
        """End the connections that are kept."""
        while self._idle:
            self._idle.pop().close()

    def _attempt[T](
        self, requests: Mapping[int, Request[T]], deadline: Deadline, observe: Observe
    ) -> dict[int, T | Failure]:
        """Send the requests, and receive what comes until the deadline.

        Nothing is under way any more when this returns or raises.

        Raises:
            DynamoDBError: a request was refused.
        """
        outcomes: dict[int, T | Failure] = {}
        under_way: dict[int, tuple[int, Connection]] = {}  # by the connection's file descriptor
        began = time.perf_counter()

        def end(number: int, outcome: T | Failure | DynamoDBError) -> None:
            observe(requests[number].operation, (time.perf_counter() - began) * 1000)
            if isinstance(outcome, DynamoDBError):
                raise outcome
            outcomes[number] = outcome

        try:
            credentials = self._credentials.get_frozen_credentials()
        except (BotoCoreError, RuntimeError) as error:  # they end, and there are no new ones
            raise Unavailable(type(error).__name__) from error
        try:
            for number, request in requests.items():
                try:
                    connection = self._send(self._signed(request, credentials), deadline)
                except FAULTS as error:
                    end(number, Failure(_described(error)))
                else:
                    under_way[connection.fileno()] = number, connection
            while under_way:
                readable = _readable(under_way, deadline)
                if not readable:
                    for number, _ in under_way.values():
                        end(number, Failure("TimeoutError"))
                    break
                for descriptor in readable:
                    number, connection = under_way[descriptor]
                    # Another response must not wait for one that has not begun.
                    if len(under_way) == 1 or connection.has_begun():
                        del under_way[descriptor]
                        received = self._receive(requests[number], connection, deadline)
                        end(number, received)
        finally:
            for _, connection in under_way.values():
                connection.close()
        return outcomes

    def _send(self, message: bytes, deadline: Deadline) -> Connection:
        """Return the connection that a request was sent on. Raises one of FAULTS."""
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
        """Return what the request asked for, or why there is no such thing."""
        try:
            outcome = _outcome(request, connection.receive(deadline))
        except FAULTS as error:
            connection.close()
            return Failure(_described(error))
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

    def _signed(self, request: Request[Any], credentials: ReadOnlyCredentials) -> bytes:
        body = json.dumps(request.document, separators=(",", ":")).encode()
        signed = AWSRequest(
            "POST",
            self._url,
            {
                "Host": self._host,  # else the signature would be for another spelling
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": f"DynamoDB_20120810.{request.operation}",
            },
            body,
        )
        SigV4Auth(credentials, "dynamodb", self._region).add_auth(signed)
        fields = {
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
    """Find the role's credentials: in the environment, or at the address that it names (SnapStart).

    Those of an address are renewed in time.
    """
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


def _readable(under_way: Mapping[int, tuple[int, Connection]], deadline: Deadline) -> list[int]:
    """Wait for what arrives: return the connections where something has; none at the deadline."""
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


def _outcome[T](request: Request[T], response: Response) -> T | Failure | DynamoDBError:
    """Judge a response.

    Raises:
        InvalidResponse: it doesn't have the form that it should have.
    """
    document = _object(response.body)
    if response.status == HTTPStatus.OK:
        return request.read(document)
    kind = document.get("__type")
    # com.amazonaws.dynamodb.v20120810#ValidationException
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


def _described(error: Exception) -> str:
    """For the log: what kind of fault it is, which holds no data of a user."""
    return str(error) if isinstance(error, InvalidResponse) else type(error).__name__
