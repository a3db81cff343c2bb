"""Why the scanners' findings about every function are accepted."""

from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

from backend.findings import accept, accept_inline_policy


def accept_function_findings(function: lambda_.Function, policy: IConstruct) -> None:
    """Accept the findings that every function has.

    Args:
        function: The function.
        policy: Its role's policy.
    """
    accept(
        function,
        "Python 3.13 is supported by Lambda until 2029. The bytecode that ships, the tests and the"
        " local cloud have the same version: it changes in all of them at once.",
        nag=["AwsSolutions-L1", "Serverless-LambdaLatestVersion"],
    )
    accept(
        function,
        "The gateway's throttles limit the load, and an alarm watches the account's concurrency."
        " Reserved concurrency would make the first deployment to a new account fail.",
        nag=["NIST.800.53.R5-LambdaConcurrency"],
        checkov=["CKV_AWS_115"],
    )
    accept(
        function,
        "It calls AWS's APIs only, over TLS and authorized by IAM, and no address reaches it but"
        " the Lambda API's. A VPC would hold nothing else to protect or to reach.",
        nag=["NIST.800.53.R5-LambdaInsideVPC"],
        checkov=["CKV_AWS_117"],
    )
    accept(
        function,
        "No variable is a secret. Lambda encrypts them at rest with a key of its own.",
        checkov=["CKV_AWS_173"],
    )
    accept_inline_policy(policy)
    accept(
        policy,
        "X-Ray has no resources to name: what Lambda sends for its traces can be permitted for all"
        " or for none. Every other permission names its resource, which a test holds.",
        nag=["AwsSolutions-IAM5[Resource::*]"],
    )


def accept_synchronous_calls(function: lambda_.Function, caller: str) -> None:
    """Accept that a function has no dead letter queue, because its caller waits for it.

    Args:
        function: The function.
        caller: A sentence that says who waits.
    """
    accept(
        function,
        f"{caller} There is no asynchronous invocation whose event a dead letter queue could keep.",
        nag=["Serverless-LambdaDLQ", "NIST.800.53.R5-LambdaDLQ"],
        checkov=["CKV_AWS_116"],
    )
