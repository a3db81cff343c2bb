"""The pipeline's stages: they deploy the environments and test them."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines
from constructs import Construct

from backend.component import Backend
from backend.environment import Environment
from backend.identity import permissions
from pipeline.build import REPORTS, reports

_TIMEOUT: Final = cdk.Duration.minutes(30)


class Deployment(cdk.Stage):
    """The stack of one environment, as app.py deploys it."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(scope, environment.name)
        self.backend = Backend(
            self, "Backend", environment=environment, stack_name=environment.stack_name
        )


class Stages:
    """Adds waves of environments to a pipeline.

    Args:
        stack: The pipeline's stack.
        pipeline: The pipeline.
        source: The repository, for its tests.
        permission: The permission to clone it.
    """

    def __init__(
        self,
        stack: cdk.Stack,
        pipeline: pipelines.CodePipeline,
        *,
        source: pipelines.IFileSetProducer,
        permission: iam.PolicyStatement,
    ) -> None:
        self._stack = stack
        self._pipeline = pipeline
        self._source = source
        self._permission = permission

    def add_wave(self, environments: Sequence[Environment]) -> None:
        """Add a wave that deploys environments side by side, and then tests them.

        A person must approve the wave if one of the environments needs approval.

        Raises:
            ValueError: The pipeline could not test an environment.
        """
        wave = self._pipeline.add_wave("-".join(e.name for e in environments))
        if any(environment.approval for environment in environments):
            names = " and ".join(e.name for e in environments)
            wave.add_pre(pipelines.ManualApprovalStep("Approve", comment=f"Deploys to {names}"))
        for environment in environments:
            deployment = Deployment(self._stack, environment=environment)
            wave.add_stage(deployment, post=[self._test(environment, deployment.backend)])

    def _test(self, environment: Environment, backend: Backend) -> pipelines.CodeBuildStep:
        name, tests = _tests(environment)
        variables = {"STACK": environment.stack_name, "REGION": self._region(environment)}
        get_token: list[str] = []
        permissions_for_it: list[iam.PolicyStatement] = []
        # The pipeline can't get another provider's tokens.
        if environment.identity.issuer is None:
            command = './scripts/token --stack "$STACK"'
            if role := self._role(environment):
                variables["ROLE"] = role
                command += ' --role "$ROLE"'
            # An environment variable: other processes could read a command's arguments.
            get_token = [f'API_TOKEN=$(AWS_DEFAULT_REGION="$REGION" {command})', "export API_TOKEN"]
            permissions_for_it = self._to_get_a_token(environment, role)
        return pipelines.CodeBuildStep(
            name,
            input=self._source,
            commands=[
                "./scripts/run",
                *get_token,
                f".venv/bin/pytest --junit-xml={REPORTS}/{name}.xml {tests}",
            ],
            env=variables,
            env_from_cfn_outputs={"API_ENDPOINT": backend.api_endpoint},
            partial_build_spec=codebuild.BuildSpec.from_object(reports(name)),
            role_policy_statements=[self._permission, *permissions_for_it],
            timeout=_TIMEOUT,
        )

    def _role(self, environment: Environment) -> str | None:
        """Return the ARN of the role that gets tokens if the account isn't the pipeline's."""
        account = self._account(environment)
        if account == self._stack.account:
            return None
        if cdk.Token.is_unresolved(self._stack.account):
            raise ValueError(
                f"{environment.name} names an account: fill in TOOLCHAIN_TARGET with the"
                " pipeline's account, in constants.py."
            )
        if environment.pipeline_account != self._stack.account:
            raise ValueError(
                f"{environment.name} is in another account than the pipeline, whose tests need a"
                f" token: set pipeline_account={self._stack.account!r} in its record."
            )
        name = permissions.role_name(environment.stack_name)
        return f"arn:{cdk.Aws.PARTITION}:iam::{account}:role/{name}"

    def _to_get_a_token(
        self, environment: Environment, role: str | None
    ) -> list[iam.PolicyStatement]:
        if role:
            return [iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[role])]
        return permissions.to_get_a_token(
            stack_name=environment.stack_name,
            region=self._region(environment),
            account=self._account(environment),
        )

    def _account(self, environment: Environment) -> str:
        return environment.target.account if environment.target else self._stack.account

    def _region(self, environment: Environment) -> str:
        return environment.target.region if environment.target else self._stack.region


def _tests(environment: Environment) -> tuple[str, str]:
    """Return the name of the step that tests an environment, and pytest's arguments."""
    issuer = environment.identity.issuer
    if issuer and environment.end_to_end_tests:
        raise ValueError(
            f"{environment.name}: the pipeline can't get a token of {issuer.url} for the"
            " end-to-end tests. Remove end_to_end_tests or issuer from its record."
        )
    if issuer:
        return "Smoke", "tests/smoke/test_without_token.py"
    if environment.end_to_end_tests:
        return "EndToEnd", "tests/smoke tests/end_to_end"
    return "Smoke", "tests/smoke"
