"""The stores that the contract holds for: the fake, moto, and AWS's own DynamoDB engine."""

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from backend.users.dynamodb.client import Client
from backend.users.dynamodb.repository import DynamoDBUserRepository
from backend.users.dynamodb.table import Table
from backend.users.repository import UserRepository
from tests.dynamodb_local import create_table
from tests.in_memory_users import InMemoryUserRepository

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

REGION = "us-east-1"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Lambda sets for a function."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The endpoint of moto, in memory."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def table_name() -> str:
    """A name of the test's own: no test sees another's users."""
    return f"users-{uuid.uuid4()}"


@pytest.fixture
def table(dynamodb_local: str, table_name: str) -> "Iterator[DynamoDBClient]":
    """The table in AWS's engine, and the SDK's client, which sees what the adapter makes of it."""
    made = sdk(dynamodb_local)
    create_table(made, table_name)
    yield made
    made.close()


def sdk(endpoint: str) -> "DynamoDBClient":
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 the engines take any
    )


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
    yield from _users(dynamodb_local, table_name, clock)


@pytest.fixture(params=["in_memory", "moto", "dynamodb_local"])
def users(
    request: pytest.FixtureRequest, table_name: str, clock: Clock
) -> Iterator[UserRepository]:
    match request.param:
        case "in_memory":
            yield InMemoryUserRepository(clock=clock)
        case "moto":
            endpoint = request.getfixturevalue("moto")
            made = sdk(endpoint)
            create_table(made, table_name)
            made.close()
            yield from _users(endpoint, table_name, clock)
        case _:
            yield request.getfixturevalue("dynamodb_users")


def _users(endpoint: str, table_name: str, clock: Clock) -> Iterator[DynamoDBUserRepository]:
    # The deadlines of the real thing are for a person who waits; a busy machine needs more.
    client = Client(endpoint, REGION, attempt_seconds=60)
    yield DynamoDBUserRepository(Table(client, table_name, deadline_seconds=150), clock=clock)
    client.close()
