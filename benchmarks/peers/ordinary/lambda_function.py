"""The ordinary good choice: Powertools' router, logger and metrics, pydantic, boto3."""

import os
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

logger = Logger()
metrics = Metrics()
app = APIGatewayHttpResolver()
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


class Profile(BaseModel):
    """What a client may change."""

    model_config = ConfigDict(extra="forbid")

    email: str | None = Field(default=None, max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
    status: str = Field(default="active", pattern="^(active|suspended)$")
    given_name: str | None = Field(default=None, min_length=1, max_length=256)
    family_name: str | None = Field(default=None, min_length=1, max_length=256)
    display_name: str | None = Field(default=None, min_length=1, max_length=256)
    phone_number: str | None = Field(default=None, pattern=r"^\+[1-9]\d{6,14}$")
    locale: str | None = Field(default=None, pattern="^[a-z]{2,3}(-[A-Z]{2})?$")
    zoneinfo: str | None = Field(default=None, max_length=64)
    country: str | None = Field(default=None, pattern="^[A-Z]{2}$")


class User(Profile):
    """As it is created, stored and returned."""

    username: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._@+-]{0,126}[A-Za-z0-9])?$")
    created_at: str | None = None
    updated_at: str | None = None


@app.get("/users/<username>")
def get_user(username: str) -> Response[str]:
    """Read one."""
    found = table.get_item(Key=_key(username), ConsistentRead=True)
    if "Item" not in found:
        raise NotFoundError("no such user")
    return _response(HTTPStatus.OK, User.model_validate(_members(found["Item"])))


@app.post("/users")
def create_user() -> Response[str]:
    """Create one."""
    user = User.model_validate(app.current_event.json_body)
    user.created_at = user.updated_at = _now()
    item = {**_key(user.username), **user.model_dump(exclude_none=True)}
    table.put_item(Item=item, ConditionExpression=Attr("pk").not_exists())
    metrics.add_metric(name="UsersCreated", unit=MetricUnit.Count, value=1)
    return _response(HTTPStatus.CREATED, user)


@app.patch("/users/<username>")
def patch_user(username: str) -> Response[str]:
    """Change some members of one."""
    patch = Profile.model_validate(app.current_event.json_body).model_dump(exclude_unset=True)
    patch["updated_at"] = _now()
    updated = table.update_item(
        Key=_key(username),
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in patch),
        ConditionExpression=Attr("pk").exists(),
        ExpressionAttributeNames={f"#{name}": name for name in patch},
        ExpressionAttributeValues={f":{name}": value for name, value in patch.items()},
        ReturnValues="ALL_NEW",
    )
    metrics.add_metric(name="UsersChanged", unit=MetricUnit.Count, value=1)
    return _response(HTTPStatus.OK, User.model_validate(_members(updated["Attributes"])))


@app.get("/users")
def list_users() -> dict[str, Any]:
    """A page."""
    limit = int(app.current_event.query_string_parameters.get("limit", "25"))
    page = table.query(
        KeyConditionExpression=Key("pk").eq("user"), Limit=limit, ConsistentRead=True
    )
    users = [User.model_validate(_members(item)) for item in page["Items"]]
    body: dict[str, Any] = {"users": [user.model_dump(exclude_none=True) for user in users]}
    if "LastEvaluatedKey" in page:
        body["next_cursor"] = page["LastEvaluatedKey"]["sk"]
    return body


@app.exception_handler(ValidationError)
def refuse(error: ValidationError) -> Response[str]:
    """What pydantic found wrong."""
    return Response(422, "application/json", error.json(include_input=False))


@app.exception_handler(ClientError)
def conflict(error: ClientError) -> Response[str]:
    """What DynamoDB's condition found wrong."""
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error
    return Response(409, "application/json", '{"message": "taken"}')


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Respond to one request."""
    response = app.resolve(event, context)
    logger.info("request", extra={"route": event["routeKey"], "status": response["statusCode"]})
    return response


def _key(username: str) -> dict[str, str]:
    return {"pk": "user", "sk": username}


def _members(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in {"pk", "sk"}}


def _response(status: HTTPStatus, user: User) -> Response[str]:
    return Response(status, "application/json", user.model_dump_json(exclude_none=True))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
