"""New code gets its traffic little by little, and loses it when alarms say so."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from backend.api.infrastructure import API
from backend.functions.bundling import LAMBDA_ARM64, Asset
from backend.functions.function import Function
from backend.monitoring.objectives import Objectives
from backend.rollout.findings import accept_findings
from backend.rollout.slowness import slow_version_alarm

# A ceiling: each of its calls may take as long as the client waits (runtime/hook.py), and there is
# time left to clean up and to report. A hook that works takes seconds.
_TIMEOUT: Final = cdk.Duration.minutes(8)
# The SDK that Lambda brings takes most of it.
_MEMORY_MB: Final = 256


class Rollout(Construct):
    """Has CodeDeploy shift the API's alias to new code, if a hook that tries that code lets it.

    alarms: any of them, red, takes all traffic back; and so does one on the new version's slowness.
        CodeDeploy knows metric alarms only, ten of them at most.
    objectives: what callers are promised. runbook: the page that alarms lead to.
    routing: how traffic shifts.
    log_retention: how long the hook's logs are kept. log_removal_policy: what becomes of them when
        the stack is deleted.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        api: API,
        alarms: Sequence[cloudwatch.Alarm],
        objectives: Objectives,
        runbook: str,
        routing: codedeploy.TrafficRouting,
        log_retention: logs.RetentionDays,
        log_removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        hook = self._hook(api, log_retention, log_removal_policy)
        slow = slow_version_alarm(self, alias=api.alias, objectives=objectives, runbook=runbook)
        group = codedeploy.LambdaDeploymentGroup(
            self,
            "Group",
            application=codedeploy.LambdaApplication(self, "Application"),
            deployment_config=codedeploy.LambdaDeploymentConfig(
                self, "Configuration", traffic_routing=routing
            ),
            alias=api.alias,
            alarms=[*alarms, slow],
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True, stopped_deployment=True, deployment_in_alarm=True
            ),
            pre_hook=hook,
        )
        # All of it: the permission to invoke the hook, too, which nothing else waits for.
        api.alias.node.add_dependency(group)
        accept_findings(hook, group)

    def _hook(
        self, api: API, log_retention: logs.RetentionDays, log_removal_policy: cdk.RemovalPolicy
    ) -> Function:
        hook = Function(
            self,
            "Hook",
            asset=Asset(code=("backend/rollout/runtime",)),
            handler="backend.rollout.runtime.hook.handler",
            platform=LAMBDA_ARM64,
            description="Tries new code before it gets traffic",
            environment={
                "NEW_VERSION": api.function.current_version.function_arn,
                # Not the alias's own ARN: the alias waits for the hook.
                "LIVE_ALIAS": f"{api.function.function_arn}:{api.alias.alias_name}",
            },
            memory_mb=_MEMORY_MB,
            timeout=_TIMEOUT,
            log_retention=log_retention,
            log_removal_policy=log_removal_policy,
            role_id="HookRole",
        )
        # Not the new version alone: it is made seconds before it is called, and a permission may
        # take longer than that to be known everywhere. This one is the same for all versions.
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
        iam.Grant.add_to_principal(
            grantee=hook,
            actions=["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"],
            resource_arns=[f"{api.function.function_arn}:*"],
        )
        return hook
