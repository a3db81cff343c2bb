"""What has to be filled in before there can be a pipeline; docs/pipeline.md says how."""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk

_UNFILLED: Final = ("OWNER/REPOSITORY", "connection/00000000-0000-0000-0000-000000000000")


def refuse_unfilled(stack: cdk.Stack, constants: Mapping[str, str]) -> None:
    """Warn of those that are as the template of this project has them, and refuse to deploy.

    constants: their names in constants.py, and their values. A clone can be synthesized and tested
    as it is; CloudFormation refuses the stack before it makes anything.
    """
    unfilled = [name for name, value in constants.items() if value.endswith(_UNFILLED)]
    if not unfilled:
        return
    sentence = f"Fill in {' and '.join(unfilled)} in constants.py: see docs/pipeline.md."
    cdk.Annotations.of(stack).add_warning_v2("unfilled", sentence)
    cdk.CfnRule(
        stack,
        "Filled",
        assertions=[
            cdk.CfnRuleAssertion(
                # Never true. A rule is about a parameter; this one each stack of the CDK has.
                assert_=cdk.Fn.condition_equals(cdk.Fn.ref("BootstrapVersion"), "unfilled"),
                assert_description=sentence,
            )
        ],
    )
