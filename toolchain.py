"""Deploys the pipeline that tests each commit of the source branch and takes it to production.

./scripts/cdk deploy --app '.venv/bin/python toolchain.py'  once; then it updates itself
"""

import json
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines
from constructs import Construct

import constants
from backend.component import Backend
from backend.findings import accept

# Has Python 3.13; Node comes from the checkout, where ./scripts/test installs it.
_IMAGE: Final = codebuild.LinuxBuildImage.AMAZON_LINUX_2023_6
_BUILD: Final = (
    "./scripts/test",
    'export PATH="$PWD/.venv/bin:$PATH"',
    "npx cdk synth --quiet --app '.venv/bin/python toolchain.py'",
)
_STATUS: Final = "curl --silent --show-error --retry 5 --output /dev/null --write-out"
_SMOKE_TEST: Final = (
    'curl --fail --silent --show-error --retry 5 "$API_ENDPOINT/health"',
    f"answer=$({_STATUS} '%{{http_code}}' \"$API_ENDPOINT/users/-\")",
    'echo "$answer without a token"',
    'test "$answer" = 401',
)
# No user can have the name -, and the gateway's own 404 is no problem document: that answer can
# only be the function's. The token is in no argument, which would show it to whoever looks.
_SMOKE_TEST_WITH_TOKEN: Final = (
    'API_TOKEN=$(./scripts/token --stack "$STACK")',
    "answer=$(printf 'Authorization: Bearer %s' \"$API_TOKEN\" |"
    f" {_STATUS} '%{{http_code}} %{{content_type}}' --header @- \"$API_ENDPOINT/users/-\")",
    'echo "$answer with a token"',
    'test "$answer" = "404 application/problem+json"',
)
# Only the pipeline runs it, so package.json doesn't name it.
_CDK_ASSETS_VERSION: Final = "4.7.3"


def main() -> None:
    """Synthesize the pipeline, and with it the stacks that it deploys."""
    app = cdk.App()
    Toolchain(
        app,
        f"{constants.APP_NAME}-Toolchain",
        production=constants.PRODUCTION,
        env=constants.TOOLCHAIN_TARGET,
    )
    app.synth()


class Toolchain(cdk.Stack):
    """A pipeline that builds, updates itself, deploys to production and tests what it deployed.

    production: the environment; when its target names another account, pass the stack an `env`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        production: constants.Environment,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        source = pipelines.CodePipelineSource.connection(
            constants.SOURCE_REPOSITORY,
            constants.SOURCE_BRANCH,
            connection_arn=constants.SOURCE_CONNECTION_ARN,
        )
        pipeline = pipelines.CodePipeline(
            self,
            "Pipeline",
            pipeline_type=codepipeline.PipelineType.V2,
            synth=self._build(source),
            self_mutation=True,
            cli_version=_cli_version(),
            cdk_assets_cli_version=_CDK_ASSETS_VERSION,
            cross_account_keys=self._is_foreign(production),
            use_pipeline_role_for_actions=True,
            code_build_defaults=pipelines.CodeBuildOptions(
                build_environment=codebuild.BuildEnvironment(build_image=_IMAGE)
            ),
        )
        self._deploy(production, pipeline, source)
        pipeline.build_pipeline()
        self._permit_connection(pipeline.pipeline)
        self._accept_findings(pipeline.pipeline)

    def _build(self, source: pipelines.IFileSetProducer) -> pipelines.ShellStep:
        return pipelines.ShellStep("Build", input=source, commands=list(_BUILD))

    def _is_foreign(self, environment: constants.Environment) -> bool:
        """Whether artifacts need a key that another account can be given; it costs money."""
        account = environment.target and environment.target.account
        return account is not None and account != self.account

    def _deploy(
        self,
        environment: constants.Environment,
        pipeline: pipelines.CodePipeline,
        source: pipelines.IFileSetProducer,
    ) -> None:
        stage = cdk.Stage(self, environment.name)
        backend = Backend(
            stage, "Backend", environment=environment, stack_name=environment.stack_name
        )
        # Another account's pool, and another issuer's tokens, are not the pipeline's to ask for.
        has_token = environment.issuer is None and not self._is_foreign(environment)
        smoke_test = pipelines.CodeBuildStep(
            "SmokeTest",
            input=source,
            commands=[*_SMOKE_TEST, *(_SMOKE_TEST_WITH_TOKEN if has_token else ())],
            env={"STACK": environment.stack_name},
            env_from_cfn_outputs={"API_ENDPOINT": backend.api_endpoint},
            role_policy_statements=self._to_get_a_token(environment) if has_token else None,
        )
        pipeline.add_stage(stage, post=[smoke_test])

    def _to_get_a_token(self, environment: constants.Environment) -> list[iam.PolicyStatement]:
        """What ./scripts/token reads. The ids of the API and the pool are made when they are."""
        region = environment.target.region if environment.target else None
        region = region or self.region

        def permit(*actions: str, resource: str) -> iam.PolicyStatement:
            return iam.PolicyStatement(actions=list(actions), resources=[resource])

        start, account = f"arn:{self.partition}", self.account
        stack = f"stack/{environment.stack_name}/*"
        return [
            permit(
                "cloudformation:ListStackResources",
                resource=f"{start}:cloudformation:{region}:{account}:{stack}",
            ),
            permit(
                "apigateway:GET",
                resource=f"{start}:apigateway:{region}::/apis/*/authorizers",
            ),
            permit(
                "cognito-idp:DescribeUserPool",
                "cognito-idp:DescribeUserPoolClient",
                resource=f"{start}:cognito-idp:{region}:{account}:userpool/*",
            ),
        ]

    def _permit_connection(self, pipeline: codepipeline.Pipeline) -> None:
        # The CDK grants this under the service's former name, which is not the connection's:
        # https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html
        pipeline.add_to_role_policy(
            iam.PolicyStatement(
                actions=["codeconnections:UseConnection"],
                resources=[constants.SOURCE_CONNECTION_ARN],
            )
        )

    def _accept_findings(self, pipeline: codepipeline.Pipeline) -> None:
        accept(
            pipeline.artifact_bucket,
            "It holds copies of what is in the repository, for the time of a build; the pipeline's"
            " runs say who used them, and a version that is lost is built again.",
            nag=["AwsSolutions-S1"],
            checkov=["CKV_AWS_18", "CKV_AWS_21"],
        )
        for resource in self.node.find_all():
            # What CDK Pipelines makes of the steps; what is deployed has no such permission.
            if isinstance(resource, iam.CfnPolicy) and cdk.Stack.of(resource) is self:
                accept(
                    resource,
                    "CDK Pipelines writes it: the keys below one bucket, the logs and the reports"
                    " of one build, and the deployment roles of the bootstrapped accounts.",
                    nag=["AwsSolutions-IAM5"],
                )
                if "/Assets/" in resource.node.path:
                    accept(
                        resource,
                        "CDK Pipelines lets the step that publishes assets start any build of its"
                        " account, and has no option for less: keep no others there.",
                        checkov=["CKV_AWS_111"],
                    )
            elif isinstance(resource, codebuild.CfnProject):
                accept(
                    resource,
                    "Its output is encrypted with S3's key. A key of the account is made where"
                    " another account has to read it.",
                    nag=["AwsSolutions-CB4"],
                )


def _cli_version() -> str:
    package = json.loads(Path(__file__).with_name("package.json").read_text())
    return str(package["devDependencies"]["aws-cdk"])


if __name__ == "__main__":
    main()
