"""Names, and the environments that the component is deployed to. To rename, begin here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_logs as logs

from backend.api.infrastructure import Domain
from backend.api.stage import Throttle
from backend.functions.bundling import HOST, LAMBDA_ARM64, Platform
from backend.identity.infrastructure import Issuer
from backend.monitoring.objectives import Objectives, Operators

APP_NAME: Final = "UserManagementBackend"

# Where the pipeline finds the source: to be filled, as docs/pipeline.md has it. The connection is
# made by hand, once, in the console: it needs a person's consent.
SOURCE_REPOSITORY: Final = "OWNER/REPOSITORY"
SOURCE_BRANCH: Final = "main"
SOURCE_CONNECTION_ARN: Final = (
    "arn:aws:codeconnections:us-east-1:111111111111:connection/00000000-0000-0000-0000-000000000000"
)

# The pipeline's own account and region; to be filled when an environment's target is filled.
TOOLCHAIN_TARGET: Final[cdk.Environment | None] = None

_TOKEN_VALIDITY: Final = cdk.Duration.minutes(15)
_THROTTLE: Final = Throttle(rate=100, burst=200)
_LIST_THROTTLE: Final = Throttle(rate=20, burst=40)
_PRODUCTION_THROTTLE: Final = Throttle(rate=1_000, burst=500)
_PRODUCTION_LIST_THROTTLE: Final = Throttle(rate=100, burst=50)
# The page that alarms lead to, with a section for each.
RUNBOOK: Final = f"https://github.com/{SOURCE_REPOSITORY}/blob/{SOURCE_BRANCH}/docs/operations.md"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """All in which one deployment of the component differs from another.

    name: the end of the stack's name, and what `-c environment=NAME` takes.
    target: account and region; None for those of the credentials that deploy.
    platform: what the function runs on.
    api_tags: tags of the HTTP API.
    issuer: your OpenID Connect provider, whose tokens callers have; None for a user pool of the
        stack's own, which gives tokens to programs.
    clients: of that pool, the names: one for each program, or for all of them; a secret is replaced
        together with its client.
    token_validity: how long a token of that pool is good; 5 minutes to a day.
    open_docs: whether the API's documentation can be read without a token.
    cors_origins: whose pages may call the API from a browser, such as "https://app.example.com".
    throttle: how many requests each route lets through.
    list_throttle: how many of them may list users, which costs more than the rest.
    domain: a name of your own for the API, which then has no other; None for the one AWS gives it.
    removal_policy: what becomes of users, logs and the user pool when the stack is deleted:
        DESTROY, or RETAIN_ON_UPDATE_OR_DELETE. RETAIN would keep what a failed create has made.
    deletion_protection: whether DynamoDB refuses to delete the table, and Cognito the pool.
    point_in_time_recovery: whether the table can be restored to any second of the last 35 days.
    log_level: of the function, DEBUG or INFO.
    debug_share: of its requests, from 0 to 1, that are logged at DEBUG whatever the level.
    log_retention: how long logs are kept.
    adopted_table: the name of a table to use instead of the stack's own: docs/operations.md.
    encryption_key: the ARN of the key that encrypts the table, which needs a target; None for
        DynamoDB's own.
    max_read_units, max_write_units: a second, beyond which the table throttles; None for no limit.
    backup_retention: how long daily backups are kept; None makes none.
    objectives: what callers are promised; None promises nothing, and no alarm watches it.
    operators: whom alarms reach, which needs objectives; with None there are alarms only where a
        rollout looks at them.
    runbook: the page that alarms lead to.
    concurrency_quota: how many executions the account may have at once, all functions together.
    rollout: how traffic shifts to new code, which needs objectives; None for all of it at once.
    approval: whether a person has to approve each deployment by the pipeline.
    end_to_end_tests: whether the pipeline runs tests/end_to_end there, which creates many users and
        deletes them; else it runs tests/smoke, which creates one.
    pipeline_account: of the pipeline, where that isn't the target's: it may get tokens there.
    """

    name: str
    target: cdk.Environment | None = None
    platform: Platform = LAMBDA_ARM64
    api_tags: Mapping[str, str] = field(default_factory=dict)
    issuer: Issuer | None = None
    clients: tuple[str, ...] = ("Machine",)
    token_validity: cdk.Duration = _TOKEN_VALIDITY
    open_docs: bool = False
    cors_origins: tuple[str, ...] = ()
    throttle: Throttle = _THROTTLE
    list_throttle: Throttle = _LIST_THROTTLE
    domain: Domain | None = None
    removal_policy: cdk.RemovalPolicy
    deletion_protection: bool
    point_in_time_recovery: bool
    log_level: str = "INFO"
    debug_share: float = 0
    log_retention: logs.RetentionDays
    adopted_table: str | None = None
    # DynamoDB encrypts in any case. Its own key costs nothing and can't be lost; a key of the
    # account adds an audit trail and a switch that takes all users away.
    encryption_key: str | None = None
    max_read_units: int | None = None
    max_write_units: int | None = None
    backup_retention: cdk.Duration | None = None
    objectives: Objectives | None = None
    operators: Operators | None = None
    runbook: str = RUNBOOK
    concurrency_quota: int = 1000  # AWS's default; a new account may have less
    rollout: codedeploy.TrafficRouting | None = None
    approval: bool = False
    end_to_end_tests: bool = False
    pipeline_account: str | None = None

    @property
    def stack_name(self) -> str:
        """By hand or by the pipeline, an environment is one and the same stack."""
        return f"{APP_NAME}-{self.name}"


_OBJECTIVES: Final = Objectives(available_percent=99.9, fast_percent=99, fast_milliseconds=1000)

# What ./scripts/sandbox deploys. No objectives, no operators, no rollout: the local cloud takes
# neither metric math nor composite alarms, nor CodeDeploy.
LOCAL: Final = Environment(
    name="Local",
    platform=HOST,
    # The local cloud takes the API's id, and with it the endpoint, from this tag.
    api_tags={"ms-custom-id": "5e7ca11e"},
    # A suite of tests keeps the token that it is given at its start.
    token_validity=cdk.Duration.days(1),
    open_docs=True,
    removal_policy=cdk.RemovalPolicy.DESTROY,
    deletion_protection=False,
    point_in_time_recovery=False,
    log_retention=logs.RetentionDays.ONE_DAY,
)
# A developer's own account.
SANDBOX: Final = Environment(
    name="Sandbox",
    token_validity=cdk.Duration.hours(1),
    open_docs=True,
    removal_policy=cdk.RemovalPolicy.DESTROY,
    deletion_protection=False,
    point_in_time_recovery=False,
    log_retention=logs.RetentionDays.ONE_WEEK,
    max_read_units=200,
    max_write_units=100,
    objectives=_OBJECTIVES,
)
# What the pipeline deploys before production, to test it there: like it in all but its data.
STAGING: Final = Environment(
    name="Staging",
    token_validity=cdk.Duration.hours(1),  # as long as the tests take, and longer
    throttle=_PRODUCTION_THROTTLE,
    list_throttle=_PRODUCTION_LIST_THROTTLE,
    removal_policy=cdk.RemovalPolicy.DESTROY,
    deletion_protection=False,
    point_in_time_recovery=False,
    log_retention=logs.RetentionDays.ONE_WEEK,
    max_read_units=4000,
    max_write_units=1000,
    objectives=_OBJECTIVES,
    # Nobody calls it meanwhile: this tries that code can be shifted at all.
    rollout=codedeploy.TrafficRouting.time_based_canary(
        percentage=50, interval=cdk.Duration.minutes(1)
    ),
    end_to_end_tests=True,
)
PRODUCTION: Final = Environment(
    name="Production",
    debug_share=0.01,
    throttle=_PRODUCTION_THROTTLE,
    list_throttle=_PRODUCTION_LIST_THROTTLE,
    removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    deletion_protection=True,
    point_in_time_recovery=True,
    log_retention=logs.RetentionDays.ONE_YEAR,
    # A brake on the bill, not a plan of capacity: far above what is expected, and an alarm says
    # when it is reached.
    max_read_units=4000,
    max_write_units=1000,
    backup_retention=cdk.Duration.days(90),
    objectives=_OBJECTIVES,
    # To be filled: addresses of mail, or https:// addresses of what takes SNS's notifications.
    operators=Operators(pages=(), tickets=()),
    # Long enough for alarms that look at five minutes.
    rollout=codedeploy.TrafficRouting.time_based_canary(
        percentage=10, interval=cdk.Duration.minutes(10)
    ),
    approval=True,
)
ENVIRONMENTS: Final = {
    record.name.lower(): record for record in (LOCAL, SANDBOX, STAGING, PRODUCTION)
}

# What the pipeline deploys: one wave after the other, the environments of a wave side by side, such
# as those of several regions.
WAVES: Final[tuple[tuple[Environment, ...], ...]] = ((STAGING,), (PRODUCTION,))
