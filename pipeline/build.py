"""The build and test of a commit, which the pipeline and pull requests share."""

from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import pipelines
from constructs import Construct

# It has Python 3.13; the checkout brings the rest. Browser, emulator and Java run side by side.
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
# Only downloads of uv, nothing that was built. uv compares them with the lock when it unpacks
# them. Whoever could change them afterwards may change the branch, too.
_CACHED: Final = (".local/cache/**/*",)
_TIMEOUT: Final = cdk.Duration.minutes(60)


def reports(name: str) -> dict[str, Any]:
    """Return the section of a build spec that makes CodeBuild show the tests' results.

    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.reports
    """
    report = {"files": ["*.xml"], "base-directory": REPORTS, "file-format": "JUNITXML"}
    return {"reports": {name: report}}


def _build_spec() -> dict[str, Any]:
    # The pipeline's step adds the build phase itself.
    return {"version": "0.2", **reports("tests"), "cache": {"paths": list(_CACHED)}}


def pipeline_step(
    source: pipelines.IFileSetProducer, permission: iam.PolicyStatement
) -> pipelines.CodeBuildStep:
    """Make the pipeline's first step. The later steps deploy what it synthesizes.

    Args:
        source: The repository.
        permission: The permission to clone it.
    """
    return pipelines.CodeBuildStep(
        "Build",
        input=source,
        commands=list(_COMMANDS),
        partial_build_spec=codebuild.BuildSpec.from_object(_build_spec()),
        # A cache on the build host, for this project alone: pull requests can't write to it.
        cache=codebuild.Cache.local(codebuild.LocalCacheMode.CUSTOM),
        role_policy_statements=[permission],
        timeout=_TIMEOUT,
    )


class PullRequests(Construct):
    """Builds each pull request into the branch, and shows the result there.

    A pull request from a fork is built only after somebody with write access approves it, since
    any build can get the token of the connection that cloned it. A build has no other secret, and
    no cache in which it could leave something for the next one.
    https://docs.aws.amazon.com/codebuild/latest/userguide/pull-request-build-policy.html

    Args:
        repository: The repository on GitHub, as "OWNER/REPOSITORY".
        branch: The branch that pull requests go to.
        connection_arn: The ARN of the CodeConnections connection that reads the repository.
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
        """Set what the CDK's construct has no properties for."""
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
        # CodeBuild needs these permissions to create the project. The role's default policy can't
        # have them, because it needs the project.
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
