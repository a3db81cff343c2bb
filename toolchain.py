"""Deploys the pipeline that tests each commit of the source branch and takes it to production.

Deploy it once; from then on it updates itself. Name the stack, since a second region adds another:

./scripts/cdk deploy --app '.venv/bin/python toolchain.py' '*-Toolchain'
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines
from constructs import Construct

import constants
from backend.environment import Environment
from pipeline import build, tools
from pipeline.findings import accept_findings
from pipeline.placeholders import refuse_unfilled
from pipeline.stages import Stages


def main() -> None:
    """Synthesize the pipeline and the stacks that it deploys."""
    app = cdk.App()
    target = constants.TOOLCHAIN_TARGET
    Toolchain(
        app,
        f"{constants.APP_NAME}-Toolchain",
        repository=constants.SOURCE_REPOSITORY,
        branch=constants.SOURCE_BRANCH,
        connection_arn=constants.SOURCE_CONNECTION_ARN,
        waves=constants.WAVES,
        env=cdk.Environment(**asdict(target)) if target else None,
    )
    assembly = app.synth()
    for name in tools.LOCKED:
        shutil.copy(Path(__file__).with_name(name), assembly.directory)


class Toolchain(cdk.Stack):
    """A pipeline that builds, updates itself, deploys wave by wave, and tests what it deployed.

    It also builds each pull request as the pipeline would.

    Args:
        repository: The repository on GitHub, as "OWNER/REPOSITORY".
        branch: The branch whose commits are deployed.
        connection_arn: The ARN of the CodeConnections connection that reads the repository.
        waves: The environments of each wave, which are deployed side by side.
        kwargs: The stack's other properties. `env` is needed if an environment's target is
            another account or region.

    Raises:
        ValueError: The repository isn't named as its parameter says.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repository: str,
        branch: str,
        connection_arn: str,
        waves: Sequence[Sequence[Environment]],
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
            raise ValueError(
                f"SOURCE_REPOSITORY is {repository!r}: use OWNER/REPOSITORY, without https://."
            )
        refuse_unfilled(
            self, {"SOURCE_REPOSITORY": repository, "SOURCE_CONNECTION_ARN": connection_arn}
        )
        # The CDK grants this under the service's former name, which isn't the connection's:
        # https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html
        permission = iam.PolicyStatement(
            actions=["codeconnections:UseConnection"], resources=[connection_arn]
        )
        # A clone, because an archive lacks the history and some file modes.
        source = pipelines.CodePipelineSource.connection(
            repository, branch, connection_arn=connection_arn, code_build_clone_output=True
        )
        # Another account can read the artifacts only with a key that is shared with it. A key costs
        # money.
        has_keys = any(
            e.target and e.target.account != self.account for wave in waves for e in wave
        )
        pipeline = pipelines.CodePipeline(
            self,
            "Pipeline",
            pipeline_type=codepipeline.PipelineType.V2,
            synth=build.pipeline_step(source, permission),
            self_mutation=True,
            cross_account_keys=has_keys,
            enable_key_rotation=has_keys,
            use_pipeline_role_for_actions=True,
            code_build_defaults=pipelines.CodeBuildOptions(build_environment=build.ENVIRONMENT),
        )
        stages = Stages(self, pipeline, source=source, permission=permission)
        for wave in waves:
            stages.add_wave(wave)
        build.PullRequests(
            self,
            "PullRequests",
            repository=repository,
            branch=branch,
            connection_arn=connection_arn,
        )
        pipeline.build_pipeline()
        tools.install_locked(self)
        pipeline.pipeline.add_to_role_policy(permission)
        accept_findings(self, pipeline.pipeline)


if __name__ == "__main__":
    main()
