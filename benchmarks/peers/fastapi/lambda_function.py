"""FastAPI behind Mangum, and boto3."""

import os
from datetime import UTC, datetime
from typing import Any

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError
from fastapi import FastAPI, HTTPException
from mangum import Mangum
from pydantic import BaseModel, ConfigDict, Field

app = FastAPI()
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


class NewUser(Profile):
    """As it is created."""

    username: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._@+-]{0,126}[A-Za-z0-9])?$")


class User(NewUser):
    """As it is stored and returned."""

    created_at: str
    updated_at: str


class Page(BaseModel):
    """A part of the list."""

    users: list[User]
    next_cursor: str | None = None


@app.get("/users/{username}", response_model_exclude_none=True)
def get_user(username: str) -> User:
    """Read one."""
    found = table.get_item(Key=_key(username), ConsistentRead=True)
    if "Item" not in found:
        raise HTTPException(404, "no such user")
    return _user(found["Item"])


@app.post("/users", status_code=201, response_model_exclude_none=True)
def create_user(new: NewUser) -> User:
    """Create one."""
    now = _now()
    user = User(**new.model_dump(), created_at=now, updated_at=now)
    item = {**_key(user.username), **user.model_dump(exclude_none=True)}
    try:
        table.put_item(Item=item, ConditionExpression=Attr("pk").not_exists())
    except ClientError as error:
        raise _refused(error, 409) from error
    return user


@app.patch("/users/{username}", response_model_exclude_none=True)
def patch_user(username: str, profile: Profile) -> User:
    """Change some members of one."""
    patch = {**profile.model_dump(exclude_unset=True), "updated_at": _now()}
    try:
        updated = table.update_item(
            Key=_key(username),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in patch),
            ConditionExpression=Attr("pk").exists(),
            ExpressionAttributeNames={f"#{name}": name for name in patch},
            ExpressionAttributeValues={f":{name}": value for name, value in patch.items()},
            ReturnValues="ALL_NEW",
        )
    except ClientError as error:
        raise _refused(error, 404) from error
    return _user(updated["Attributes"])


@app.get("/users", response_model_exclude_none=True)
def list_users(limit: int = 25) -> Page:
    """A page."""
    found = table.query(
        KeyConditionExpression=Key("pk").eq("user"), Limit=limit, ConsistentRead=True
    )
    users = [_user(item) for item in found["Items"]]
    return Page(users=users, next_cursor=found.get("LastEvaluatedKey", {}).get("sk"))


handler = Mangum(app, lifespan="off")


def _key(username: str) -> dict[str, str]:
    return {"pk": "user", "sk": username}


def _user(item: dict[str, Any]) -> User:
    return User(**{name: value for name, value in item.items() if name not in {"pk", "sk"}})


def _refused(error: ClientError, status: int) -> Exception:
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        return error
    return HTTPException(status, "refused")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
