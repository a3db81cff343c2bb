"""./scripts/restore: restores users into a new table that the stack can adopt."""

import argparse
import re
import signal
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import boto3

from backend.environment import Environment
from backend.users.dynamodb import layout
from constants import ENVIRONMENTS, LOCAL
from localcloud import emulator
from operations import tables
from operations.tables import Backup, PointInTime, Settings
from tooling.progress import Failure, failures_explained, say

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_DESCRIPTION: Final = """\
Restore the users of an environment into a new table, apply the settings that a restore leaves out,
and print how the stack adopts the table. Uses your AWS credentials or, for the environment local,
the running sandbox. Deletes nothing. To continue after a failure, run it again with the same
arguments.
"""
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{3,255}")  # DynamoDB's rule
_AWS_BACKUP: Final = re.compile(r"arn:[^:]+:backup:")


def main() -> None:
    """Parse the command line, restore, and print what to do next."""
    arguments = _parse(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with failures_explained():
            _restore(arguments)
    except KeyboardInterrupt:
        say(
            "\nStopped. AWS continues the restore; to continue with it, run the same command again."
        )
        sys.exit(128 + signal.SIGINT)


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./scripts/restore",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("environment", choices=ENVIRONMENTS, help="an environment of constants.py")
    origin = parser.add_mutually_exclusive_group(required=True)
    origin.add_argument(
        "--at", type=_time, metavar="TIME", help="before the damage, such as 2026-11-21T09:00:00Z"
    )
    origin.add_argument("--backup", metavar="ARN", help="a backup made by DynamoDB")
    origin.add_argument(
        "--restored",
        action="store_true",
        help="AWS Backup has restored the table: apply the settings",
    )
    parser.add_argument(
        "--to", required=True, type=_name, metavar="TABLE", help="the new table's name"
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="TABLE",
        help="the table to restore; by default the one that the stack uses",
    )
    parser.add_argument(
        "--stack", metavar="NAME", help="the stack's name, if it is not the environment's own"
    )
    arguments = parser.parse_args(words)
    if arguments.backup and _AWS_BACKUP.match(arguments.backup):
        parser.error(
            "that backup was made by AWS Backup: restore it there to the new name (AWS Backup, the "
            "vault, Restore), then run this with --restored instead of --backup"
        )
    return arguments


def _restore(arguments: argparse.Namespace) -> None:
    record = ENVIRONMENTS[arguments.environment]
    with tables.aws_errors_explained():  # a missing region, too
        session = _session(record)
        client = session.client("dynamodb")
    source = arguments.source
    if source is None:
        source = _table_of_stack(session, arguments.stack or record.stack_name)
    if arguments.to == source:
        raise Failure(f"{source} is the table to restore: choose another name with --to.")
    origin: PointInTime | Backup | None = None
    if arguments.at:
        origin = PointInTime(table=source, time=arguments.at)
    elif arguments.backup:
        origin = Backup(arn=arguments.backup)
    tables.restore(client, origin, arguments.to, _settings(client, record, source))
    _say_what_is_next(arguments.environment, record, source, arguments.to)


def _session(record: Environment) -> Any:
    if record is LOCAL:
        emulator.use(emulator.running())
        return boto3.Session()
    if record.target is None:
        return boto3.Session()
    session = boto3.Session(region_name=record.target.region)
    account = session.client("sts").get_caller_identity()["Account"]
    if account != record.target.account:
        raise Failure(
            f"Your AWS credentials are for the account {account}; {record.name} is in the account "
            f"{record.target.account}."
        )
    return session


def _table_of_stack(session: Any, stack: str) -> str:
    """Return the name of the table that the stack's function uses."""
    with tables.aws_errors_explained():
        pages = session.client("cloudformation").get_paginator("list_stack_resources")
        functions = [
            resource["PhysicalResourceId"]
            for page in pages.paginate(StackName=stack)
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::Lambda::Function"
        ]
        lambda_ = session.client("lambda")
        for function in functions:
            found = lambda_.get_function_configuration(FunctionName=function)
            name = found.get("Environment", {}).get("Variables", {}).get("TABLE_NAME")
            if name:
                return str(name)
    raise Failure(f"No function of the stack {stack} names a table: name it with --from.")


def _settings(client: "DynamoDBClient", record: Environment, source: str) -> Settings:
    """Return the record's settings, and the source's tags."""
    with tables.aws_errors_explained():
        tags = tables.tags(client, source)
    return Settings(
        index=layout.STATUS_INDEX,
        time_to_live=layout.TIME_TO_LIVE,
        point_in_time_recovery=record.database.point_in_time_recovery,
        deletion_protection=record.deletion_protection,
        encryption_key=record.database.encryption_key,
        max_read_units=record.database.max_read_units,
        max_write_units=record.database.max_write_units,
        tags=tags,
    )


def _say_what_is_next(environment: str, record: Environment, source: str, table: str) -> None:
    kept = f"{source} is unchanged, and stays."
    settings = [f'database=DatabaseOptions(adopted_table="{table}", …),  # keep its other options']
    if record.rollout:
        settings.append("rollout=None,  # for this deployment: both versions must use one table")
    lines = "\n".join(f"     {setting}" for setting in settings)
    if record.removal_policy == "DESTROY" and not record.database.adopted_table:
        kept = (
            f"Careful: if {source} is the stack's own table, this deployment deletes it, because"
            " of the record's removal policy."
        )
    deploy = f"./scripts/cdk deploy -c environment={environment}"
    if record is LOCAL:
        deploy = "save the file; the running sandbox deploys it"
    say(f"""\
{table} is ready.

1. In constants.py, in the record {record.name.upper()}:

{lines}

2. Deploy: {deploy}

{kept}""")


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time: use one such as 2026-11-21T09:00:00Z"
        ) from None
    if time.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no time zone: add Z for UTC")
    return time.astimezone(UTC).replace(microsecond=0)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} can't be a table's name: use 3 to 255 letters, digits, '-', '_' and '.'"
        )
    return text


if __name__ == "__main__":
    main()
