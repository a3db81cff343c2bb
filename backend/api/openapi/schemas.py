"""The schemas of requests and responses, made from backend/users/schema.py."""

from typing import Any, Final

from backend.api.runtime.listing import next_page
from backend.api.runtime.problems import PROBLEM_TYPES
from backend.users.errors import MAX_FAULTS
from backend.users.models import User
from backend.users.repository import Listing
from backend.users.schema import (
    ATTRIBUTE_VALUE,
    LIST_PARAMETERS,
    READ_ONLY,
    USERNAME,
    WRITABLE,
    Schema,
)

_KINDS: Final = tuple(PROBLEM_TYPES.values())
_STATUSES: Final = sorted({kind.status for kind in _KINDS})
_TIME: Final[Schema] = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
    "maxLength": 24,
}
_READ_ONLY: Final[dict[str, Schema]] = {
    "created_at": {
        **_TIME,
        "description": "When the user was created: RFC 3339, in UTC, with milliseconds.",
    },
    "updated_at": {
        **_TIME,
        "description": "When the user was last changed: RFC 3339, in UTC, with milliseconds.",
    },
    "version": {
        "type": "integer",
        "format": "int64",
        "minimum": 1,
        "maximum": 2**53 - 1,
        "description": "1 for a new user, incremented by every change.",
    },
}
# Named components, so that a generated client has one type for each, not one for each use.
_NAMED: Final = {name: f"User{name.title()}" for name, s in WRITABLE.items() if "enum" in s}

EXAMPLE_USER: Final = User(
    username="jane",
    members={
        "email": "jane@example.com",
        "status": "active",
        "given_name": "Jane",
        "zoneinfo": "Europe/Berlin",
        "country": "DE",
        "attributes": {"department": "research", "badge": 4711},
    },
    created_at="2026-11-21T09:30:00.000Z",
    updated_at="2026-11-21T09:30:00.000Z",
    version=1,
    etag="b1946ac92492d2347c6235b4",
)
# The cursor and the Link of the page after one that ends with that user.
EXAMPLE_CURSOR, EXAMPLE_NEXT = next_page(
    Listing(limit=1, username_prefix="ja"), EXAMPLE_USER.username
)


def ref(name: str) -> Schema:
    """Return a reference to a schema of components()."""
    return {"$ref": f"#/components/schemas/{name}"}


def documented(schema: Schema) -> Schema:
    """Return a schema with its description turned into a sentence."""
    result = dict(schema)
    if description := schema.get("description"):
        result["description"] = f"{description[0].upper()}{description[1:]}."
    return result


def components() -> dict[str, Schema]:
    """Return all schemas by name."""
    return {
        "User": _user(),
        "NewUser": _object(
            "A user to create.",
            {"username": documented(USERNAME), **_nullable_members(), **_left_out()},
            required=["username"],
            example=_sent(),
        ),
        "UserReplacement": _object(
            "The new members of a user. Members that are left out are removed.",
            {**_echoed(username_type=["string", "null"]), **_nullable_members()},
            example={name: v for name, v in _sent().items() if name != "username"},
        ),
        "UserPatch": _object(
            "A JSON Merge Patch (RFC 7396): members that are left out stay, null removes a member, "
            "and attributes are merged one by one.",
            {**_echoed(username_type="string"), **_nullable_members()},
            example={"status": "suspended", "attributes": {"badge": None}},
        ),
        "UserPage": _page(),
        **{_NAMED[n]: documented(_without(WRITABLE[n], "default")) for n in _NAMED},
        "Attributes": _attributes(nullable=False),
        "AttributesInput": _attributes(nullable=True),
        "Problem": _problem(),
        "ProblemName": {
            "type": "string",
            "enum": [kind.name for kind in _KINDS],
            "description": "The last segment of a problem's type.",
        },
        "Fault": _fault(),
        "GatewayMessage": _object(
            "An error of the gateway itself.",
            {"message": _text("What went wrong.", 1024)},
            required=["message"],
            example={"message": "Service Unavailable"},
            closed=False,
        ),
        "Health": _object(
            "The API is healthy.",
            {"status": {"type": "string", "enum": ["ok"], "description": "Always ok."}},
            required=["status"],
            example={"status": "ok"},
            closed=False,
        ),
    }


def _user() -> Schema:
    members = {name: member(name) for name in WRITABLE}
    always = [name for name, schema in WRITABLE.items() if "default" in schema]
    username = {**documented(USERNAME), "description": "The username, in lower case."}
    return _object(
        "A user. Members without a value are left out.",
        {"username": username, **members, **{name: _READ_ONLY[name] for name in READ_ONLY}},
        required=["username", *always, *READ_ONLY],
        example=EXAMPLE_USER.to_document(),
        closed=False,
    )


