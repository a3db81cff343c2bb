"""This checkout's code and released code, on a table of AWS's own DynamoDB engine."""

import contextlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from backend.api.bundling import RUNTIME
from tests.compatibility.function import Function, started
from tests.compatibility.release import make_client
from tests.compatibility.written import Written, write
from tests.dynamodb_local import create_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

# Of the one table that there is at a time: a function is told its name when it starts.
TABLE_NAME: Final = "users"


@pytest.fixture(scope="session")
def client(dynamodb_local: str) -> "Iterator[DynamoDBClient]":
    made = make_client(dynamodb_local)
    yield made
    made.close()


@pytest.fixture(scope="session")
def run(dynamodb_local: str) -> Iterator[Callable[[Path], Function]]:
    """The function with the code in a folder or an archive, started once for all tests."""
    with contextlib.ExitStack() as stack:
        yield cache(lambda code: stack.enter_context(started(code, dynamodb_local, TABLE_NAME)))


@pytest.fixture(scope="session")
def present(run: Callable[[Path], Function]) -> Function:
    """The function with this checkout's code."""
    return run(RUNTIME)


@pytest.fixture(scope="session")
def written_now(present: Function, client: "DynamoDBClient") -> Written:
    """What this checkout's code writes."""
    with _table(client):
        return write(present, client, TABLE_NAME)


@pytest.fixture
def table(client: "DynamoDBClient", written_now: Written) -> Iterator[str]:
    """The name of the table, which is empty. (written_now: it makes and deletes one itself.)"""
    with _table(client):
        yield TABLE_NAME


@contextlib.contextmanager
def _table(client: "DynamoDBClient") -> Iterator[None]:
    create_table(client, TABLE_NAME)
    yield
    client.delete_table(TableName=TABLE_NAME)
