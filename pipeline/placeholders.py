"""Refuses to deploy the pipeline before constants.py is filled in, as docs/pipeline.md says."""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk

_UNFILLED: Final = ("OWNER/REPOSITORY", "connection/00000000-0000-0000-0000-000000000000")


def refuse_unfilled(stack: cdk.Stack, constants: Mapping[str, str]) -> None:
    """Warn of constants that have a placeholder's value, and make CloudFormation refuse the stack.

    A fresh clone can still be synthesized and tested.

    Args:
        stack: The stack that needs the constants.
        constants: The constants' names in constants.py, and their values.
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
                # Never true. A rule must use a parameter, and each CDK stack has this one.
                assert_=cdk.Fn.condition_equals(cdk.Fn.ref("BootstrapVersion"), "unfilled"),
                assert_description=sentence,
            )
        ],
    )
