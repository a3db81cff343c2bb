"""The deployed table: what is in it, and what would be if it held what the model does."""

import hashlib
import json
import os
import time
import zlib
from typing import TYPE_CHECKING, Any, Final

import boto3

from tests.conformance.model import Document, Model

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_SHARDS: Final = 8
_REMEMBERED_SECONDS: Final = 24 * 60 * 60
_KEY: Final = ("pk", "sk")


def find_table(endpoint: str) -> "Table":
    """The one table of the sandbox that serves `endpoint`."""
    # The tests empty it. Never that of an AWS account, whatever credentials the machine has.
    assert os.environ.get("AWS_ENDPOINT_URL") == endpoint, "run it by ./scripts/sandbox -- COMMAND"
    [table] = boto3.resource("dynamodb").tables.all()
    return table


def empty(table: "Table") -> None:
    """Remove every item."""
    with table.batch_writer() as batch:
        for item in scan(table):
            batch.delete_item(Key={name: item[name] for name in _KEY})


def difference(table: "Table", model: Model) -> str:
    """Items that only one of the two has; "" where they agree."""
    found = {json.dumps(_comparable(item), sort_keys=True, default=str) for item in scan(table)}
    wanted = {json.dumps(item, sort_keys=True) for item in _items(model)}
    lines = [f"in the table alone: {item}" for item in sorted(found - wanted)]
    lines += [f"in the model alone: {item}" for item in sorted(wanted - found)]
    return "\n".join(lines)


def _items(model: Model) -> list[Document]:
    users = [_user_item(user, model.etags[name]) for name, user in model.users.items()]
    emails = [
        {"pk": f"email#{_digest(email)}", "sk": "email", "username": username}
        for email, username in model.holders().items()
    ]
    markers = [
        {"pk": "idempotency#", "sk": "idempotency", "user": _user_item(kept.document, kept.etag)}
        for kept in model.kept.values()
    ]
    return users + emails + markers


def _user_item(user: Document, etag: str) -> Document:
    shard = zlib.crc32(user["username"].encode()) % _SHARDS
    item = {name: value for name, value in user.items() if name != "username"}
    if "attributes" in item:
        item["attributes"] = json.dumps(item["attributes"], sort_keys=True)
    return item | {
        "pk": f"user#{shard}",
        "sk": user["username"],
        "status_shard": f"{user['status']}#{shard}",
        "version": str(user["version"]),
        "etag": etag.strip('"'),
    }


def _comparable(item: Document) -> Document:
    """Without what a client can't know: the digests of a marker, and when it ends exactly."""
    item = dict(item)
    if "attributes" in item:
        item["attributes"] = json.dumps(json.loads(item["attributes"]), sort_keys=True)
    if item["sk"] != "idempotency":
        return item
    item["user"] = _comparable(item["user"])
    kind, _, digest = item["pk"].partition("#")
    left = float(item.pop("expires_at")) - time.time()
    digests = [digest, item.pop("request")]
    if all(len(bytes.fromhex(d)) == hashlib.sha256().digest_size for d in digests):
        item["pk"] = f"{kind}#"
    # Made at most an hour ago.
    if not _REMEMBERED_SECONDS - 3600 < left <= _REMEMBERED_SECONDS + 1:
        item["expires in"] = left
    return item


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def scan(table: "Table") -> list[dict[str, Any]]:
    """Every item."""
    items: list[dict[str, Any]] = []
    start: dict[str, Any] = {}
    while True:
        page = table.scan(ConsistentRead=True, **start)
        items += page["Items"]
        if "LastEvaluatedKey" not in page:
            return items
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
