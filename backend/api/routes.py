"""The API's routes: each path and method, who may call it, and how often.

The gateway is deployed from this table, the function dispatches by it, and the OpenAPI document
describes it. The function ships it: it is data, without the CDK.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

READ: Final = "users/read"
WRITE: Final = "users/write"

# What a token may allow.
SCOPES: Final[Mapping[str, str]] = {
    READ: "List and read users",
    WRITE: "Create, change and remove users",
}


class Access(Enum):
    """Who may call a route: with a token of the route's scope, unless it is open."""

    TOKEN = "token"  # noqa: S105 no password
    # Health checks have no token, and learn nothing else.
    OPEN = "open"
    # Describes the API and no user: open where the environment's record says so.
    DOCS = "docs"


class Route(NamedTuple):
    """A route.

    Attributes:
        method: HTTP's, in upper case.
        path: With its parameters in braces.
        scope: What a token must allow.
        access: Who may call it.
        is_list: Whether a request reads up to a hundred users and more than one partition, so that
            the throttle for lists applies.
    """

    method: str
    path: str
    scope: str
    access: Access = Access.TOKEN
    is_list: bool = False

    @property
    def key(self) -> str:
        """The gateway's name for it, such as "GET /users"."""
        return f"{self.method} {self.path}"


def _reads(path: str, access: Access = Access.TOKEN, *, is_list: bool = False) -> list[Route]:
    return [Route(method, path, READ, access, is_list) for method in ("GET", "HEAD")]


ROUTES: Final[tuple[Route, ...]] = (
    *_reads("/users", is_list=True),
    Route("POST", "/users", WRITE),
    *_reads("/users/{username}"),
    Route("PUT", "/users/{username}", WRITE),
    Route("PATCH", "/users/{username}", WRITE),
    Route("DELETE", "/users/{username}", WRITE),
    *_reads("/health", Access.OPEN),
    *_reads("/openapi.json", Access.DOCS),
    *_reads("/docs", Access.DOCS),
    *_reads("/docs/{file}", Access.DOCS),
    *_reads("/problems/{name}", Access.DOCS),
)


def methods(path: str) -> tuple[str, ...]:
    """Return the methods that a request's path takes; none where no route has it."""
    segments = path.split("/")
    return tuple(route.method for route in ROUTES if _matches(route.path.split("/"), segments))


def filled(template: str, parameters: Mapping[str, str]) -> str:
    """Return a route's path with the values of its parameters."""
    for name, value in parameters.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def _matches(template: list[str], segments: list[str]) -> bool:
    return len(template) == len(segments) and all(
        segment if name.startswith("{") else segment == name
        for name, segment in zip(template, segments, strict=True)
    )
