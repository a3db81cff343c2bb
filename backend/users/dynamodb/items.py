"""How users are items of a DynamoDB table. docs/decisions/0003-keys.md says why.

pk                      sk            further keys
user#<shard>            <username>    status_shard    one for each user
email#<digest>          email                         one for each email: no two users have it
idempotency#<digest>    idempotency   expires_at      one for each Idempotency-Key, for a day
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

# Where nothing is: a read of it shows that the table can be read.
HEALTH_CHECK_KEY: "Final[Item]" = {PK: {"S": "health"}, SK: {"S": "health"}}


class IdempotencyRecord(NamedTuple):
    """request: a digest of what was asked; user: what the response said."""

    request: str
    user: User


def email_of(user: User) -> str | None:
    """The email as it must be unique: without regard to case."""
    email = user.members.get("email")
    return email.lower() if email else None


def user_partition(shard: int) -> str:
    """The partition key of a shard's users."""
    return f"user#{shard:x}"


def status_partition(status: str, shard: int) -> str:
    """The index's partition key of a shard's users with a status."""
    return f"{status}#{shard:x}"


def user_key(username: str) -> "Item":
    """Where a user is: spread by a hash of its username, sorted by username."""
    return {PK: {"S": user_partition(_shard(username))}, SK: {"S": username}}


def email_key(email: str) -> "Item":
    """Where it is written who has an email, which is in lower case."""
    # Keys show in audit logs and in reports on hot keys, where an address has no business.
    return {PK: {"S": f"email#{_digest(email)}"}, SK: {"S": "email"}}


def email_item(email: str, user: User) -> "Item":
    """The item that keeps others from having the user's email."""
    return {**email_key(email), "username": {"S": user.username}}


def idempotency_item(key: str, record: IdempotencyRecord, *, expires_at: int) -> "Item":
    """The item that remembers the response to a request.

    key: the caller's, made unique among all callers; expires_at: epoch seconds.
    """
    return {
        PK: {"S": f"idempotency#{key}"},
        SK: {"S": "idempotency"},
        TIME_TO_LIVE: {"N": str(expires_at)},
        "request": {"S": record.request},
        "user": {"M": user_item(record.user)},
    }


def to_idempotency_record(item: Mapping[str, Any]) -> IdempotencyRecord:
    """What an item remembers."""
    return IdempotencyRecord(item["request"]["S"], to_user(item["user"]["M"]))


def user_item(user: User) -> "Item":
    """The item that holds a state of a user."""
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
    """The state that an item holds."""
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
    """Other members are stored as JSON: DynamoDB's numbers would make 1.0 of 1."""
    return bool(WRITABLE[name]["type"] == "string")
