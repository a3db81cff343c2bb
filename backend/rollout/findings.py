"""Accepts scanners' findings about the rollout."""

from typing import Final

from aws_cdk import aws_codedeploy as codedeploy

from backend.findings import accept, accept_inline_policy
from backend.functions.findings import accept_synchronous_calls
from backend.functions.function import Function

# The CDK attaches it to the deployment group's role.
_POLICY: Final = "service-role/AWSCodeDeployRoleForLambdaLimited"


def accept_findings(hook: Function, group: codedeploy.LambdaDeploymentGroup) -> None:
    """Accept the findings. Call it once the roles have their permissions."""
    accept_synchronous_calls(
        hook, "CodeDeploy waits for the hook's report, and fails the deployment if none comes."
    )
    accept(
        hook.policy,
        "The hook may call all versions of one function, because a permission for the new version"
        " alone might take effect after the hook needs it.",
        nag=["AwsSolutions-IAM5"],
    )
    policy = group.role.node.find_child("DefaultPolicy")
    accept_inline_policy(policy)
    accept(
        policy,
        "The CDK writes this policy. It permits all versions of the hook, which has none.",
        nag=["AwsSolutions-IAM5"],
    )
    accept(
        group.role,
        "Only CodeDeploy assumes the role. AWS updates this policy when shifting an alias needs"
        " other permissions; with an outdated copy, deployments would stop half-way.",
        nag=[f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_POLICY}]"],
    )
