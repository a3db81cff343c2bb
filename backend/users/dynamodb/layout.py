"""The table's keys, index and IAM actions, shared by the function and the stack."""

from typing import Final

# The partition key and the sort key, both strings.
PK: Final = "pk"
SK: Final = "sk"

# The index of users by status. Its sort key is the table's.
STATUS_INDEX: Final = "status"
STATUS_INDEX_PK: Final = "status_shard"

# When DynamoDB may remove an item, in epoch seconds.
TIME_TO_LIVE: Final = "expires_at"

# The IAM actions that the function needs. A transaction needs the permissions of its parts.
TABLE_ACTIONS: Final = (
    "dynamodb:BatchGetItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
)
STATUS_INDEX_ACTIONS: Final = ("dynamodb:Query",)
