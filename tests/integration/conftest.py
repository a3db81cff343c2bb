"""The stores that the contract holds for: the fake, moto, and AWS's own DynamoDB engine."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from dynamodb import DynamoDBUsers
from table import Table, make_client
from tests.dynamodb_local import create_table
from tests.in_memory_users import InMemoryUsers
from users import Users

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


@pytest.fixture
def aws_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What Lambda sets for a function, and nothing of the machine's."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "absent"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture
def table_name() -> str:
    """A name of the test's own: no test sees another's users."""
    return f"users-{uuid.uuid4()}"


@pytest.fixture
def client(
    dynamodb_local: str,
    aws_environment: None,
    table_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> "Iterator[DynamoDBClient]":
    """The function's own client, connected to AWS's engine, which has the table."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_local)
    # What the SDK waits before it tries again is not what these tests are about.
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    made = make_client()
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
def dynamodb_users(client: "DynamoDBClient", table_name: str, clock: Clock) -> DynamoDBUsers:
    # The budget of the real thing is for a person who waits; a busy machine needs more.
    return DynamoDBUsers(Table(client, table_name, budget_seconds=60), clock=clock)


@pytest.fixture(params=["in_memory", "moto", "dynamodb_local"])
def users(request: pytest.FixtureRequest, table_name: str, clock: Clock) -> Iterator[Users]:
    match request.param:
        case "in_memory":
            yield InMemoryUsers(clock=clock)
        case "moto":
            request.getfixturevalue("aws_environment")
            with mock_aws():
                made = make_client()
                create_table(made, table_name)
                yield DynamoDBUsers(Table(made, table_name), clock=clock)
        case _:
            yield request.getfixturevalue("dynamodb_users")
