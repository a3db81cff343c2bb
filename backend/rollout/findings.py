"""Why the scanners' findings about the rollout are accepted."""

from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs


def accept_findings(
    hook: lambda_.Function, log_group: logs.LogGroup, group: codedeploy.LambdaDeploymentGroup
) -> None:
    """Call it once the roles have their permissions."""
