"""The tests' own records: edits of constants.py change nothing that these tests expect.

test_constants.py has what must be true of the records of constants.py.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from backend.api.options import APIOptions, Throttle
from backend.database.options import DatabaseOptions
from backend.environment import Environment
from backend.functions.platform import HOST
from backend.identity.options import IdentityOptions
from backend.monitoring.options import MonitoringOptions, Objectives, Operators
from backend.rollout.options import RolloutOptions
from localcloud.emulator import API_ID

APP_NAME: Final = "Example"
RUNBOOK: Final = "https://example.com/operations.md"

_OBJECTIVES: Final = Objectives(available_percent=99.9, fast_percent=99, fast_milliseconds=1000)
_THROTTLE: Final = Throttle(rate=1_000, burst=500)
_LIST_THROTTLE: Final = Throttle(rate=100, burst=50)

LOCAL: Final = Environment(
    app_name=APP_NAME,
    name="Local",
    platform=HOST,
    removal_policy="DESTROY",
    deletion_protection=False,
    log_retention="ONE_DAY",
    database=DatabaseOptions(point_in_time_recovery=False),
    identity=IdentityOptions(token_minutes=24 * 60),
    api=APIOptions(tags={"ms-custom-id": API_ID}, open_docs=True),
    monitoring=MonitoringOptions(runbook=RUNBOOK),
)
SANDBOX: Final = Environment(
    app_name=APP_NAME,
    name="Sandbox",
    removal_policy="DESTROY",
    deletion_protection=False,
    log_retention="ONE_WEEK",
    database=DatabaseOptions(max_read_units=200, max_write_units=100, point_in_time_recovery=False),
    identity=IdentityOptions(token_minutes=60),
    api=APIOptions(open_docs=True),
    monitoring=MonitoringOptions(objectives=_OBJECTIVES, runbook=RUNBOOK),
)
STAGING: Final = Environment(
    app_name=APP_NAME,
    name="Staging",
    removal_policy="DESTROY",
    deletion_protection=False,
    log_retention="ONE_WEEK",
    database=DatabaseOptions(
        max_read_units=4000, max_write_units=1000, point_in_time_recovery=False
    ),
    identity=IdentityOptions(token_minutes=60),
    api=APIOptions(throttle=_THROTTLE, list_throttle=_LIST_THROTTLE),
    monitoring=MonitoringOptions(objectives=_OBJECTIVES, runbook=RUNBOOK),
    rollout=RolloutOptions(percent=50, minutes=1),
    end_to_end_tests=True,
)
PRODUCTION: Final = Environment(
    app_name=APP_NAME,
    name="Production",
    removal_policy="RETAIN_ON_UPDATE_OR_DELETE",
    deletion_protection=True,
    log_retention="ONE_YEAR",
    database=DatabaseOptions(
        max_read_units=4000,
        max_write_units=1000,
        backup_retention_days=90,
        point_in_time_recovery=True,
    ),
    api=APIOptions(throttle=_THROTTLE, list_throttle=_LIST_THROTTLE, debug_share=0.01),
    monitoring=MonitoringOptions(
        objectives=_OBJECTIVES, operators=Operators(pages=(), tickets=()), runbook=RUNBOOK
    ),
    rollout=RolloutOptions(percent=10, minutes=10),
    approval=True,
)
ENVIRONMENTS: Final = {
    record.name.lower(): record for record in (LOCAL, SANDBOX, STAGING, PRODUCTION)
}
WAVES: Final = ((STAGING,), (PRODUCTION,))

# Values for constants.py, before a team fills in its source and its accounts.
CONSTANTS: Final[Mapping[str, Any]] = {
    "APP_NAME": APP_NAME,
    "SOURCE_REPOSITORY": "OWNER/REPOSITORY",
    "SOURCE_BRANCH": "main",
    "SOURCE_CONNECTION_ARN": (
        "arn:aws:codeconnections:eu-west-1:111111111111:connection/"
        "00000000-0000-0000-0000-000000000000"
    ),
    "TOOLCHAIN_TARGET": None,
    "ENVIRONMENTS": ENVIRONMENTS,
    "WAVES": WAVES,
}


def with_operators(record: Environment, operators: Operators) -> Environment:
    return replace(record, monitoring=replace(record.monitoring, operators=operators))
