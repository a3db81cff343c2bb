"""What ./scripts/restore asks for and says; tests/integration/test_tables.py has what it does."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from backend.users.dynamodb import layout
from constants import ENVIRONMENTS
from operations import restore, tables
from operations.tables import Backup, PointInTime, Settings
from tests.infrastructure import records
from tests.infrastructure.records import PRODUCTION
from tests.moto_aws import aws_in_moto

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

type Origin = PointInTime | Backup | None
type Call = tuple[Origin, str, Settings]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[Call]]:
    """What would have been restored."""
    for name, record in records.ENVIRONMENTS.items():
        monkeypatch.setitem(ENVIRONMENTS, name, record)
    made: list[Call] = []

    def note(_: "DynamoDBClient", origin: Origin, name: str, settings: Settings) -> None:
        made.append((origin, name, settings))

    monkeypatch.setattr(tables, "restore", note)
    with aws_in_moto(monkeypatch, tmp_path):
        yield made


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit status."""
    monkeypatch.setattr(sys, "argv", ["restore", *arguments])
    try:
        restore.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_it_restores_what_the_record_says(
    calls: list[Call], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("dynamodb").create_table(
        TableName="users",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "team", "Value": "identity"}],
    )
    words = ["production", "--at", "2026-11-21T10:00:00.5+01:00", "--to", "new", "--from", "users"]
    assert run(monkeypatch, *words) == 0
    [(origin, name, settings)] = calls
    assert isinstance(origin, PointInTime)
    assert (origin.table, origin.time.isoformat()) == ("users", "2026-11-21T09:00:00+00:00")
    assert name == "new"
    assert settings == Settings(
        index=layout.STATUS_INDEX,
        time_to_live=layout.TIME_TO_LIVE,
        point_in_time_recovery=True,
        deletion_protection=True,
        encryption_key=None,
        max_read_units=PRODUCTION.database.max_read_units,
        max_write_units=PRODUCTION.database.max_write_units,
        tags={"team": "identity"},
    )
    said = capsys.readouterr().err
    assert "in the record PRODUCTION:\n\n" in said
    assert re.search(r'^     database=.+\(adopted_table="new", ', said, re.M)
    assert "\n     rollout=None," in said
    assert "./scripts/cdk deploy -c environment=production" in said
    assert "users is unchanged, and stays." in said


def test_it_says_when_an_adoption_deletes_the_old_table(
    calls: list[Call], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "sandbox", "--restored", "--to", "new", "--from", "users") == 0
    assert calls[0][0] is None
    assert "Careful: if users is the stack's own table" in capsys.readouterr().err


ARN = "arn:aws:dynamodb:us-east-1:111111111111:table/users/backup/01"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--at", "yesterday", "--to", "new"], "'yesterday' is not a time"),
        (["--at", "2026-11-21T09:00:00", "--to", "new"], "has no time zone"),
        (["--backup", ARN, "--to", "a/b"], "can't be a table's name"),
        (["--backup", "arn:aws:backup:r:1:recovery-point:x", "--to", "new"], "made by AWS Backup"),
        (["--backup", ARN, "--restored", "--to", "new"], "not allowed with"),
        (["--to", "new"], "one of the arguments"),
        (["--backup", ARN, "--to", "users", "--from", "users"], "choose another name"),
        (["--backup", ARN, "--to", "new"], f"{PRODUCTION.stack_name} does not exist"),
    ],
)
def test_a_mistake_is_said(
    calls: list[Call],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    assert run(monkeypatch, "production", *arguments) in {1, 2}
    assert said in capsys.readouterr().err
    assert not calls


def test_every_environment_can_be_restored() -> None:
    assert all(restore._parse([name, "--restored", "--to", "new"]) for name in ENVIRONMENTS)
