"""The permissions that a pipeline needs to get tokens of the stack's own user pool."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from backend.findings import accept, accept_inline_policy


def add_reader(identity: Construct, *, account: str) -> None:
    """Add a role that another account can assume to get tokens.

    Args:
        identity: The unit whose tokens they are.
        account: The other account.
    """
    stack = cdk.Stack.of(identity)
    role = iam.Role(
        identity,
        "Reader",
        role_name=role_name(stack.stack_name),
        description="Gets API tokens for the tests of the pipeline",
        # That account decides which of its roles may assume this one. A condition on their
        # names would be a guess: CloudFormation generates them, and shortens the stack's name.
        assumed_by=iam.AccountPrincipal(account),
    )
    for statement in to_get_a_token(
        stack_name=stack.stack_name, region=stack.region, account=stack.account
    ):
        role.add_to_policy(statement)
    policy = role.node.find_child("DefaultPolicy")
    accept_inline_policy(policy)
    accept(
        policy,
        "The policy names the stack, whose API and pool have no known ids before deployment.",
        nag=["AwsSolutions-IAM5"],
    )


def to_get_a_token(*, stack_name: str, region: str, account: str) -> list[iam.PolicyStatement]:
    """Return statements with what ./scripts/token needs.

    They cover any API and pool, because the ids are unknown before a deployment.
    """

    def permit(*actions: str, resource: str) -> iam.PolicyStatement:
        arn = f"arn:{cdk.Aws.PARTITION}:{resource}"
        return iam.PolicyStatement(actions=list(actions), resources=[arn])

    return [
        permit(
            "cloudformation:ListStackResources",
            resource=f"cloudformation:{region}:{account}:stack/{stack_name}/*",
        ),
        permit("apigateway:GET", resource=f"apigateway:{region}::/apis/*/authorizers"),
        permit(
            "cognito-idp:DescribeUserPool",
            "cognito-idp:DescribeUserPoolClient",
            resource=f"cognito-idp:{region}:{account}:userpool/*",
        ),
    ]


def role_name(stack_name: str) -> str:
    """Return the name of the role that a pipeline in another account assumes."""
    return f"{stack_name}-Tokens"
