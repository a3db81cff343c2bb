"""The reference's shape: a repository over boto3's resource, which reads, then writes.

It has no list of users.
"""

import os
from typing import Any, Protocol

import boto3
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.exceptions import BadRequestError, NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext

type Document = dict[str, Any]

app = APIGatewayHttpResolver()


class Database(Protocol):
    """Where users are kept."""

    def read(self, username: str) -> Document | None:
        """One, if it is there."""

    def write(self, user: Document) -> None:
        """A whole one."""

    def change(self, username: str, members: Document) -> Document:
        """Some members of one."""


class DynamoDB:
    """A Database."""

    _resource = boto3.resource("dynamodb")

    def __init__(self, table_name: str) -> None:
        self._table = DynamoDB._resource.Table(table_name)

    def read(self, username: str) -> Document | None:
        """See Database."""
        return self._table.get_item(Key=_key(username)).get("Item")

    def write(self, user: Document) -> None:
        """See Database."""
        self._table.put_item(Item={**_key(user["username"]), **user})

    def change(self, username: str, members: Document) -> Document:
        """See Database."""
        updated = self._table.update_item(
            Key=_key(username),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in members),
            ExpressionAttributeNames={f"#{name}": name for name in members},
            ExpressionAttributeValues={f":{name}": value for name, value in members.items()},
            ReturnValues="ALL_NEW",
        )
        return updated["Attributes"]


class Repository:
    """Hands on to a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, username: str) -> Document | None:
        """One, if it is there."""
        user = self._database.read(username)
        return user and {n: v for n, v in user.items() if n not in {"pk", "sk"}}

    def add(self, user: Document) -> Document:
        """A new one."""
        self._database.write(user)
        return user

    def change(self, username: str, members: Document) -> Document:
        """Some members of one."""
        return self._database.change(username, members)


@app.get("/users/<username>")
def get_user(username: str) -> Document:
    """Read one."""
    user = _repository().find(username)
    if user is None:
        raise NotFoundError("no such user")
    return user


@app.post("/users")
def create_user() -> Document:
    """Create one."""
    user = app.current_event.json_body
    repository = _repository()
    if repository.find(user["username"]) is not None:
        raise BadRequestError("there is such a user")
    return repository.add(user)


@app.patch("/users/<username>")
def patch_user(username: str) -> Document:
    """Change some members of one."""
    repository = _repository()
    if repository.find(username) is None:
        raise NotFoundError("no such user")
    return repository.change(username, app.current_event.json_body)


def handler(event: Document, context: LambdaContext) -> Document:
    """Respond to one request."""
    return app.resolve(event, context)


def _repository() -> Repository:
    return Repository(DynamoDB(os.environ["TABLE_NAME"]))


def _key(username: str) -> dict[str, str]:
    return {"pk": "user", "sk": username}
