"""Converts users to and from the items of a DynamoDB table.

pk                      sk            further keys
user#<shard>            <username>    status_shard    one for each user
email#<digest>          email                         one for each email, which makes it unique
idempotency#<digest>    idempotency   expires_at      one for each Idempotency-Key, for a day

docs/decisions/0003-keys.md has the reasons.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from backend.users.dynamodb.layout import PK, SK, STATUS_INDEX_PK, TIME_TO_LIVE
from backend.users.models import User
from backend.users.schema import WRITABLE

if TYPE_CHECKING:
    from backend.users.dynamodb.table import Item

# Neither this number nor the hash can change without moving every user.
SHARDS: Final = 8

# No item has this key. Reading it shows that the table can be read.
HEALTH_CHECK_KEY: "Final[Item]" = {PK: {"S": "health"}, SK: {"S": "health"}}


class IdempotencyRecord(NamedTuple):
    """What is stored about a create with an Idempotency-Key.

    Attributes:
        request: The fingerprint of the request (IdempotencyKey.fingerprint).
        user: The user as it was created.
    """

    request: str
    user: User


def email_of(user: User) -> str | None:
    """Return the user's email in lower case, as it must be unique; None if there is none."""
    email = user.members.get("email")
    return email.lower() if email else None


def user_partition(shard: int) -> str:
    """Return the partition key of a shard's users."""
    return f"user#{shard:x}"


def status_partition(status: str, shard: int) -> str:
    """Return the index's partition key of a shard's users with a status."""
    return f"{status}#{shard:x}"


def user_key(username: str) -> "Item":
    """Return a user's key: the shard by a hash of the username, then the username."""
    return {PK: {"S": user_partition(_shard(username))}, SK: {"S": username}}


def email_key(email: str) -> "Item":
    """Return the key of the item that says who has an email, which must be in lower case."""
    # A digest, because keys appear in audit logs and in reports on hot keys.
    return {PK: {"S": f"email#{_digest(email)}"}, SK: {"S": "email"}}


def email_item(email: str, user: User) -> "Item":
    """Return the item that keeps other users from having the email."""
    return {**email_key(email), "username": {"S": user.username}}


def idempotency_item(key: str, record: IdempotencyRecord, *, expires_at: int) -> "Item":
    """Return the item of an idempotency record.

    Args:
        key: The key's digest (IdempotencyKey.digest).
        record: What to store.
        expires_at: When the record expires, in epoch seconds.
    """
    return {
        PK: {"S": f"idempotency#{key}"},
        SK: {"S": "idempotency"},
        TIME_TO_LIVE: {"N": str(expires_at)},
        "request": {"S": record.request},
        "user": {"M": user_item(record.user)},
    }


def to_idempotency_record(item: Mapping[str, Any]) -> IdempotencyRecord:
    """Return the idempotency record that an item holds."""
    return IdempotencyRecord(item["request"]["S"], to_user(item["user"]["M"]))


def user_item(user: User) -> "Item":
    """Return the item that holds a user's state."""
    status = user.members["status"]
    return {
        **user_key(user.username),
        STATUS_INDEX_PK: {"S": status_partition(status, _shard(user.username))},
        "created_at": {"S": user.created_at},
        "updated_at": {"S": user.updated_at},
        "version": {"N": str(user.version)},
        "etag": {"S": user.etag},
        **{
            name: {"S": value if _is_string(name) else json.dumps(value)}
            for name, value in user.members.items()
        },
    }


def to_user(item: Mapping[str, Any]) -> User:
    """Return the user's state that an item holds."""
    return User(
        username=item[SK]["S"],
        members={
            name: item[name]["S"] if _is_string(name) else json.loads(item[name]["S"])
            for name in WRITABLE
            if name in item
        },
        created_at=item["created_at"]["S"],
        updated_at=item["updated_at"]["S"],
        version=int(item["version"]["N"]),
        etag=item["etag"]["S"],
    )


def _shard(username: str) -> int:
    return zlib.crc32(username.encode()) % SHARDS


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _is_string(name: str) -> bool:
    """Return whether a member is stored as it is, not as JSON.

    The others are stored as JSON because DynamoDB's numbers don't distinguish 1 and 1.0.
    """
    return bool(WRITABLE[name]["type"] == "string")
