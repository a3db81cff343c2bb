"""Why the scanners' findings about the rollout are accepted."""

from typing import Final

from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from backend.api.findings import accept_log_findings
from backend.findings import accept, accept_inline_policy

# The CDK attaches it to the deployment group's role.
_POLICY: Final = "service-role/AWSCodeDeployRoleForLambdaLimited"


def accept_findings(
    hook: lambda_.Function, log_group: logs.LogGroup, group: codedeploy.LambdaDeploymentGroup
) -> None:
    """Call it once the roles have their permissions."""
    accept_log_findings(log_group)
    _accept_hook(hook)
    _accept_roles(hook, group)


def _accept_hook(hook: lambda_.Function) -> None:
    accept(
        hook,
        "Python 3.13 is supported by Lambda until 2029. The API's function, the tests and the"
        " local cloud have the same version: it changes in all of them at once.",
        nag=["AwsSolutions-L1", "Serverless-LambdaLatestVersion"],
    )
    accept(
        hook,
        "CodeDeploy waits for the hook's report, and fails the deployment where none comes: an"
        " event that was lost is seen there, and is of no use later.",
        nag=["Serverless-LambdaDLQ", "NIST.800.53.R5-LambdaDLQ"],
        checkov=["CKV_AWS_116"],
    )
    accept(
        hook,
        "It runs once in a deployment. Reserved concurrency would make the first deployment to a"
        " new account fail.",
        nag=["NIST.800.53.R5-LambdaConcurrency"],
        checkov=["CKV_AWS_115"],
    )
    accept(
        hook,
        "It calls Lambda and CodeDeploy only, over TLS and authorized by IAM. A VPC would hold"
        " nothing else to protect or to reach.",
        nag=["NIST.800.53.R5-LambdaInsideVPC"],
        checkov=["CKV_AWS_117"],
    )
    accept(
        hook,
        "No variable is a secret. Lambda encrypts them at rest with a key of its own.",
        checkov=["CKV_AWS_173"],
    )


def _accept_roles(hook: lambda_.Function, group: codedeploy.LambdaDeploymentGroup) -> None:
    assert hook.role  # noqa: S101 for mypy: every function has one
    of_hook = hook.role.node.find_child("DefaultPolicy")
    of_group = group.role.node.find_child("DefaultPolicy")
    for policy in (of_hook, of_group):
        accept_inline_policy(policy)
    accept(
        of_hook,
        "All versions of one function, since IAM may learn of a permission for a new one later than"
        " the hook needs it; and X-Ray, which has no resources to name.",
        nag=["AwsSolutions-IAM5"],
    )
    accept(
        of_group,
        "All versions of one function, the hook, which has none: the CDK writes it so.",
        nag=["AwsSolutions-IAM5"],
    )
    accept(
        group.role,
        "Only CodeDeploy assumes the role. AWS keeps this policy in step with what shifting an"
        " alias needs; with a copy that lags behind, deployments would stop half-way.",
        nag=[f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_POLICY}]"],
    )
