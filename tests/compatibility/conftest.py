"""Runs this checkout's code and released code on a table of AWS's own DynamoDB engine."""

import contextlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.compatibility.function import Function, started
from tests.compatibility.meeting import Case, Meeting, cases, of_a_later_release
from tests.compatibility.written import Written, put, write
from tests.dynamodb_local import create_table, make_client
from tooling.install import ROOT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

# There is one table at a time, because a function learns its name when it starts.
TABLE_NAME: Final = "users"


@pytest.fixture(scope="session")
def client(dynamodb_local: str) -> "Iterator[DynamoDBClient]":
    made = make_client(dynamodb_local)
    yield made
    made.close()


@pytest.fixture(scope="session")
def run(dynamodb_local: str) -> Iterator[Callable[[Path], Function]]:
    """Yield what starts the function with the code in a folder or archive, once for all tests."""
    with contextlib.ExitStack() as stack:
        yield cache(lambda code: stack.enter_context(started(code, dynamodb_local, TABLE_NAME)))


@pytest.fixture(scope="session")
def present(run: Callable[[Path], Function]) -> Function:
    """Start the function with this checkout's code."""
    return run(ROOT)


@pytest.fixture(scope="session")
def written_now(present: Function, client: "DynamoDBClient") -> Written:
    """Return what this checkout's code writes."""
    with _table(client):
        return write(present, client, TABLE_NAME)


@pytest.fixture
def table(client: "DynamoDBClient", written_now: Written) -> Iterator[str]:
    """Create an empty table, after written_now, which creates and deletes one itself."""
    with _table(client):
        yield TABLE_NAME


@pytest.fixture(params=cases(), ids=str)
def meeting(
    request: pytest.FixtureRequest,
    run: Callable[[Path], Function],
    present: Function,
    written_now: Written,
    client: "DynamoDBClient",
    table: str,
) -> Meeting:
    """Return the meeting of each case in turn, on a table of its own."""
    case: Case = request.param
    released = case.release.written()
    old = run(case.release.code) if case.release.code.exists() else present
    match case.wrote:
        case "now":
            meeting = Meeting(old, present, written_now, released)
        case "a later release":
            later = released._replace(items=[of_a_later_release(i) for i in released.items])
            meeting = Meeting(present, old, later, released)
        case _:
            meeting = Meeting(present, old, released, released)
    put(meeting.written.items, client, table)
    return meeting


@contextlib.contextmanager
def _table(client: "DynamoDBClient") -> Iterator[None]:
    create_table(client, TABLE_NAME)
    yield
    client.delete_table(TableName=TABLE_NAME)
