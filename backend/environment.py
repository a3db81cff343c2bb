"""In what deployments of the component differ: plain data, which needs no CDK to be read."""

from dataclasses import dataclass, field
from typing import Literal

from backend.api.options import APIOptions
from backend.database.options import DatabaseOptions
from backend.functions.bundling import LAMBDA_ARM64, Platform
from backend.identity.options import IdentityOptions
from backend.monitoring.options import MonitoringOptions
from backend.rollout.options import RolloutOptions

type RemovalPolicy = Literal["DESTROY", "RETAIN_ON_UPDATE_OR_DELETE"]
type LogRetention = Literal[
    "ONE_DAY",
    "ONE_WEEK",
    "ONE_MONTH",
    "THREE_MONTHS",
    "SIX_MONTHS",
    "ONE_YEAR",
    "TWO_YEARS",
    "FIVE_YEARS",
    "TEN_YEARS",
]


@dataclass(frozen=True, kw_only=True)
class Target:
    """An AWS account and a region of it.

    Attributes:
        account: its 12 digits.
        region: such as "eu-west-1".
    """

    account: str
    region: str


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One deployment of the component: what its units share, and the options of each unit.

    Attributes:
        app_name: the beginning of the stack's name.
        name: the end of the stack's name; `-c environment=` takes it in lower case.
        target: None deploys to the account and region of the credentials.
        platform: what functions with dependencies run on.
        removal_policy: what becomes of users, logs and the user pool when the stack is deleted; a
            name of the CDK's `RemovalPolicy`. RETAIN would keep what a failed create has made.
        deletion_protection: whether DynamoDB refuses to delete the table, and Cognito the pool.
        log_retention: how long logs are kept; a name of the CDK's `logs.RetentionDays`.
        database: options of the table.
        identity: options of the access tokens.
        api: options of the HTTP API and its function.
        monitoring: options of the dashboard and the alarms.
        rollout: how traffic shifts to new code, which needs `monitoring.objectives`; None shifts
            all of it at once.
        pipeline_account: the pipeline's account if it isn't the target's: it may get tokens.
        approval: whether a person has to approve each deployment by the pipeline.
        end_to_end_tests: whether the pipeline runs tests/end_to_end after a deployment, which
            creates and deletes many users; if not, it runs tests/smoke, which creates one.
    """

    app_name: str
    name: str
    target: Target | None = None
    platform: Platform = LAMBDA_ARM64
    removal_policy: RemovalPolicy
    deletion_protection: bool
    log_retention: LogRetention
    database: DatabaseOptions
    identity: IdentityOptions = field(default_factory=IdentityOptions)
    api: APIOptions = field(default_factory=APIOptions)
    monitoring: MonitoringOptions
    rollout: RolloutOptions | None = None
    pipeline_account: str | None = None
    approval: bool = False
    end_to_end_tests: bool = False

    @property
    def stack_name(self) -> str:
        """The same for a deployment by hand and by the pipeline."""
        return f"{self.app_name}-{self.name}"
