"""How deployments of the component differ, as plain data that can be read without the CDK."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from backend.api.options import APIOptions
from backend.database.options import DatabaseOptions
from backend.functions.platform import LAMBDA_ARM64, Platform
from backend.identity.options import IdentityOptions
from backend.monitoring.options import MonitoringOptions
from backend.rollout.options import RolloutOptions

# Beside what is appended to a stack's name: IAM permits 64 characters in the name of the role that
# a pipeline in another account takes (backend/identity/permissions.py).
_LONGEST_STACK_NAME: Final = 57

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

    def __post_init__(self) -> None:
        """Refuse what is no account or no region."""
        if not re.fullmatch(r"\d{12}", self.account):
            raise ValueError(f"{self.account!r} is no account: use its 12 digits.")
        if not re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-\d", self.region):
            raise ValueError(f"{self.region!r} is no region: use one such as 'eu-west-1'.")


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

    def __post_init__(self) -> None:
        """Refuse a name that no stack can have, and what needs an option that isn't set.

        Raises:
            ValueError: A name or a combination of options is impossible.
        """
        for what, name in (("APP_NAME", self.app_name), ("An environment's name", self.name)):
            if not re.fullmatch(r"[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?", name):
                raise ValueError(
                    f"{what} can't be {name!r}, because it is part of a stack's name: use letters,"
                    " digits and hyphens, with a letter first and no hyphen last."
                )
        if len(self.stack_name) > _LONGEST_STACK_NAME:
            raise ValueError(
                f"The name of the stack {self.stack_name} has {len(self.stack_name)} characters:"
                f" shorten it to {_LONGEST_STACK_NAME}, so that names derived from it fit."
            )
        if self.rollout and not self.monitoring.objectives:
            raise ValueError(
                f"{self.name}: A rollout needs objectives: alarms on them roll it back."
            )
        if self.database.encryption_key and not self.target:
            raise ValueError(f"{self.name}: an encryption_key needs a target, the key's own.")

    @property
    def stack_name(self) -> str:
        """The stack's name, which is the same whether a person or the pipeline deploys."""
        return f"{self.app_name}-{self.name}"
