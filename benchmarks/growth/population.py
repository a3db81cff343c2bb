"""Tables with many users, and a client that counts what it asks of DynamoDB."""

import os
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import boto3

from benchmarks.project import (
    Client,
    Deadline,
    Document,
    DynamoDBUserRepository,
    Observe,
    Request,
    Table,
    User,
    create_table,
    items,
)
from tooling.progress import step

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

COUNTS: Final = (1_000, 10_000, 100_000)
RARE: Final = 500  # one in so many is suspended
_WRITE: Final = "TransactWriteItems"


class Cost(NamedTuple):
    """What was asked. reads: units, as DynamoDB says; writes: what transactions held."""

    requests: Counter[str]
    reads: float
    writes: Sequence[dict[str, Any]]

    def shown(self) -> str:
        """Return the requests, in words."""
        return ", ".join(f"{count} {name}" for name, count in sorted(self.requests.items()))


class Meter(Client):
    """A client that adds up the cost of what it asks until reset() is called."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint, "us-east-1", attempt_seconds=60)
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Begin again."""
        self.cost = Cost(Counter(), 0, [])

    def call_all[T](
        self, requests: Sequence[Request[T]], deadline: Deadline, observe: Observe
    ) -> list[T]:
        """See Client."""
        return super().call_all([self._metered(r) for r in requests], deadline, observe)

    def _metered[T](self, request: Request[T]) -> Request[T]:
        if request.operation == _WRITE:
            self._add(_WRITE, 0, request.document["TransactItems"])
            return request

        def read(document: Document) -> T:
            consumed = document["ConsumedCapacity"]
            each = consumed if isinstance(consumed, list) else [consumed]
            self._add(request.operation, sum(one["CapacityUnits"] for one in each), [])
            return request.read(document)

        document = {**request.document, "ReturnConsumedCapacity": "TOTAL"}
        return request._replace(document=document, read=read)

    def _add(self, name: str, reads: float, writes: Sequence[dict[str, Any]]) -> None:
        with self._lock:  # a walk has a writer beside it
            before = self.cost
            requests = before.requests + Counter([name])
            self.cost = Cost(requests, before.reads + reads, [*before.writes, *writes])


@contextmanager
def populated(count: int) -> Iterator[tuple[Meter, DynamoDBUserRepository]]:
    """Yield a table of its own with so many users, and the client that it is reached with."""
    sdk = boto3.client("dynamodb")
    name = f"users-{uuid.uuid4()}"
    create_table(sdk, name)
    with step(f"{count:,} users"):
        _fill(sdk, name, count)
    meter = Meter(os.environ["AWS_ENDPOINT_URL_DYNAMODB"])
    yield meter, DynamoDBUserRepository(Table(meter, name, deadline_seconds=60))
    meter.close()
    sdk.delete_table(TableName=name)
    sdk.close()


def user(name: str, status: str = "active") -> User:
    """Make a user of some 225 bytes."""
    members = {
        "email": f"{name}@example.com",
        "status": status,
        "given_name": "Jane",
        "family_name": "Doe",
        "locale": "en-US",
    }
    return User.new(name, members)


def username(number: int) -> str:
    """Return the username of each of the users, from 0."""
    return f"user{number:07}"


def _fill(client: "DynamoDBClient", table_name: str, count: int) -> None:
    puts = [
        {"PutRequest": {"Item": item}}
        for number in range(count)
        for one in [user(username(number), "active" if number % RARE else "suspended")]
        for item in (items.user_item(one), items.email_item(f"{one.username}@example.com", one))
    ]
    with ThreadPoolExecutor(4) as pool:
        batches = [puts[first : first + 25] for first in range(0, len(puts), 25)]

        def write(batch: Any) -> None:
            client.batch_write_item(RequestItems={table_name: batch})

        list(pool.map(write, batches))
