"""Accepts findings of scanners, each with a reason.

The reasons are metadata of the template's resources, where checkov and auditors read them. cdk-nag,
which reads constructs, learns of them from the CDK.
"""

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import IConstruct


def accept(
    construct: IConstruct, reason: str, *, nag: Sequence[str] = (), checkov: Sequence[str] = ()
) -> None:
    """Accept findings about a construct's main resource or, if it has none, all its resources.

    Args:
        construct: The construct.
        reason: What a security reviewer must know.
        nag: The names of cdk-nag's rules.
        checkov: The names of checkov's rules.
    """
    for rule in nag:
        cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=rule, reason=reason))
    main = construct.node.default_child
    for resource in [main] if main else construct.node.find_all():
        if isinstance(resource, cdk.CfnResource):
            suppressed = [{"id": rule, "reason": reason} for rule in nag]
            _add(resource, "cdk_nag", "rules_to_suppress", suppressed)
            skipped = [{"id": rule, "comment": reason} for rule in checkov]
            _add(resource, "checkov", "skip", skipped)


def accept_inline_policy(policy: IConstruct) -> None:
    """Accept the policy that the CDK makes for one role's permissions."""
    accept(
        policy,
        "The policy belongs to this one role, names each action, and is deleted with the role. A"
        " managed policy could be attached to other roles.",
        nag=["NIST.800.53.R5-IAMNoInlinePolicy"],
    )


def accept_log_findings(log_group: logs.LogGroup) -> None:
    """Accept the findings that every log group of a function or of the gateway has."""
    accept(
        log_group,
        "CloudWatch encrypts logs at rest with a key of its own. No log holds a token or"
        " anything of a user; the access log has the callers' subjects and addresses.",
        nag=["NIST.800.53.R5-CloudWatchLogGroupEncrypted"],
        checkov=["CKV_AWS_158"],
    )


def _add(resource: cdk.CfnResource, tool: str, key: str, entries: list[dict[str, str]]) -> None:
    metadata: dict[str, Any] = resource.get_metadata(tool) or {key: []}
    if entries:
        resource.add_metadata(tool, {key: metadata[key] + entries})
