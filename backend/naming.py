"""Unique names for resources that need a name and may outlive their stack."""

import aws_cdk as cdk
from constructs import IConstruct


def stack_uuid(construct: IConstruct) -> str:
    """Return the UUID in the stack's id. A stack that is deleted and created again gets another."""
    # arn:...:stack/NAME/UUID
    return cdk.Fn.select(2, cdk.Fn.split("/", cdk.Stack.of(construct).stack_id))
