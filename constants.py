"""The project's names, and the environments that the component is deployed to."""

from typing import Final

from backend.api.options import APIOptions, Throttle
from backend.database.options import DatabaseOptions
from backend.environment import Environment, Target
from backend.functions.platform import HOST
from backend.identity.options import IdentityOptions
from backend.monitoring.options import MonitoringOptions, Objectives, Operators
from backend.rollout.options import RolloutOptions

APP_NAME: Final = "UserManagementBackend"

# Where the code is on GitHub: fill it in.
SOURCE_REPOSITORY: Final = "OWNER/REPOSITORY"
SOURCE_BRANCH: Final = "main"
# The page that alarms link to, with a section for each.
RUNBOOK: Final = f"https://github.com/{SOURCE_REPOSITORY}/blob/{SOURCE_BRANCH}/docs/operations.md"

_OBJECTIVES: Final = Objectives(available_percent=99.9, fast_percent=99, fast_milliseconds=1000)
_PRODUCTION_THROTTLE: Final = Throttle(rate=1_000, burst=500)
_PRODUCTION_LIST_THROTTLE: Final = Throttle(rate=100, burst=50)

# What ./scripts/sandbox deploys. It has no objectives, operators or rollout, for which the local
# cloud lacks services: localcloud/app.py.
LOCAL: Final = Environment(
    app_name=APP_NAME,
    name="Local",
    platform=HOST,
    removal_policy="DESTROY",
    deletion_protection=False,
    log_retention="ONE_DAY",
    database=DatabaseOptions(point_in_time_recovery=False),
    # A test suite uses one token from its start to its end.
    identity=IdentityOptions(token_minutes=24 * 60),
    # The local cloud takes the API's id, which is part of the endpoint, from this tag.
    api=APIOptions(tags={"ms-custom-id": "5e7ca11e"}, open_docs=True),
    monitoring=MonitoringOptions(runbook=RUNBOOK),
)
# A developer's own account.
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
# What the pipeline deploys and tests before production: the same, but with data that may be lost.
STAGING: Final = Environment(
    app_name=APP_NAME,
    name="Staging",
    removal_policy="DESTROY",
    deletion_protection=False,
    log_retention="ONE_WEEK",
    database=DatabaseOptions(
        max_read_units=4000, max_write_units=1000, point_in_time_recovery=False
    ),
    identity=IdentityOptions(token_minutes=60),  # longer than the tests take
    api=APIOptions(throttle=_PRODUCTION_THROTTLE, list_throttle=_PRODUCTION_LIST_THROTTLE),
    monitoring=MonitoringOptions(objectives=_OBJECTIVES, runbook=RUNBOOK),
    # It has no callers: this only shows that traffic can be shifted at all.
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
        # They limit the bill, and are far above the expected load. An alarm tells when they are
        # reached.
        max_read_units=4000,
        max_write_units=1000,
        backup_retention_days=90,
        point_in_time_recovery=True,
    ),
    api=APIOptions(
        throttle=_PRODUCTION_THROTTLE,
        list_throttle=_PRODUCTION_LIST_THROTTLE,
        debug_share=0.01,
    ),
    monitoring=MonitoringOptions(
        objectives=_OBJECTIVES,
        # Fill in email addresses, or https:// URLs that accept SNS notifications.
        operators=Operators(pages=(), tickets=()),
        runbook=RUNBOOK,
    ),
    # Longer than the five minutes that the alarms look back.
    rollout=RolloutOptions(percent=10, minutes=10),
    approval=True,
)
ENVIRONMENTS: Final = {
    record.name.lower(): record for record in (LOCAL, SANDBOX, STAGING, PRODUCTION)
}

# The rest is the pipeline's: fill it in as docs/pipeline.md says. Create the connection in the
# console, once, because it needs a person's consent.
SOURCE_CONNECTION_ARN: Final = (
    "arn:aws:codeconnections:us-east-1:111111111111:connection/00000000-0000-0000-0000-000000000000"
)
# Its own account and region. Fill it in if an environment has a target.
TOOLCHAIN_TARGET: Final[Target | None] = None
# What it deploys, one wave after the other. The environments of a wave, such as those of
# several regions, are deployed side by side.
WAVES: Final[tuple[tuple[Environment, ...], ...]] = ((STAGING,), (PRODUCTION,))