def _page() -> Schema:
    users = {
        "type": "array",
        "maxItems": LIST_PARAMETERS["limit"]["maximum"],
        "items": ref("User"),
        "description": "The users, sorted by username.",
    }
    cursor = {
        **LIST_PARAMETERS["cursor"],
        "description": "Send it as cursor to get the next page. Missing on the last page.",
    }
    return _object(
        "A page of users.",
        {"users": users, "next_cursor": cursor},
        required=["users"],
        example={"users": [EXAMPLE_USER.to_document()], "next_cursor": EXAMPLE_CURSOR},
        closed=False,
    )


def _problem() -> Schema:
    return _object(
        "Problem details (RFC 9457).",
        {
            "type": _text(
                "Identifies the kind of problem; a link to the page that explains it.", 128
            )
            | {"format": "uri-reference"},
            "title": _text("A summary of the kind of problem; always the same for a type.", 256),
            "status": {
                "type": "integer",
                "format": "int32",
                "minimum": _STATUSES[0],
                "maximum": _STATUSES[-1],
                "description": "The status of the response.",
            },
            "detail": _text("Tells a person what to do.", 1024),
            "instance": _text("Holds the request's id.", 256) | {"format": "uri-reference"},
            "errors": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_FAULTS,
                "items": ref("Fault"),
                "description": "The first faults of the body. Only with /problems/invalid-user.",
            },
        },
        required=["type", "title", "status", "detail", "instance"],
        closed=False,
    )


def _fault() -> Schema:
    return _object(
        "One fault of the body.",
        {
            # Names come from the client: any characters, and as long as a body.
            "pointer": {
                "type": "string",
                "maxLength": 2**18,
                "format": "json-pointer",
                "description": "JSON Pointer (RFC 6901) to the member.",
            },
            "detail": _text("What the member must be.", 1024),
        },
        required=["pointer", "detail"],
        closed=False,
    )


def _nullable_members() -> dict[str, Schema]:
    return {name: _nullable(name) for name in WRITABLE}


def _left_out() -> dict[str, Schema]:
    """Return the read-only members as null, which clients send that write every member."""
    return {name: {"type": "null", "description": "Read-only."} for name in READ_ONLY}


def _echoed(username_type: str | list[str]) -> dict[str, Schema]:
    """Return the members that a client may send back as it read them, without effect."""
    username = {
        **documented(USERNAME),
        "type": username_type,
        "description": "Must equal the username in the path, ignoring case: it never changes.",
    }
    return {"username": username, **{n: {"description": "Read-only: ignored."} for n in READ_ONLY}}


def member(name: str) -> Schema:
    """Return the schema of a writable member in responses."""
    if name in _NAMED:
        return ref(_NAMED[name])
    return ref("Attributes") if name == "attributes" else documented(WRITABLE[name])


def _nullable(name: str) -> Schema:
    if name in _NAMED or name == "attributes":
        result: Schema = {"anyOf": [ref(_NAMED.get(name, "AttributesInput")), {"type": "null"}]}
    else:
        result = documented(_without(WRITABLE[name], "default"))
        result["type"] = [result["type"], "null"]
    if "default" in WRITABLE[name]:
        # In words, because openapi-typescript makes a member that has a `default` required.
        default = WRITABLE[name]["default"]
        words = f"null means {default}. So does leaving it out, except in a patch."
        result["description"] = f"{result.get('description', '')} {words}".lstrip()
    return result


def _attributes(*, nullable: bool) -> Schema:
    schema = documented(WRITABLE["attributes"])
    value = dict(schema["additionalProperties"])
    value["description"] = f"{ATTRIBUTE_VALUE[0].upper()}{ATTRIBUTE_VALUE[1:]}."
    if nullable:
        value["type"] = [*value["type"], "null"]
        value["description"] += " null means that the attribute is absent."
    return {**schema, "additionalProperties": value}


def _sent() -> dict[str, Any]:
    return {"username": EXAMPLE_USER.username, **EXAMPLE_USER.members}


def _object(
    description: str,
    properties: dict[str, Schema],
    *,
    required: list[str] | None = None,
    example: dict[str, Any] | None = None,
    closed: bool = True,
) -> Schema:
    """Return the schema of an object; `closed` if unknown members are refused, as in requests."""
    result: Schema = {"type": "object", "description": description, "properties": properties}
    if closed:
        result["additionalProperties"] = False
    if required:
        result["required"] = required
    if example:
        result["examples"] = [example]
    return result


def _text(description: str, max_length: int) -> Schema:
    return {
        "type": "string",
        "maxLength": max_length,
        "pattern": "^[^\\x00-\\x1f\\x7f]*$",
        "description": description,
    }


def _without(schema: Schema, name: str) -> Schema:
    return {n: v for n, v in schema.items() if n != name}
