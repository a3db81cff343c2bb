"""How a commit is built and tested: by one build spec, in the pipeline and for pull requests."""

from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines
from constructs import Construct

# Has Python 3.13; all else comes with the checkout. Browser, emulator and Java run side by side.
ENVIRONMENT: Final = codebuild.BuildEnvironment(
    build_image=codebuild.LinuxBuildImage.from_code_build_image_id(
        "aws/codebuild/amazonlinux-x86_64-standard:6.0"
    ),
    compute_type=codebuild.ComputeType.MEDIUM,
)
_COMMANDS: Final = (
    "./scripts/test",
    "./scripts/cdk synth --quiet --app '.venv/bin/python toolchain.py'",
)
# Where pytest's --junit-xml writes, here as in ./scripts/test.
REPORTS: Final = ".local/reports"
# What was downloaded, and nothing that was built. npm compares what it takes with the lock each
# time, uv when it unpacks it. Who could change that in between may change the branch, too.
_CACHED: Final = (".local/cache/**/*",)
_TIMEOUT: Final = cdk.Duration.minutes(60)


def reports(name: str) -> dict[str, Any]:
    """The section of a build spec that has CodeBuild show the tests' results.

    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.reports
    """
    report = {"files": ["*.xml"], "base-directory": REPORTS, "file-format": "JUNITXML"}
    return {"reports": {name: report}}


def _build_spec() -> dict[str, Any]:
    """All but the phase that the pipeline's step adds by itself."""
    return {"version": "0.2", **reports("tests"), "cache": {"paths": list(_CACHED)}}


def pipeline_step(
    source: pipelines.IFileSetProducer, permission: iam.PolicyStatement
) -> pipelines.CodeBuildStep:
    """The pipeline's first: what it synthesizes is what all later ones deploy.

    permission: to clone the source.
    """
    return pipelines.CodeBuildStep(
        "Build",
        input=source,
        commands=list(_COMMANDS),
        partial_build_spec=codebuild.BuildSpec.from_object(_build_spec()),
        # Of the host that builds, and of this project alone: no pull request's build can put
        # something in.
        cache=codebuild.Cache.local(codebuild.LocalCacheMode.CUSTOM),
        role_policy_statements=[permission],
        timeout=_TIMEOUT,
    )


class PullRequests(Construct):
    """Builds each pull request into the branch, and shows its state there.

    What comes from a fork is built once somebody who may write has said so, since any build can ask
    for the token of the connection that it was cloned by. There is no other secret, and no cache in
    which one build could leave something for the next.
    https://docs.aws.amazon.com/codebuild/latest/userguide/pull-request-build-policy.html

    repository: on GitHub, as "OWNER/REPOSITORY".
    connection_arn: of CodeConnections, by which it is read.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repository: str,
        branch: str,
        connection_arn: str,
    ) -> None:
        super().__init__(scope, construct_id)
        owner, name = repository.split("/")
        event = codebuild.EventAction
        self.project = codebuild.Project(
            self,
            "Project",
            description=f"Builds pull requests of {repository}",
            source=codebuild.Source.git_hub(
                owner=owner,
                repo=name,
                webhook_filters=[
                    codebuild.FilterGroup.in_event_of(
                        event.PULL_REQUEST_CREATED,
                        event.PULL_REQUEST_UPDATED,
                        event.PULL_REQUEST_REOPENED,
                    ).and_base_branch_is(branch)
                ],
            ),
            build_spec=codebuild.BuildSpec.from_object(
                {**_build_spec(), "phases": {"build": {"commands": list(_COMMANDS)}}}
            ),
            environment=ENVIRONMENT,
            timeout=_TIMEOUT,
        )
        self._connect(connection_arn)

    def _connect(self, connection_arn: str) -> None:
        """What the construct of the CDK has no properties for."""
        project = self.project.node.default_child
        assert isinstance(project, codebuild.CfnProject)  # noqa: S101
        project.add_property_override(
            "Source.Auth", {"Type": "CODECONNECTIONS", "Resource": connection_arn}
        )
        project.add_property_override(
            "Triggers.PullRequestBuildPolicy",
            {
                "RequiresCommentApproval": "FORK_PULL_REQUESTS",
                "ApproverRoles": ["GITHUB_WRITE", "GITHUB_MAINTAIN", "GITHUB_ADMIN"],
            },
        )
        # CodeBuild asks for them when the project is made. A policy of its own, since the role's
        # other one names the project.
        policy = iam.Policy(
            self,
            "Connection",
            statements=[
                iam.PolicyStatement(
                    actions=["codeconnections:GetConnection", "codeconnections:GetConnectionToken"],
                    resources=[connection_arn],
                )
            ],
        )
        assert self.project.role  # noqa: S101
        policy.attach_to_role(self.project.role)
        project.node.add_dependency(policy)
