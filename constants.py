"""Names, and the environments that the component is deployed to. To rename, begin here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_logs as logs

from backend.api.bundling import HOST, LAMBDA_ARM64, Platform
from backend.api.infrastructure import Domain
from backend.api.stage import Throttle
from backend.identity.infrastructure import Issuer

APP_NAME: Final = "UserManagementBackend"

# Where the pipeline finds the source. The connection is made by hand, once, in the console
# (Developer Tools > Settings > Connections): it needs a person's consent.
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


@dataclass(frozen=True, kw_only=True)
class Environment:
    """All in which one deployment of the component differs from another.

    name: the end of the stack's name, and what `-c environment=NAME` takes.
    target: account and region; None for those of the credentials that deploy.
    platform: what the function runs on.
    api_tags: tags of the HTTP API.
    issuer: your OpenID Connect provider, whose tokens callers have; None for a user pool of the
        stack's own, which gives tokens to programs.
    token_validity: how long a token of that pool is good; 5 minutes to a day.
    open_docs: whether the API's documentation can be read without a token.
    cors_origins: whose pages may call the API from a browser, such as "https://app.example.com".
    throttle: how many requests each route lets through.
    list_throttle: how many of them may list users, which costs more than the rest.
    domain: a name of your own for the API, which then has no other; None for the one AWS gives it.
    removal_policy: what becomes of users, logs and the user pool when the stack is deleted.
    deletion_protection: whether DynamoDB refuses to delete the table, and Cognito the pool.
    point_in_time_recovery: whether the table can be restored to any second of the last 35 days.
    log_retention: how long logs are kept.
    """

    name: str
    target: cdk.Environment | None = None
    platform: Platform = LAMBDA_ARM64
    api_tags: Mapping[str, str] = field(default_factory=dict)
    issuer: Issuer | None = None
    token_validity: cdk.Duration = _TOKEN_VALIDITY
    open_docs: bool = False
    cors_origins: tuple[str, ...] = ()
    throttle: Throttle = _THROTTLE
    list_throttle: Throttle = _LIST_THROTTLE
    domain: Domain | None = None
    removal_policy: cdk.RemovalPolicy
    deletion_protection: bool
    point_in_time_recovery: bool
    log_retention: logs.RetentionDays

    @property
    def stack_name(self) -> str:
        """By hand or by the pipeline, an environment is one and the same stack."""
        return f"{APP_NAME}-{self.name}"


# What ./scripts/sandbox deploys.
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
)
PRODUCTION: Final = Environment(
    name="Production",
    throttle=Throttle(rate=1_000, burst=500),
    list_throttle=Throttle(rate=100, burst=50),
    removal_policy=cdk.RemovalPolicy.RETAIN,
    deletion_protection=True,
    point_in_time_recovery=True,
    log_retention=logs.RetentionDays.ONE_YEAR,
)
ENVIRONMENTS: Final = {record.name.lower(): record for record in (LOCAL, SANDBOX, PRODUCTION)}
