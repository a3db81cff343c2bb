"""Restores a DynamoDB table into a new one, with what DynamoDB leaves out. Deletes nothing.

Each step checks what exists before it changes it, so that a restore can be run again.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NotRequired, TypedDict

from botocore.exceptions import BotoCoreError, ClientError

from tooling.progress import Failure, say

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        OnDemandThroughputTypeDef,
        SSESpecificationTypeDef,
        TableDescriptionTypeDef,
    )

_POLL_SECONDS: Final = 2.0
_REPORT_SECONDS: Final = 60.0
# DynamoDB may take a while before it can back up a new table.
_BACKUPS_SECONDS: Final = 300.0
_SECOND: Final = timedelta(seconds=1)
_NO_LIMIT: Final = -1  # DynamoDB's value


class _Target(TypedDict):
    TargetTableName: str
    SSESpecificationOverride: NotRequired["SSESpecificationTypeDef"]


@dataclass(frozen=True, kw_only=True)
class PointInTime:
    """A point in time of a table with point-in-time recovery.

    Attributes:
        table: The table's name.
        time: In whole seconds, with a time zone.
    """

    table: str
    time: datetime


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A backup made by DynamoDB. The table that was backed up may be gone."""

    arn: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings that a restored table must have. Nothing else that it has is removed.

    Attributes:
        index: The name of the index, which proves that the table is one of users.
        time_to_live: The name of the attribute with the expiry.
        point_in_time_recovery: Whether to turn it on.
        deletion_protection: Whether to turn it on.
        encryption_key: The key's ARN; None keeps the key of the restore.
        max_read_units: A second, of the table and, separately, of its index.
        max_write_units: The same for write units.
        tags: The tags to add.
    """

    index: str
    time_to_live: str
    point_in_time_recovery: bool
    deletion_protection: bool
    encryption_key: str | None
    max_read_units: int | None
    max_write_units: int | None
    tags: Mapping[str, str]


def tags(client: "DynamoDBClient", table: str) -> dict[str, str]:
    """Return a table's tags without AWS's own; {} if there is no such table."""
    found = _find(client, table)
    if found is None:
        return {}
    pages = client.get_paginator("list_tags_of_resource").paginate(ResourceArn=found["TableArn"])
    pairs = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    return {key: value for key, value in pairs.items() if not key.startswith("aws:")}


def restore(
    client: "DynamoDBClient",
    origin: PointInTime | Backup | None,
    name: str,
    settings: Settings,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Restore into a table, or continue if it is a restore of the same origin.

    Returns when the table is ready to be adopted.

    Args:
        client: A DynamoDB client.
        origin: What to restore; None if the table was restored by other means.
        name: The new table's name.
        settings: What the table must have.
        pause: Waits for a number of seconds.

    Raises:
        Failure: AWS refuses, or the table is another.
    """
    with aws_errors_explained():
        if origin:
            _begin(client, origin, name, settings.encryption_key)
        _await_ready(client, name, pause)
        _require_index(client, name, settings.index)
        # First, so that nobody deletes the table by mistake.
        _protect(client, name, settings)
        _await_ready(client, name, pause)
        _limit(client, name, settings)
        _await_ready(client, name, pause)
        _expire(client, name, settings.time_to_live)
        if settings.point_in_time_recovery:
            _record_changes(client, name, pause)
        _tag(client, name, settings.tags)


