"""How deployments of the component differ, as plain data that can be read without the CDK."""

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
    """An AWS account and region.

    Attributes:
        account: The account's 12 digits.
        region: Such as "eu-west-1".
    """

    account: str
    region: str


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One deployment of the component: what its units share, and the options of each unit.

    Attributes:
        app_name: The first part of the stack's name.
        name: The last part of the stack's name. `-c environment=` takes it in lower case.
        target: Where to deploy. None deploys to the account and region of the credentials.
        platform: What functions with dependencies run on.
        removal_policy: What happens to users, logs and the user pool when the stack is deleted: a
            name of the CDK's `RemovalPolicy`. RETAIN would also keep what a failed create made.
        deletion_protection: Whether DynamoDB refuses to delete the table, and Cognito the pool.
        log_retention: How long logs are kept: a name of the CDK's `logs.RetentionDays`.
        database: Options of the table.
        identity: Options of the access tokens.
        api: Options of the HTTP API and its function.
        monitoring: Options of the dashboard and the alarms.
        rollout: How traffic shifts to new code. It needs `monitoring.objectives`. None shifts all
            traffic at once.
        pipeline_account: The pipeline's account, if it isn't the target's. It may get tokens.
        approval: Whether a person must approve each deployment by the pipeline.
        end_to_end_tests: Whether the pipeline tests a deployment with tests/end_to_end, which
            creates and deletes many users, or only with tests/smoke, which creates one.
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
        """The stack's name, which is the same whether a person or the pipeline deploys."""
        return f"{self.app_name}-{self.name}"
