"""The cookbook's shape: Powertools' validation, logger, tracer and metrics, and pydynox."""

import os
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field
from pydynox import DynamoDBClient, Model, ModelConfig
from pydynox.attributes import StringAttribute
from pydynox.exceptions import ConditionalCheckFailedException

logger = Logger()
metrics = Metrics()
tracer = Tracer()
app = APIGatewayHttpResolver(enable_validation=True)


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


class NewUser(Profile):
    """As it is created."""

    username: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._@+-]{0,126}[A-Za-z0-9])?$")


class User(NewUser):
    """As it is returned."""

    created_at: str
    updated_at: str


class Page(BaseModel):
    """A part of the list."""

    users: list[User]
    next_cursor: str | None = None


class Item(Model):
    """As it is stored."""

    model_config = ModelConfig(
        table=os.environ["TABLE_NAME"],
        client=DynamoDBClient(endpoint_url=os.environ["AWS_ENDPOINT_URL_DYNAMODB"]),
    )

    pk = StringAttribute(partition_key=True)
    sk = StringAttribute(sort_key=True)
    email = StringAttribute()
    status = StringAttribute()
    given_name = StringAttribute()
    family_name = StringAttribute()
    display_name = StringAttribute()
    phone_number = StringAttribute()
    locale = StringAttribute()
    zoneinfo = StringAttribute()
    country = StringAttribute()
    username = StringAttribute()
    created_at = StringAttribute()
    updated_at = StringAttribute()


@app.get("/users/<username>")
@tracer.capture_method(capture_response=False)
def get_user(username: Annotated[str, Path()]) -> User:
    """Read one."""
    return _user(_find(username))


@app.post("/users")
@tracer.capture_method(capture_response=False)
def create_user(new: NewUser) -> Response[User]:
    """Create one."""
    now = _now()
    user = User(**new.model_dump(), created_at=now, updated_at=now)
    item = Item(pk="user", sk=user.username, **user.model_dump(exclude_none=True))
    item.sync_save(condition=Item.pk.not_exists())
    metrics.add_metric(name="UsersCreated", unit=MetricUnit.Count, value=1)
    return Response(HTTPStatus.CREATED, "application/json", user)


@app.patch("/users/<username>")
@tracer.capture_method(capture_response=False)
def patch_user(username: Annotated[str, Path()], profile: Profile) -> User:
    """Change some members of one."""
    item = _find(username)
    item.sync_update(**profile.model_dump(exclude_unset=True), updated_at=_now())
    metrics.add_metric(name="UsersChanged", unit=MetricUnit.Count, value=1)
    return _user(item)


@app.get("/users")
@tracer.capture_method(capture_response=False)
def list_users(limit: Annotated[int, Query(ge=1, le=100)] = 25) -> Page:
    """A page."""
    found = Item.sync_query(
        partition_key="user", limit=limit, page_size=limit, consistent_read=True
    )
    users = [_user(item) for item in found]
    last = found.last_evaluated_key
    return Page(users=users, next_cursor=last["sk"] if last else None)


@app.exception_handler(ConditionalCheckFailedException)
def conflict(_error: ConditionalCheckFailedException) -> Response[str]:
    """What DynamoDB's condition found wrong."""
    return Response(409, "application/json", '{"message": "taken"}')


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Respond to one request."""
    response = app.resolve(event, context)
    logger.info("request", extra={"route": event["routeKey"], "status": response["statusCode"]})
    return response


@tracer.capture_method(capture_response=False)
def _find(username: str) -> Item:
    item = Item.sync_get(pk="user", sk=username, consistent_read=True)
    if item is None:
        raise NotFoundError("no such user")
    return item


def _user(item: Item) -> User:
    members = item.to_dict()
    return User(**{n: v for n, v in members.items() if n not in {"pk", "sk"} and v is not None})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
