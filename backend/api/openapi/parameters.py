"""The parameters of the calls on users."""

from typing import Any, Final

from backend.api.openapi import schemas
from backend.api.openapi.operations import parameter
from backend.api.openapi.schemas import EXAMPLE_CURSOR, EXAMPLE_USER
from backend.api.runtime.idempotency import KEY_PATTERN
from backend.api.runtime.preconditions import ENTITY_TAGS, entity_tag
from backend.users.schema import LIST_PARAMETERS, USERNAME, Schema

_ETAG: Final = entity_tag(EXAMPLE_USER.etag)


def components() -> dict[str, Any]:
    """Return the parameters by name."""
    condition: Schema = {
        "type": "string",
        "maxLength": 8192,
        "pattern": rf"^(?:[ \t]*\*[ \t]*|{ENTITY_TAGS})$",
    }
    # A description and an example for each.
    queries: dict[str, tuple[str, str | int]] = {
        "limit": ("The number of users on a page.", 50),
        "cursor": (
            "The next_cursor of the previous page. Keep the filters; not allowed with email.",
            EXAMPLE_CURSOR,
        ),
        "username_prefix": ("Only users whose usernames begin with this, ignoring case.", "ja"),
        "status": ("Only users with this status.", "active"),
        "email": ("Only the user with this email, ignoring case.", "jane@example.com"),
    }
    return {
        "username": {
            **parameter("username", "path", "The user's username. Case is ignored.", "jane"),
            "required": True,
            "schema": _bare(USERNAME),
        },
        **{
            name: {
                **parameter(name, "query", *queries[name]),
                "schema": _query(name, schema),
            }
            for name, schema in LIST_PARAMETERS.items()
        },
        "If-Match": {
            **parameter(
                "If-Match",
                "header",
                "An ETag. If the user is in another state, the request is rejected with 412.",
                _ETAG,
            ),
            "schema": condition,
        },
        "If-None-Match": {
            **parameter(
                "If-None-Match",
                "header",
                "An ETag. If the state is still this one, GET and HEAD get 304, other methods 412.",
                _ETAG,
            ),
            "schema": condition,
        },
        "Idempotency-Key": {
            **parameter(
                "Idempotency-Key",
                "header",
                "Identifies this create. Within 24 hours, the same key with the same body returns "
                "the first response again, even if the user was changed or deleted since.",
                "f0c1b6f2-8a53-4cf4-9d0e-6c2f3d1a7b55",
            ),
            "schema": {"type": "string", "maxLength": 255, "pattern": KEY_PATTERN},
        },
    }


def _query(name: str, schema: Schema) -> Schema:
    """Return a query parameter's schema; for an enumeration, the user's without its default."""
    if "enum" in schema:
        return schemas.member(name)
    integer = {"format": "int32"} if schema["type"] == "integer" else {}
    return {**_bare(schema), **integer}


def _bare(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name != "description"}
