"""The hook that tests new code with a synthetic user before traffic shifts to it.

CodeDeploy invokes it and waits for its report. It uses the SDK of Lambda's runtime: its few, stable
operations need no version of our own.
"""

import logging
import os
from typing import Final

import boto3
from botocore.config import Config

from backend.rollout.runtime.round_trip import RoundTrip
from backend.rollout.runtime.version import UnexpectedResponse, Version

_LOG: Final = logging.getLogger(__name__)
# Longer than the function may take, with its start. No retries: a repeated request could fail
# because the first one succeeded.
_CALLS: Final = Config(connect_timeout=5, read_timeout=35, retries={"total_max_attempts": 1})
# A report may be retried.
_REPORT: Final = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 3})


def handler(event: dict[str, str], _context: object) -> None:
    """Test the new version, and report Succeeded or Failed to CodeDeploy, whatever happens."""
    # Nobody else's, because CodeDeploy's ids are unique.
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
    """Return Succeeded or Failed, and remove the user if the new version left it.

    Args:
        new: The version to test.
        live: The version that serves callers now.
        username: The synthetic user's.
    """
    trip = RoundTrip(new, username)
    try:
        _require_one_table(new, live)
        trip.run()
    except UnexpectedResponse as failure:
        _LOG.error("%s", failure)
        return "Failed"
    finally:
        if trip.may_have_left_a_user:
            _clean_up(live, username)
    return "Succeeded"


def _require_one_table(new: Version, live: Version) -> None:
    # While traffic shifts, both versions write. What one wrote to another table would be lost.
    ours, theirs = new.table(), live.table()
    if ours != theirs:
        raise UnexpectedResponse(
            "table", f"{ours}, not the live version's {theirs}: adopt it with rollout=None"
        )


def _clean_up(live: Version, username: str) -> None:
    # The live version deletes the user, because the new one may be unable to.
    route = "DELETE /users/{username}"
    try:
        live.call("clean-up", route, username=username, expected=(204, 404))
    except UnexpectedResponse as failure:
        _LOG.error("%s; the user %s may be left", failure, username)
