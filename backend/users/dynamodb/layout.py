"""The table's keys, index and operations, as the function uses them and the stack deploys them."""

from typing import Final

# The partition key and the sort key, both strings.
PK: Final = "pk"
SK: Final = "sk"

# The index that has the users of each status, with the table's sort key.
STATUS_INDEX: Final = "status"
STATUS_INDEX_PK: Final = "status_shard"

# DynamoDB removes an item at some time after this (epoch seconds).
TIME_TO_LIVE: Final = "expires_at"

# IAM's names for what client.py sends. A transaction needs the permissions of its parts.
TABLE_ACTIONS: Final = (
    "dynamodb:BatchGetItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
)
STATUS_INDEX_ACTIONS: Final = ("dynamodb:Query",)
