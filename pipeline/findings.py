"""Why the scanners' findings about what CDK Pipelines makes are accepted."""

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam

from backend.findings import accept


def accept_findings(stack: cdk.Stack, pipeline: codepipeline.Pipeline) -> None:
    """Call it once the pipeline is built."""
    # Each other region that it deploys to has a bucket, in a stack of its own.
    in_regions = [support.replication_bucket for support in pipeline.cross_region_support.values()]
    for artifacts in (pipeline.artifact_bucket, *in_regions):
        accept(
            artifacts,
            "It holds copies of what is in the repository, for the time of a build; the pipeline's"
            " runs say who used them, and a version that is lost is built again.",
            nag=["AwsSolutions-S1"],
            checkov=["CKV_AWS_18", "CKV_AWS_21"],
        )
    if in_regions and pipeline.artifact_bucket.encryption_key:
        accept(
            pipeline.role.node.find_child("DefaultPolicy"),
            "The key of the artifacts in another region has an id that nobody knows before. The CDK"
            " permits to use any key whose own policy leaves that to IAM: keep no others in the"
            " pipeline's account.",
            checkov=["CKV_AWS_111"],
        )
    for resource in stack.node.find_all():
        # What the pipeline deploys has its own.
        if not isinstance(resource, cdk.CfnResource) or cdk.Stack.of(resource) is not stack:
            continue
        if isinstance(resource, iam.CfnPolicy) and "/DefaultPolicy/" in resource.node.path:
            accept(
                resource,
                "The CDK writes it: the keys below one bucket, the logs and the reports of one"
                " build, and the deployment roles of the bootstrapped accounts. The tests' step"
                " names its stack, whose API and pool have ids that nobody knows before.",
                nag=["AwsSolutions-IAM5"],
            )
            if "/Assets/" in resource.node.path:
                accept(
                    resource,
                    "CDK Pipelines lets the step that publishes assets start any build of its"
                    " account, and has no option for less: keep no others there.",
                    checkov=["CKV_AWS_111"],
                )
        elif isinstance(resource, codebuild.CfnProject) and not _has_key(resource):
            accept(
                resource,
                "Its output is encrypted with S3's key. A key of the account is made where"
                " another account has to read it.",
                nag=["AwsSolutions-CB4"],
            )


def _has_key(project: codebuild.CfnProject) -> bool:
    """Whether its output is encrypted with a key of the account, not with S3's."""
    return bool(cdk.Stack.of(project).resolve(project.encryption_key) != "alias/aws/s3")
