"""The hook before traffic shifts: new code has to serve a synthetic user before anybody else.

CodeDeploy invokes it, and waits until it reports. Lambda's runtime brings the SDK: two operations
that don't change need no version of our own, and nothing that would have to be bundled.
"""

import logging
import os
from typing import Final

import boto3
from botocore.config import Config

from backend.rollout.runtime.round_trip import RoundTrip
from backend.rollout.runtime.version import Unexpected, Version

_LOG: Final = logging.getLogger(__name__)
# Above what the function may take, its start included. A request that the SDK repeats could meet
# its own success, so it repeats none.
_CALLS: Final = Config(connect_timeout=5, read_timeout=35, retries={"total_max_attempts": 1})
# A report may be repeated.
_REPORT: Final = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 3})


def handler(event: dict[str, str], _context: object) -> None:
    """Take CodeDeploy's event, and report Succeeded or Failed in any case."""
    # Never anybody else's: CodeDeploy's ids are unique.
    username = f"deployment-{event['DeploymentId'].lower()}"
    client = boto3.client("lambda", config=_CALLS)
    status = "Failed"
    try:
        status = validate(
            Version(client, os.environ["NEW_VERSION"], caller=username),
            Version(client, os.environ["LIVE_ALIAS"], caller=username),
            username,
        )
    finally:
        boto3.client("codedeploy", config=_REPORT).put_lifecycle_event_hook_execution_status(
            deploymentId=event["DeploymentId"],
            lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
            status=status,
        )


def validate(new: Version, live: Version, username: str) -> str:
    """Return Succeeded or Failed; nothing is left of the user, if the live code can delete it."""
    trip = RoundTrip(new, username)
    try:
        _require_one_table(new, live)
        trip.run()
    except Unexpected as failure:
        _LOG.error("%s", failure)
        return "Failed"
    finally:
        if trip.may_have_left_a_user:
            _clean_up(live, username)
    return "Succeeded"


def _require_one_table(new: Version, live: Version) -> None:
    # While traffic shifts, both versions write: what one of them wrote would be lost.
    ours, theirs = new.table(), live.table()
    if ours != theirs:
        raise Unexpected(
            "table", f"{ours}, not the live version's {theirs}: adopt it with rollout=None"
        )


def _clean_up(live: Version, username: str) -> None:
    # By the code that serves everybody until now: what is new may be unable to delete.
    route = "DELETE /users/{username}"
    try:
        live.call("clean-up", route, username=username, expected=(204, 404))
    except Unexpected as failure:
        _LOG.error("%s; the user %s may be left", failure, username)
