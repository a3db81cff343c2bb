"""A gradual deployment: new code gets its traffic in steps, and loses it if an alarm is red."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from constructs import Construct

from backend.api.infrastructure import API
from backend.functions.bundling import Asset
from backend.functions.function import Function, FunctionDefaults
from backend.monitoring.options import Objectives
from backend.rollout.findings import accept_findings
from backend.rollout.options import RolloutOptions
from backend.rollout.slowness import slow_version_alarm

# A ceiling: enough for the hook to wait as long as its client does at each call (runtime/hook.py),
# clean up and report. Normally it takes seconds.
_TIMEOUT: Final = cdk.Duration.minutes(8)
# Lambda's SDK takes most of it.
_MEMORY_MB: Final = 256


class Rollout(Construct):
    """Has CodeDeploy shift the API's alias to new code, once a hook has tested that code.

    Args:
        options: How traffic shifts.
        api: The API whose alias shifts.
        alarms: The alarms that roll the deployment back; an alarm on the new version's slowness is
            added to them. CodeDeploy takes at most ten alarms, which must be metric alarms.
        objectives: What callers are promised.
        runbook: The URL of the page that has a section for each alarm.
        functions: What the hook shares with the other functions.

    Raises:
        ValueError: There are no objectives.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        options: RolloutOptions,
        api: API,
        alarms: Sequence[cloudwatch.Alarm],
        objectives: Objectives | None,
        runbook: str,
        functions: FunctionDefaults,
    ) -> None:
        super().__init__(scope, construct_id)
        if not objectives:
            raise ValueError("A rollout needs objectives: alarms on them roll it back.")
        hook = self._hook(api, functions)
        slow = slow_version_alarm(self, alias=api.alias, objectives=objectives, runbook=runbook)
        group = codedeploy.LambdaDeploymentGroup(
            self,
            "Group",
            application=codedeploy.LambdaApplication(self, "Application"),
            deployment_config=codedeploy.LambdaDeploymentConfig(
                self, "Configuration", traffic_routing=_routing(options)
            ),
            alias=api.alias,
            alarms=[*alarms, slow],
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True, stopped_deployment=True, deployment_in_alarm=True
            ),
            pre_hook=hook,
        )
        # All of the group, because nothing else waits for the permission to invoke the hook.
        api.alias.node.add_dependency(group)
        accept_findings(hook, group)

    def _hook(self, api: API, functions: FunctionDefaults) -> Function:
        hook = Function(
            self,
            "Hook",
            asset=Asset(code=("backend/rollout/runtime",)),
            handler="backend.rollout.runtime.hook.handler",
            defaults=functions,
            description="Tries new code before it gets traffic",
            environment={
                "NEW_VERSION": api.function.current_version.function_arn,
                # Not the alias's own ARN, because the alias waits for the hook.
                "LIVE_ALIAS": f"{api.function.function_arn}:{api.alias.alias_name}",
            },
            memory_mb=_MEMORY_MB,
            timeout=_TIMEOUT,
            role_id="HookRole",
        )
        # For all versions: a permission for the new one alone, which is made seconds before it is
        # called, might take effect too late.
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
        iam.Grant.add_to_principal(
            grantee=hook,
            actions=["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"],
            resource_arns=[f"{api.function.function_arn}:*"],
        )
        return hook


def _routing(options: RolloutOptions) -> codedeploy.TrafficRouting:
    make = {
        "canary": codedeploy.TrafficRouting.time_based_canary,
        "linear": codedeploy.TrafficRouting.time_based_linear,
    }[options.routing]
    return make(percentage=options.percent, interval=cdk.Duration.minutes(options.minutes))
