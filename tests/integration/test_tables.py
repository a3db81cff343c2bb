"""A restore in moto, which does what DynamoDB documents of it but takes no time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from operations.tables import Backup, PointInTime, Settings, restore
from tests.moto_aws import aws_in_moto
from tooling.progress import Failure

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

OLD, NEW = "users", "users-restored"
SETTINGS = Settings(
    index="status",
    time_to_live="expires_at",
    point_in_time_recovery=True,
    deletion_protection=True,
    encryption_key=None,
    max_read_units=None,
    max_write_units=None,
    tags={"team": "identity"},
)
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Iterator[DynamoDBClient]":
    with aws_in_moto(monkeypatch, tmp_path):
        client = boto3.client("dynamodb")
        make_table(client, OLD, "status")
        client.put_item(TableName=OLD, Item={"pk": {"S": "user#0"}, "sk": {"S": "jane"}})
        yield client


def make_table(client: "DynamoDBClient", name: str, index: str) -> None:
    client.create_table(
        TableName=name,
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk", "status_shard")
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": [{"AttributeName": "status_shard", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def backup_of(client: "DynamoDBClient") -> Backup:
    details = client.create_backup(TableName=OLD, BackupName="before")["BackupDetails"]
    return Backup(arn=details["BackupArn"])


def require_whole(client: "DynamoDBClient") -> None:
    """Fails unless the new table has the data, and all that a restore leaves out."""
    assert client.scan(TableName=NEW)["Count"] == 1
    table = client.describe_table(TableName=NEW)["Table"]
    assert table["DeletionProtectionEnabled"]
    expiry = client.describe_time_to_live(TableName=NEW)["TimeToLiveDescription"]
    assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires_at")
    backups = client.describe_continuous_backups(TableName=NEW)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    tags = client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "identity"}]


def test_a_restore_has_what_dynamodb_leaves_out(dynamodb: "DynamoDBClient") -> None:
    restore(dynamodb, backup_of(dynamodb), NEW, SETTINGS)
    require_whole(dynamodb)


def test_a_time_is_restored(dynamodb: "DynamoDBClient") -> None:
    dynamodb.update_continuous_backups(
        TableName=OLD, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    restore(dynamodb, PointInTime(table=OLD, time=NOW), NEW, SETTINGS)
    require_whole(dynamodb)


class Killed(BaseException):
    """What kill -9 is to a process."""


CALLS = [
    "RestoreTableFromBackup",
    "UpdateTable",
    "UpdateTimeToLive",
    "UpdateContinuousBackups",
    "TagResource",
]


@pytest.mark.parametrize("when", ["before-call", "after-call"])
@pytest.mark.parametrize("call", CALLS)
def test_killed_anywhere_it_goes_on(dynamodb: "DynamoDBClient", call: str, when: str) -> None:
    backup = backup_of(dynamodb)
    event = f"{when}.dynamodb.{call}"

    def kill(**_: Any) -> None:
        raise Killed

    dynamodb.meta.events.register(event, kill)
    with pytest.raises(Killed):
        restore(dynamodb, backup, NEW, SETTINGS)
    dynamodb.meta.events.unregister(event, kill)
    restore(dynamodb, backup, NEW, SETTINGS)
    require_whole(dynamodb)


def test_once_done_it_changes_nothing(dynamodb: "DynamoDBClient") -> None:
    backup = backup_of(dynamodb)
    restore(dynamodb, backup, NEW, SETTINGS)

    def refuse(**_: Any) -> None:
        pytest.fail("it changes something")

    for call in CALLS:
        dynamodb.meta.events.register(f"before-call.dynamodb.{call}", refuse)
    restore(dynamodb, backup, NEW, SETTINGS)


def test_the_restore_of_something_else_is_refused(dynamodb: "DynamoDBClient") -> None:
    restore(dynamodb, backup_of(dynamodb), NEW, SETTINGS)
    before = dynamodb.describe_table(TableName=NEW)
    other = PointInTime(table=OLD, time=NOW - timedelta(hours=1))
    for origin in (backup_of(dynamodb), other):
        with pytest.raises(Failure, match="Choose another name"):
            restore(dynamodb, origin, NEW, replace(SETTINGS, tags={"team": "another"}))
    assert dynamodb.describe_table(TableName=NEW)["Table"] == before["Table"]


def test_a_table_without_the_index_is_left_alone(dynamodb: "DynamoDBClient") -> None:
    make_table(dynamodb, NEW, "orders")
    with pytest.raises(Failure, match="is not a table of users"):
        restore(dynamodb, None, NEW, SETTINGS)
    assert not dynamodb.describe_table(TableName=NEW)["Table"].get("DeletionProtectionEnabled")


def test_it_waits_until_the_table_is_active(
    dynamodb: "DynamoDBClient", capsys: pytest.CaptureFixture[str]
) -> None:
    states = ["CREATING"] * 35
    waits: list[float] = []

    def hold(parsed: dict[str, Any], **_: Any) -> None:
        if states and "Table" in parsed:
            parsed["Table"]["TableStatus"] = states.pop()

    backup = backup_of(dynamodb)
    restore(dynamodb, backup, NEW, SETTINGS)
    dynamodb.meta.events.register("after-call.dynamodb.DescribeTable", hold)
    restore(dynamodb, backup, NEW, SETTINGS, pause=waits.append)
    assert sum(waits) > 60
    said = capsys.readouterr().err
    assert f"{NEW}: CREATING, waiting for 0 min" in said
    assert f"{NEW}: CREATING, waiting for 1 min" in said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("InvalidRestoreTimeException", "That time can't be restored"),
        ("PointInTimeRecoveryUnavailableException", "restore a backup with --backup"),
        ("TableNotFoundException", "restore a backup with --backup"),
        ("ExpiredTokenException", "run the same command again"),
    ],
)
def test_what_aws_refuses_is_said(
    dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "RestoreTableToPointInTime")

    monkeypatch.setattr(dynamodb, "restore_table_to_point_in_time", refuse)
    with pytest.raises(Failure, match=said):
        restore(dynamodb, PointInTime(table=OLD, time=NOW), NEW, SETTINGS)


def test_the_maximum_throughput_is_the_table_s_and_its_index_s(
    dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, Any]] = []
    restore(dynamodb, backup_of(dynamodb), NEW, SETTINGS)
    monkeypatch.setattr(dynamodb, "update_table", lambda **call: calls.append(call))
    restore(dynamodb, None, NEW, replace(SETTINGS, max_read_units=4000))
    limit = {"MaxReadRequestUnits": 4000, "MaxWriteRequestUnits": -1}
    [call] = calls
    assert call["OnDemandThroughput"] == limit
    update = {"IndexName": "status", "OnDemandThroughput": limit}
    assert call["GlobalSecondaryIndexUpdates"] == [{"Update": update}]
