"""Why the scanners' findings about the rollout are accepted."""

from typing import Final

from aws_cdk import aws_codedeploy as codedeploy

from backend.findings import accept, accept_inline_policy
from backend.functions.findings import accept_synchronous_calls
from backend.functions.function import Function

# The CDK attaches it to the deployment group's role.
_POLICY: Final = "service-role/AWSCodeDeployRoleForLambdaLimited"


def accept_findings(hook: Function, group: codedeploy.LambdaDeploymentGroup) -> None:
    """Call it once the roles have their permissions."""
    accept_synchronous_calls(
        hook, "CodeDeploy waits for the hook's report, and fails the deployment if none comes."
    )
    accept(
        hook.policy,
        "All versions of one function, since IAM may learn of a permission for a new one later than"
        " the hook needs it.",
        nag=["AwsSolutions-IAM5"],
    )
    policy = group.role.node.find_child("DefaultPolicy")
    accept_inline_policy(policy)
    accept(
        policy,
        "All versions of one function, the hook, which has none: the CDK writes it so.",
        nag=["AwsSolutions-IAM5"],
    )
    accept(
        group.role,
        "Only CodeDeploy assumes the role. AWS keeps this policy in step with what shifting an"
        " alias needs; with a copy that lags behind, deployments would stop half-way.",
        nag=[f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_POLICY}]"],
    )
