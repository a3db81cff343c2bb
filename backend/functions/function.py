"""A Lambda function of this component, with its role and its log group."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from backend.findings import accept_log_findings
from backend.functions import bundling
from backend.functions.bundling import Asset
from backend.functions.findings import accept_function_findings
from backend.functions.platform import Platform

# The version whose bytecode bundling.py makes.
_PYTHON: Final = lambda_.Runtime.PYTHON_3_13


@dataclass(frozen=True, kw_only=True)
class FunctionDefaults:
    """What all functions of an environment share.

    Attributes:
        platform: What they run on.
        log_retention: How long their logs are kept.
        log_removal_policy: What happens to their logs when the stack is deleted.
    """

    platform: Platform
    log_retention: logs.RetentionDays
    log_removal_policy: cdk.RemovalPolicy


class Function(lambda_.Function):
    """A function that may write its logs and traces, and nothing else until it is granted.

    Args:
        scope: The parent construct.
        construct_id: The function's id in `scope`.
        asset: The contents of its archive.
        handler: The function that Lambda calls, such as
            "backend.api.runtime.lambda_function.handler".
        defaults: What it shares with the other functions.
        description: What it does, as the console shows it.
        environment: Its environment variables.
        memory_mb: Its memory. 1,769 MB come with one processor, other sizes with a share of it.
        timeout: When Lambda ends an invocation.
        role_id: The role's id in `scope`, unique there.
        log_group_id: The log group's id in `scope`, unique there.

    Attributes:
        logs: Its log group.
        policy: Its role's policy, with what it was granted.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        asset: Asset,
        handler: str,
        defaults: FunctionDefaults,
        description: str,
        environment: Mapping[str, str],
        memory_mb: int,
        timeout: cdk.Duration,
        role_id: str = "Role",
        log_group_id: str = "Logs",
    ) -> None:
        log_group = logs.LogGroup(
            scope,
            log_group_id,
            retention=defaults.log_retention,
            removal_policy=defaults.log_removal_policy,
        )
        # The CDK's default role may write every log of the account.
        role = iam.Role(scope, role_id, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        archive = bundling.build(asset, defaults.platform)
        super().__init__(
            scope,
            construct_id,
            # The digest makes a new version if the code changes: publish() ignores the code itself.
            description=f"{description}. Code: {archive.digest[:16]}",
            runtime=_PYTHON,
            architecture=lambda_.Architecture.custom(defaults.platform.architecture),
            code=lambda_.Code.from_asset(str(archive.path), asset_hash=archive.digest),
            handler=handler,
            environment=environment,
            memory_size=memory_mb,
            timeout=timeout,
            # Lambda's own tracing, which needs no SDK.
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            role=role,
        )
        self._scope = scope
        self.logs = log_group
        self.policy = role.node.find_child("DefaultPolicy")
        accept_function_findings(self, self.policy)
        accept_log_findings(log_group)

    def publish(self, alias_name: str) -> lambda_.Alias:
        """Publish a version whenever the function changes, and return an alias for it."""
        # Ignore the code's location: it changes when an environment's record names its account,
        # and Lambda refuses a version that differs in nothing else.
        lambda_.Function.classify_version_property("Code", locked=False)
        return lambda_.Alias(
            self._scope, "Alias", alias_name=alias_name, version=self.current_version
        )
