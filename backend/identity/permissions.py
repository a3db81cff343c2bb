"""The permissions that ./scripts/token needs to get tokens of the stack's own user pool."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam


def to_get_a_token(*, stack_name: str, region: str, account: str) -> list[iam.PolicyStatement]:
    """Return statements for the caller's role. They cover any API and pool: the ids are unknown."""

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
