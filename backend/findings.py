"""Findings of scanners that were looked at and accepted, each with its reason.

The reason is in the template, too, as metadata of the resource: checkov reads it there, and so does
whoever audits what was deployed. cdk-nag, which sees the constructs, is told by the CDK.
"""

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from constructs import IConstruct


def accept(
    construct: IConstruct, reason: str, *, nag: Sequence[str] = (), checkov: Sequence[str] = ()
) -> None:
    """Accept findings of a resource, or of each resource below a construct that is none.

    nag, checkov: the rules' names. reason: what a security reviewer has to know.
    """
    for rule in nag:
        cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=rule, reason=reason))
    main = construct.node.default_child
    for resource in [main] if main else construct.node.find_all():
        if isinstance(resource, cdk.CfnResource):
            _add(resource, "cdk_nag", "rules_to_suppress", [_entry(r, reason=reason) for r in nag])
            _add(resource, "checkov", "skip", [_entry(r, comment=reason) for r in checkov])


def accept_inline_policy(policy: IConstruct) -> None:
    """For the policy that the CDK makes for one role's permissions."""
    accept(
        policy,
        "The policy is for this one role, names each action, and goes with the role. A managed"
        " policy could be attached to others.",
        nag=["NIST.800.53.R5-IAMNoInlinePolicy"],
    )


def _entry(rule: str, **why: str) -> dict[str, str]:
    return {"id": rule, **why}


def _add(resource: cdk.CfnResource, tool: str, key: str, entries: list[dict[str, str]]) -> None:
    metadata: dict[str, Any] = resource.get_metadata(tool) or {key: []}
    if entries:
        resource.add_metadata(tool, {key: metadata[key] + entries})
