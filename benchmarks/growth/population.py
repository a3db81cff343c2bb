"""Tables with many users."""

import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import boto3

from backend.users.dynamodb import items
from backend.users.dynamodb.repository import DynamoDBUserRepository
from backend.users.dynamodb.table import Table
from backend.users.models import User
from benchmarks.growth.meter import Meter
from tests.dynamodb_local import create_table
from tooling.progress import step

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

COUNTS: Final = (1_000, 10_000, 100_000)
RARE: Final = 500  # one in so many is suspended


@contextmanager
def populated(count: int) -> Iterator[tuple[Meter, DynamoDBUserRepository]]:
    """A client of its own, and so many users in a table of their own."""
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
    """As all of them are, of some 220 bytes."""
    members = {
        "email": f"{name}@example.com",
        "status": status,
        "given_name": "Jane",
        "family_name": "Doe",
        "locale": "en-US",
    }
    return User.new(name, members)


def username(number: int) -> str:
    """Of each of the users, from 0."""
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
