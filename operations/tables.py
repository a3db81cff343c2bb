"""A restore of a DynamoDB table: into a new one, with what DynamoDB leaves out. Deletes nothing.

Each step looks at what is there before it changes it, so that all of it can be run again.
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
# DynamoDB may take a while to begin its backups of a table that is new.
_BACKUPS_SECONDS: Final = 300.0
_SECOND: Final = timedelta(seconds=1)
_NO_LIMIT: Final = -1  # DynamoDB's word for it


class _Target(TypedDict):
    TargetTableName: str
    SSESpecificationOverride: NotRequired["SSESpecificationTypeDef"]


@dataclass(frozen=True, kw_only=True)
class PointInTime:
    """Of a table with point-in-time recovery. time: with a time zone, in whole seconds."""

    table: str
    time: datetime


@dataclass(frozen=True, kw_only=True)
class Backup:
    """One of DynamoDB's, which needs the table that it was made of no more."""

    arn: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a restored table shall have. Nothing that it has besides is taken from it.

    index: of the restored ones, which proves that the table is one of users.
    time_to_live: an attribute's name.
    encryption_key: an ARN; None for the key that the restore brings.
    max_read_units, max_write_units: a second, of the table and again of its index.
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
    """A table's, without those that are AWS's own; {} if there is no such table.

    Raises ClientError.
    """
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
    """Make the table `name`, or go on with it if it is a restore of the same origin.

    origin: None for a table that was restored by other means.
    Returns when the table is ready to be adopted. Raises Failure.
    """
    with dynamodb_answers():
        if origin:
            _begin(client, origin, name, settings.encryption_key)
        _await_ready(client, name, pause)
        _require_index(client, name, settings.index)
        # First of all: from here on nobody deletes it by mistake.
        _protect(client, name, settings)
        _await_ready(client, name, pause)
        _limit(client, name, settings)
        _await_ready(client, name, pause)
        _expire(client, name, settings.time_to_live)
        if settings.point_in_time_recovery:
            _record_changes(client, name, pause)
        _tag(client, name, settings.tags)


@contextmanager
def dynamodb_answers() -> Iterator[None]:
    """Raises Failure when AWS, or the local cloud, refuses a call, or can't be reached."""
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
            case "TableAlreadyExistsException":  # the SDK repeats a call whose answer was lost
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
    """Raises Failure unless the table is a restore of this origin, and of no other."""
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
    assert isinstance(origin, PointInTime)  # noqa: S101 no other has a time
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
    """Return once the table and its indexes are active, however long it takes."""
    waited = 0.0
    while True:
        # Not found: DynamoDB gave the restore up, or there never was one.
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
    # Where the record sets no limit, none is taken away.
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
