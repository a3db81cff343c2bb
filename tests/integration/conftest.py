"""The stores of users that are tested: the fake, and AWS's own DynamoDB engine."""

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from backend.users.dynamodb.client import Client
from backend.users.dynamodb.repository import DynamoDBUserRepository
from backend.users.dynamodb.table import Table
from backend.users.repository import UserRepository
from tests.dynamodb_local import create_table, make_client
from tests.in_memory_users import InMemoryUserRepository

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

REGION = "us-east-1"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the credentials that Lambda sets for a function."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture
def table_name() -> str:
    """Return a table name that no other test uses."""
    return f"users-{uuid.uuid4()}"


@pytest.fixture
def table(dynamodb_local: str, table_name: str) -> "Iterator[DynamoDBClient]":
    """Create the table in AWS's engine, and yield an SDK client, which shows what is stored."""
    made = make_client(dynamodb_local)
    create_table(made, table_name)
    yield made
    made.close()


class Clock:
    """The time in epoch seconds, as a test sets it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.5

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dynamodb_users(
    dynamodb_local: str, table: "DynamoDBClient", table_name: str, clock: Clock
) -> Iterator[DynamoDBUserRepository]:
    # Longer deadlines than in production, because the machine may be busy.
    client = Client(dynamodb_local, REGION, attempt_seconds=60)
    yield DynamoDBUserRepository(Table(client, table_name, deadline_seconds=150), clock=clock)
    client.close()


@pytest.fixture(params=["in_memory", "dynamodb_local"])
def users(request: pytest.FixtureRequest, clock: Clock) -> UserRepository:
    if request.param == "in_memory":
        return InMemoryUserRepository(clock=clock)
    made: UserRepository = request.getfixturevalue("dynamodb_users")
    return made