@contextmanager
def aws_errors_explained() -> Iterator[None]:
    """Raise Failure if AWS, or the local cloud, refuses a call or can't be reached."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Failure(
            f"AWS refused a call: {str(error).removesuffix('.')}. Fix the cause, and run the same"
            " command again to continue."
        ) from None


def _begin(
    client: "DynamoDBClient", origin: PointInTime | Backup, name: str, key: str | None
) -> None:
    if table := _find(client, name):
        _require_origin(table, origin)
        say(f"  {name}: continuing an earlier restore")
        return
    target: _Target = {"TargetTableName": name}
    if key:
        target["SSESpecificationOverride"] = {
            "Enabled": True,
            "SSEType": "KMS",
            "KMSMasterKeyId": key,
        }
    try:
        if isinstance(origin, PointInTime):
            client.restore_table_to_point_in_time(
                SourceTableName=origin.table, RestoreDateTime=origin.time, **target
            )
        else:
            client.restore_table_from_backup(BackupArn=origin.arn, **target)
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "TableAlreadyExistsException":  # the SDK repeats a call whose response was lost
                _require_origin(_describe(client, name), origin)
            case "InvalidRestoreTimeException":
                raise Failure(f"That time can't be restored. {_window(client, origin)}") from None
            case "PointInTimeRecoveryUnavailableException":
                raise Failure(
                    "The table has no point-in-time recovery: restore a backup with --backup."
                ) from None
            case "TableNotFoundException":
                raise Failure(
                    "The table to restore is gone: restore a backup with --backup. DynamoDB makes"
                    " one when a table with point-in-time recovery is deleted."
                ) from None
            case "BackupNotFoundException":
                raise Failure(
                    "This account and region have no such backup: see"
                    " `aws dynamodb list-backups --backup-type ALL`."
                ) from None
            case _:
                raise
    say(f"  {name} is being restored")


def _require_origin(table: "TableDescriptionTypeDef", origin: PointInTime | Backup) -> None:
    """Raise Failure unless the table is a restore of this origin."""
    summary = table.get("RestoreSummary")
    if summary and isinstance(origin, Backup):
        is_same = summary.get("SourceBackupArn") == origin.arn
    elif summary and isinstance(origin, PointInTime):
        is_same = (
            summary.get("SourceTableArn", "").endswith(f":table/{origin.table}")
            and abs(summary["RestoreDateTime"] - origin.time) < _SECOND
        )
    else:
        is_same = False
    if not is_same:
        raise Failure(
            f"There is already a table {table['TableName']}, and AWS does not report it as this"
            " restore. Choose another name with --to or, if you know that it is this restore,"
            " pass --restored instead."
        )


def _window(client: "DynamoDBClient", origin: PointInTime | Backup) -> str:
    assert isinstance(origin, PointInTime)  # noqa: S101 a backup has no time
    found = client.describe_continuous_backups(TableName=origin.table)
    window = found["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    if "EarliestRestorableDateTime" not in window or "LatestRestorableDateTime" not in window:
        return f"{origin.table} has no point-in-time recovery: restore a backup with --backup."
    ends = (window["EarliestRestorableDateTime"], window["LatestRestorableDateTime"])
    return f"{origin.table} can be restored to any time from {ends[0]} to {ends[1]}."


def _find(client: "DynamoDBClient", name: str) -> "TableDescriptionTypeDef | None":
    try:
        return _describe(client, name)
    except client.exceptions.ResourceNotFoundException:
        return None


def _describe(client: "DynamoDBClient", name: str) -> "TableDescriptionTypeDef":
    return client.describe_table(TableName=name)["Table"]


def _await_ready(client: "DynamoDBClient", name: str, pause: Callable[[float], None]) -> None:
    """Wait until the table and its indexes are active, however long it takes."""
    waited = 0.0
    while True:
        # It is missing if DynamoDB gave up the restore, or if there never was one.
        table = _find(client, name)
        if table is None:
            raise Failure(f"There is no table {name}: restore it first, with --at or --backup.")
        states = [table["TableStatus"]]
        states += [index["IndexStatus"] for index in table.get("GlobalSecondaryIndexes", [])]
        if set(states) == {"ACTIVE"}:
            return
        if waited % _REPORT_SECONDS == 0:
            say(f"  {name}: {states[0]}, waiting for {waited / 60:.0f} min")
        pause(_POLL_SECONDS)
        waited += _POLL_SECONDS


def _require_index(client: "DynamoDBClient", name: str, index: str) -> None:
    found = [i["IndexName"] for i in _describe(client, name).get("GlobalSecondaryIndexes", [])]
    if found != [index]:
        raise Failure(
            f"{name} is not a table of users: it has the indexes {found}, not {[index]}. "
            "It was not changed."
        )


def _protect(client: "DynamoDBClient", name: str, settings: Settings) -> None:
    table = _describe(client, name)
    if settings.deletion_protection and not table.get("DeletionProtectionEnabled"):
        client.update_table(TableName=name, DeletionProtectionEnabled=True)
        say("  deletion protection")


def _limit(client: "DynamoDBClient", name: str, settings: Settings) -> None:
    wanted: OnDemandThroughputTypeDef = {
        "MaxReadRequestUnits": settings.max_read_units or _NO_LIMIT,
        "MaxWriteRequestUnits": settings.max_write_units or _NO_LIMIT,
    }
    unlimited: OnDemandThroughputTypeDef = {
        "MaxReadRequestUnits": _NO_LIMIT,
        "MaxWriteRequestUnits": _NO_LIMIT,
    }
    table = _describe(client, name)
    [index] = table["GlobalSecondaryIndexes"]
    found = (table.get("OnDemandThroughput", {}), index.get("OnDemandThroughput", {}))
    # If the record sets no limits, the table keeps its own.
    if wanted == unlimited or all({**unlimited, **one} == wanted for one in found):
        return
    client.update_table(
        TableName=name,
        OnDemandThroughput=wanted,
        GlobalSecondaryIndexUpdates=[
            {"Update": {"IndexName": settings.index, "OnDemandThroughput": wanted}}
        ],
    )
    say("  maximum throughput")


def _expire(client: "DynamoDBClient", name: str, attribute: str) -> None:
    found = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if found.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
        if found.get("AttributeName") != attribute:
            raise Failure(f"The time to live of {name} uses another attribute: turn it off first.")
        return
    client.update_time_to_live(
        TableName=name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute},
    )
    say("  time to live")


def _record_changes(client: "DynamoDBClient", name: str, pause: Callable[[float], None]) -> None:
    found = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = found.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") == "ENABLED":
        return
    waited = 0.0
    while True:
        try:
            client.update_continuous_backups(
                TableName=name,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            )
        except client.exceptions.ContinuousBackupsUnavailableException:
            if waited >= _BACKUPS_SECONDS:
                raise
            pause(_POLL_SECONDS)
            waited += _POLL_SECONDS
        else:
            say("  point-in-time recovery")
            return


def _tag(client: "DynamoDBClient", name: str, wanted: Mapping[str, str]) -> None:
    found = tags(client, name)
    missing = {key: value for key, value in wanted.items() if found.get(key) != value}
    if missing:
        client.tag_resource(
            ResourceArn=_describe(client, name)["TableArn"],
            Tags=[{"Key": key, "Value": value} for key, value in missing.items()],
        )
        say(f"  tags: {', '.join(missing)}")
