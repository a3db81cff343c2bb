"""Names that no other stack has, for what must be named and may outlive its stack."""

import aws_cdk as cdk
from constructs import IConstruct


def stack_uuid(construct: IConstruct) -> str:
    """Return the UUID in the stack's id, which a stack that is made again doesn't have again."""
    # arn:...:stack/NAME/UUID
    return cdk.Fn.select(2, cdk.Fn.split("/", cdk.Stack.of(construct).stack_id))
