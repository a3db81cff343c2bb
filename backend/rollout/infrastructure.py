"""New code gets its traffic little by little, and loses it when alarms say so."""

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

# A ceiling: each of its calls may take as long as the client waits (runtime/hook.py), and there is
# time left to clean up and to report. A hook that works takes seconds.
_TIMEOUT: Final = cdk.Duration.minutes(8)
# The SDK that Lambda brings takes most of it.
_MEMORY_MB: Final = 256


class Rollout(Construct):
    """Has CodeDeploy shift the API's alias to new code, if a hook that tries that code lets it.

    Args:
        options: how traffic shifts.
        api: whose alias it shifts.
        alarms: any of them, red, takes all traffic back; and so does one on the new version's
            slowness. CodeDeploy knows metric alarms only, ten of them at most.
        objectives: what callers are promised.
        runbook: the page that alarms lead to.
        functions: what the hook shares with the other functions.

    Raises:
        ValueError: there are no objectives.
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
        # All of it: the permission to invoke the hook, too, which nothing else waits for.
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
                # Not the alias's own ARN: the alias waits for the hook.
                "LIVE_ALIAS": f"{api.function.function_arn}:{api.alias.alias_name}",
            },
            memory_mb=_MEMORY_MB,
            timeout=_TIMEOUT,
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


def _routing(options: RolloutOptions) -> codedeploy.TrafficRouting:
    make = {
        "canary": codedeploy.TrafficRouting.time_based_canary,
        "linear": codedeploy.TrafficRouting.time_based_linear,
    }[options.routing]
    return make(percentage=options.percent, interval=cdk.Duration.minutes(options.minutes))
