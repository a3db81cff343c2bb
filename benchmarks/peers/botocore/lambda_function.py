"""F: botocore's client by hand. No framework, no validation, no log, no metric."""

import json
import os
from datetime import UTC, datetime
from typing import Any

import botocore.session

_TABLE = os.environ["TABLE_NAME"]
_client = botocore.session.get_session().create_client("dynamodb")


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
    found = _client.get_item(TableName=_TABLE, Key=_key(username), ConsistentRead=True)
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
    try:
        _client.transact_write_items(
            TransactItems=[
                {
                    "Put": {
                        "TableName": _TABLE,
                        "Item": each,
                        "ConditionExpression": "attribute_not_exists(pk)",
                    }
                }
                for each in (item, email)
            ]
        )
    except _client.exceptions.TransactionCanceledException:
        return _response(409, {"message": "taken"})
    return _response(201, user)


def _patch(username: str, patch: dict[str, str]) -> dict[str, Any]:
    patch = {**patch, "updated_at": datetime.now(UTC).isoformat(timespec="milliseconds")}
    try:
        updated = _client.update_item(
            TableName=_TABLE,
            Key=_key(username),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in patch),
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeNames={f"#{name}": name for name in patch},
            ExpressionAttributeValues={f":{name}": {"S": value} for name, value in patch.items()},
            ReturnValues="ALL_NEW",
        )
    except _client.exceptions.ConditionalCheckFailedException:
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
    page = _client.query(**request)
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
