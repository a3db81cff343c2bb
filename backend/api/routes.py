"""The API's routes: each path and method, the call that serves it, who may call it, how often.

The stack deploys this table, the function dispatches by it, and the OpenAPI document describes it.
It ships with the function, so it imports no CDK.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

READ: Final = "users/read"
WRITE: Final = "users/write"

# The scopes that a token may have, with their descriptions.
SCOPES: Final[Mapping[str, str]] = {
    READ: "List and read users",
    WRITE: "Create, change and remove users",
}


class Access(Enum):
    """Whether a route needs a token of its scope."""

    TOKEN = "token"  # noqa: S105 no password
    # For health checks, which have no token.
    OPEN = "open"
    # For descriptions of the API, which hold nothing about users: open if the environment says so.
    DOCS = "docs"


class Route(NamedTuple):
    """A method of a path.

    Attributes:
        method: The HTTP method, in upper case.
        path: The path, with parameters in braces.
        call: The method of runtime/calls.py that serves it.
        scope: The scope that a token must have.
        access: Whether the route needs a token.
        is_list: Whether the throttle for lists applies, because a request reads up to a hundred
            users from several partitions.
    """

    method: str
    path: str
    call: str
    scope: str
    access: Access = Access.TOKEN
    is_list: bool = False

    @property
    def key(self) -> str:
        """The gateway's route key, such as "GET /users"."""
        return f"{self.method} {self.path}"


def _reads(
    path: str, call: str, access: Access = Access.TOKEN, *, is_list: bool = False
) -> list[Route]:
    return [Route(method, path, call, READ, access, is_list) for method in ("GET", "HEAD")]


ROUTES: Final[tuple[Route, ...]] = (
    *_reads("/users", "list_users", is_list=True),
    Route("POST", "/users", "create", WRITE),
    *_reads("/users/{username}", "get"),
    Route("PUT", "/users/{username}", "replace", WRITE),
    Route("PATCH", "/users/{username}", "patch", WRITE),
    Route("DELETE", "/users/{username}", "delete", WRITE),
    *_reads("/health", "health", Access.OPEN),
    *_reads("/", "page", Access.DOCS),
    *_reads("/openapi.json", "page", Access.DOCS),
    *_reads("/docs", "page", Access.DOCS),
    *_reads("/docs/{file}", "page", Access.DOCS),
    *_reads("/problems/{name}", "page", Access.DOCS),
)


def methods(path: str) -> tuple[str, ...]:
    """Return the methods of the routes that match a request's path."""
    segments = path.split("/")
    return tuple(route.method for route in ROUTES if _matches(route.path.split("/"), segments))


def filled(template: str, parameters: Mapping[str, str]) -> str:
    """Return a route's path with its parameters filled in."""
    for name, value in parameters.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def _matches(template: list[str], segments: list[str]) -> bool:
    return len(template) == len(segments) and all(
        segment if name.startswith("{") else segment == name
        for name, segment in zip(template, segments, strict=True)
    )
