"""How users are items of a DynamoDB table. docs/decisions/0003-keys.md says why.

pk               sk
user#<shard>     <username>    one for each user
email#<email>    email         one for each email, so that no two users have it
"""

import hashlib
import json
import zlib
from typing import TYPE_CHECKING, Final

from models import User
from schema import WRITABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    type Item = dict[str, AttributeValueTypeDef]

# Neither this number nor the hash can change without moving every user.
SHARDS: Final = 16

# Where nothing is: a read of it shows that the table can be read.
NOWHERE: "Final[Item]" = {"pk": {"S": "health"}, "sk": {"S": "health"}}


def email_of(user: User) -> str | None:
    """The email as it must be unique: without regard to case."""
    email = user.members.get("email")
    return email.lower() if email else None


def user_key(username: str) -> "Item":
    """Where a user is: spread by a hash of its username, sorted by username."""
    shard = zlib.crc32(username.encode()) % SHARDS
    return {"pk": {"S": f"user#{shard:x}"}, "sk": {"S": username}}


def email_key(email: str) -> "Item":
    """Where it is written who has an email, which is in lower case."""
    # Keys show in audit logs and in reports on hot keys, where an address has no business.
    digest = hashlib.sha256(email.encode()).hexdigest()
    return {"pk": {"S": f"email#{digest}"}, "sk": {"S": "email"}}


def email_item(email: str, user: User) -> "Item":
    """The item that keeps others from having the user's email."""
    return {**email_key(email), "username": {"S": user.username}}


def user_item(user: User) -> "Item":
    """The item that holds a state of a user."""
    return {
        **user_key(user.username),
        "created_at": {"S": user.created_at},
        "updated_at": {"S": user.updated_at},
        "version": {"N": str(user.version)},
        "etag": {"S": user.etag},
        **{
            name: {"S": value if _is_string(name) else json.dumps(value)}
            for name, value in user.members.items()
        },
    }


def to_user(item: "Item") -> User:
    """The state that an item holds."""
    return User(
        username=item["sk"]["S"],
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


def _is_string(name: str) -> bool:
    """Other members are stored as JSON: DynamoDB's numbers would make 1.0 of 1."""
    return bool(WRITABLE[name]["type"] == "string")
