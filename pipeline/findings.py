"""Accepts scanners' findings about what CDK Pipelines makes."""

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam

from backend.findings import accept


def accept_findings(stack: cdk.Stack, pipeline: codepipeline.Pipeline) -> None:
    """Accept the findings. Call it once the pipeline is built."""
    # Each other region that it deploys to has a bucket, in its own stack.
    in_regions = [support.replication_bucket for support in pipeline.cross_region_support.values()]
    for artifacts in (pipeline.artifact_bucket, *in_regions):
        accept(
            artifacts,
            "The bucket holds artifacts that are built from the repository and can be built again."
            " The pipeline's history shows who used them.",
            nag=["AwsSolutions-S1"],
            checkov=["CKV_AWS_18", "CKV_AWS_21"],
        )
    if in_regions and pipeline.artifact_bucket.encryption_key:
        accept(
            pipeline.role.node.find_child("DefaultPolicy"),
            "The key of the artifacts in another region has no known id before deployment, so the"
            " CDK permits any key whose policy leaves access to IAM. Keep no other keys in the"
            " pipeline's account.",
            checkov=["CKV_AWS_111"],
        )
    for resource in stack.node.find_all():
        # The stacks that the pipeline deploys accept their own findings.
        if not isinstance(resource, cdk.CfnResource) or cdk.Stack.of(resource) is not stack:
            continue
        if isinstance(resource, iam.CfnPolicy) and "/DefaultPolicy/" in resource.node.path:
            accept(
                resource,
                "The CDK writes this policy. It permits the objects in one bucket, the logs and"
                " reports of one build, and the deployment roles of the bootstrapped accounts. For"
                " the tests it names one stack, whose API and pool have no known ids before"
                " deployment.",
                nag=["AwsSolutions-IAM5"],
            )
            if "/Assets/" in resource.node.path:
                accept(
                    resource,
                    "CDK Pipelines lets the step that publishes assets start any build in the"
                    " account, and has no option for less. Keep no other builds there.",
                    checkov=["CKV_AWS_111"],
                )
        elif isinstance(resource, codebuild.CfnProject) and (
            stack.resolve(resource.encryption_key) == "alias/aws/s3"
        ):
            accept(
                resource,
                "The build's output is encrypted with S3's key. The stack makes a key only if"
                " another account must read the output.",
                nag=["AwsSolutions-CB4"],
            )
