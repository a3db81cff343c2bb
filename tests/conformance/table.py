"""Compares the items of the deployed table with those that the model expects."""

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
    """Return the one table of the sandbox that serves `endpoint`."""
    # The tests empty the table, so it must never be one of an AWS account.
    assert os.environ.get("AWS_ENDPOINT_URL") == endpoint, "use ./scripts/sandbox -- COMMAND"
    [table] = boto3.resource("dynamodb").tables.all()
    return table


def empty(table: "Table") -> None:
    """Delete all items."""
    with table.batch_writer() as batch:
        for item in scan(table):
            batch.delete_item(Key={name: item[name] for name in _KEY})


def difference(table: "Table", model: Model) -> str:
    """Describe the items that only the table or only the model has; "" if there are none."""
    found = {json.dumps(_comparable(item), sort_keys=True, default=str) for item in scan(table)}
    wanted = {json.dumps(item, sort_keys=True) for item in _items(model)}
    lines = [f"in the table alone: {item}" for item in sorted(found - wanted)]
    lines += [f"in the model alone: {item}" for item in sorted(wanted - found)]
    return "\n".join(lines)


def _items(model: Model) -> list[Document]:
    users = [_user_item(user, model.etags[name]) for name, user in model.users.items()]
    emails = [
        {
            "pk": f"email#{hashlib.sha256(email.encode()).hexdigest()}",
            "sk": "email",
            "username": username,
        }
        for email, username in model.holders().items()
    ]
    idempotency_records = [
        {"pk": "idempotency#", "sk": "idempotency", "user": _user_item(made.document, made.etag)}
        for made in model.creates.values()
    ]
    return users + emails + idempotency_records


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
    """Remove what a client can't know: an idempotency record's digests and its exact expiry."""
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
    # It was created at most an hour ago.
    if not _REMEMBERED_SECONDS - 3600 < left <= _REMEMBERED_SECONDS + 1:
        item["expires in"] = left
    return item


def scan(table: "Table") -> list[dict[str, Any]]:
    """Return all items."""
    items: list[dict[str, Any]] = []
    start: dict[str, Any] = {}
    while True:
        page = table.scan(ConsistentRead=True, **start)
        items += page["Items"]
        if "LastEvaluatedKey" not in page:
            return items
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
