"""The gateway's routes, and who may call each."""

from collections.abc import Mapping
from typing import Final

from aws_cdk.aws_apigatewayv2 import HttpMethod

_READS: Final = (HttpMethod.GET, HttpMethod.HEAD)
_READ: Final = "users/read"
_WRITE: Final = "users/write"

# What a token may allow.
SCOPES: Final[Mapping[str, str]] = {
    _READ: "List and read users",
    _WRITE: "Create, change and remove users",
}

ROUTES: Final[Mapping[str, tuple[HttpMethod, ...]]] = {
    "/users": (*_READS, HttpMethod.POST),
    "/users/{username}": (*_READS, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE),
    "/health": _READS,
    "/openapi.json": _READS,
    "/docs": _READS,
    "/docs/{file}": _READS,
    "/problems/{name}": _READS,
}

# What needs no token, and why.
OPEN: Final[Mapping[str, str]] = {
    "/health": "Who watches whether the API works has no token, and learns nothing else.",
}
# What an environment may open, too.
DOCS: Final[Mapping[str, str]] = dict.fromkeys(
    ("/openapi.json", "/docs", "/docs/{file}", "/problems/{name}"),
    "It tells of the API and of no user, and the environment's record opens it.",
)

# One request reads up to a hundred users and more than one partition.
LISTS: Final = ("GET /users", "HEAD /users")


def scope_for(method: HttpMethod) -> str:
    """The scope that a call by this method needs."""
    return _READ if method in _READS else _WRITE
