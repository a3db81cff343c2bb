"""A Lambda function of this component, with its role and its log group."""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from backend.functions import bundling
from backend.functions.bundling import Asset, Platform
from backend.functions.findings import accept_function_findings, accept_log_findings

# The version whose bytecode bundling.py makes.
_PYTHON: Final = lambda_.Runtime.PYTHON_3_13


class Function(lambda_.Function):
    """A function that may write its own logs and traces, and nothing else until it is granted.

    Args:
        asset: What its archive holds.
        handler: The function that Lambda calls, such as
            "backend.api.runtime.lambda_function.handler".
        platform: What it runs on.
        description: What it does, for whoever looks at it in the console.
        environment: Its environment variables.
        memory_mb: Its memory, and with it its share of a processor: 1,769 MB are one.
        timeout: When Lambda ends a call.
        log_retention: How long its logs are kept.
        log_removal_policy: What becomes of its logs when the stack is deleted.
        role_id, log_group_id: The ids of its role and log group in `scope`, which need to be unique
            there.

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
        platform: Platform,
        description: str,
        environment: Mapping[str, str],
        memory_mb: int,
        timeout: cdk.Duration,
        log_retention: logs.RetentionDays,
        log_removal_policy: cdk.RemovalPolicy,
        role_id: str = "Role",
        log_group_id: str = "Logs",
    ) -> None:
        log_group = logs.LogGroup(
            scope, log_group_id, retention=log_retention, removal_policy=log_removal_policy
        )
        # The role that the CDK would make may write every log of the account.
        role = iam.Role(scope, role_id, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        archive = bundling.build(asset, platform)
        super().__init__(
            scope,
            construct_id,
            # The digest, because publish() leaves the code out of what makes a version.
            description=f"{description}. Code: {archive.digest[:16]}",
            runtime=_PYTHON,
            architecture=lambda_.Architecture.custom(platform.architecture),
            code=lambda_.Code.from_asset(str(archive.path), asset_hash=archive.digest),
            handler=handler,
            environment=environment,
            memory_size=memory_mb,
            timeout=timeout,
            # Lambda's own, which costs the code nothing and needs no SDK.
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
        """Publish a version whenever the function changes, and return an alias that leads to it."""
        # Where the code is uploaded to would make a version, too, and is spelled in another way
        # once a record names its account. Lambda refuses a version that differs in nothing else.
        lambda_.Function.classify_version_property("Code", locked=False)
        return lambda_.Alias(
            self._scope, "Alias", alias_name=alias_name, version=self.current_version
        )
