"""The limit: bare signed requests. No SDK, no framework, no validation, no log, no retry.

It does what F does, with Python's standard library only.
"""

import hashlib
import hmac
import http.client
import json
import os
import ssl
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_TABLE = os.environ["TABLE_NAME"]
_REGION = os.environ["AWS_REGION"]
_ACCESS_KEY = os.environ["AWS_ACCESS_KEY_ID"]
_SECRET_KEY = os.environ["AWS_SECRET_ACCESS_KEY"]
_TOKEN = os.environ["AWS_SESSION_TOKEN"]
_HOST = urlsplit(os.environ["AWS_ENDPOINT_URL_DYNAMODB"]).netloc
_SIGNED = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
_tls = ssl.create_default_context(cafile=Path(__file__).with_name("authorities.pem"))
_connection = http.client.HTTPSConnection(_HOST, context=_tls)


class _Refused(Exception):
    """DynamoDB refused a request; the argument says why."""


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Respond to one request."""
    match event["routeKey"]:
        case "GET /users/{username}":
            return _get(event["pathParameters"]["username"])
        case "POST /users":
            return _create(json.loads(event["body"]))
        case "PATCH /users/{username}":
            return _patch(event["pathParameters"]["username"], json.loads(event["body"]))
        case "GET /users":
            return _list(event.get("queryStringParameters", {}))
    return _response(404, {"message": "Not Found"})


def _get(username: str) -> dict[str, Any]:
    request = {"TableName": _TABLE, "Key": _key(username), "ConsistentRead": True}
    found = _call("GetItem", request)
    if "Item" not in found:
        return _response(404, {"message": "no such user"})
    return _response(200, _user(found["Item"]))


def _create(user: dict[str, str]) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    user = {**user, "created_at": now, "updated_at": now}
    email = {
        "pk": {"S": "email"},
        "sk": {"S": user["email"].lower()},
        "username": {"S": user["username"]},
    }
    item = {**_key(user["username"]), **{name: {"S": value} for name, value in user.items()}}
    writes = [
        {
            "Put": {
                "TableName": _TABLE,
                "Item": each,
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
        for each in (item, email)
    ]
    try:
        _call("TransactWriteItems", {"TransactItems": writes})
    except _Refused as refused:
        if "TransactionCanceledException" not in str(refused):
            raise
        return _response(409, {"message": "taken"})
    return _response(201, user)


def _patch(username: str, patch: dict[str, str]) -> dict[str, Any]:
    patch = {**patch, "updated_at": datetime.now(UTC).isoformat(timespec="milliseconds")}
    request = {
        "TableName": _TABLE,
        "Key": _key(username),
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in patch),
        "ConditionExpression": "attribute_exists(pk)",
        "ExpressionAttributeNames": {f"#{name}": name for name in patch},
        "ExpressionAttributeValues": {f":{name}": {"S": value} for name, value in patch.items()},
        "ReturnValues": "ALL_NEW",
    }
    try:
        updated = _call("UpdateItem", request)
    except _Refused as refused:
        if "ConditionalCheckFailedException" not in str(refused):
            raise
        return _response(404, {"message": "no such user"})
    return _response(200, _user(updated["Attributes"]))


def _list(parameters: dict[str, str]) -> dict[str, Any]:
    request: dict[str, Any] = {
        "TableName": _TABLE,
        "KeyConditionExpression": "pk = :users",
        "ExpressionAttributeValues": {":users": {"S": "user"}},
        "Limit": int(parameters.get("limit", "25")),
        "ConsistentRead": True,
    }
    if "cursor" in parameters:
        request["ExclusiveStartKey"] = _key(parameters["cursor"])
    page = _call("Query", request)
    body: dict[str, Any] = {"users": [_user(item) for item in page["Items"]]}
    if "LastEvaluatedKey" in page:
        body["next_cursor"] = page["LastEvaluatedKey"]["sk"]["S"]
    return _response(200, body)


def _key(username: str) -> dict[str, Any]:
    return {"pk": {"S": "user"}, "sk": {"S": username}}


def _user(item: dict[str, Any]) -> dict[str, str]:
    return {name: value["S"] for name, value in item.items() if name not in {"pk", "sk"}}


def _response(status: int, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}


def _call(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(request).encode()
    _connection.request("POST", "/", body, _signed_headers(operation, body))
    with _connection.getresponse() as response:
        content = response.read()
    if response.status != HTTPStatus.OK:
        raise _Refused(content.decode())
    document: dict[str, Any] = json.loads(content)
    return document


def _signed_headers(operation: str, body: bytes) -> dict[str, str]:
    """Sign a request (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html)."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "host": _HOST,
        "x-amz-date": now,
        "x-amz-security-token": _TOKEN,
        "x-amz-target": f"DynamoDB_20120810.{operation}",
    }
    canonical = "".join(f"{name}:{value}\n" for name, value in headers.items())
    digest = hashlib.sha256(body).hexdigest()
    canonical = hashlib.sha256(f"POST\n/\n\n{canonical}\n{_SIGNED}\n{digest}".encode()).hexdigest()
    scope = f"{now[:8]}/{_REGION}/dynamodb/aws4_request"
    key = f"AWS4{_SECRET_KEY}".encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{canonical}"):
        key = hmac.digest(key, part.encode(), "sha256")
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={_ACCESS_KEY}/{scope}, "
        f"SignedHeaders={_SIGNED}, Signature={key.hex()}"
    )
    return headers
