"""The calls: their parameters, their bodies, and which answers each can give."""

from collections.abc import Iterable
from typing import Any, Final

import bodies
from backend.api.openapi import responses, schemas
from backend.api.openapi.responses import Response, success
from backend.api.openapi.schemas import EXAMPLE_CURSOR, EXAMPLE_USER, ref
from idempotency import KEY_PATTERN
from preconditions import ENTITY_TAGS, entity_tag
from schema import LIST_PARAMETERS, USERNAME, Schema

type Operation = dict[str, Any]

USERS: Final = "users"
SERVICE: Final = "service"

# {}: a deployment may ask for no token.
READ: Final[list[dict[str, list[str]]]] = [{}, {"bearer": ["users/read"]}]
_WRITE: Final[list[dict[str, list[str]]]] = [{}, {"bearer": ["users/write"]}]

_ETAG: Final = entity_tag(EXAMPLE_USER.etag)
_CONDITIONS: Final = ("If-Match", "If-None-Match")

# What every call can answer, by status.
_BY_THE_GATEWAY: Final = {"401": "Unauthorized", "403": "Forbidden", "429": "TooManyRequests"}
_ALWAYS: Final = {**_BY_THE_GATEWAY, "500": "InternalError", "503": "Unavailable"}
_ON_USERS: Final = {**_ALWAYS, "400": "MalformedRequest"}
_ON_A_USER: Final = {**_ON_USERS, "404": "UserNotFound", "412": "PreconditionFailed"}
_WITH_A_BODY: Final = {"413": "ContentTooLarge"}
_PAGE: Final = {**_BY_THE_GATEWAY, "500": "InternalError", "503": "NoAnswer"}
_FILE: Final = {**_PAGE, "304": "Unchanged", "400": "MalformedRequest"}


def parameters() -> dict[str, Any]:
    """The parameters, by name."""
    condition: Schema = {
        "type": "string",
        "maxLength": 8192,
        "pattern": rf"^(?:[ \t]*\*[ \t]*|{ENTITY_TAGS})$",
    }
    # Each with a description and an example.
    queries: dict[str, tuple[str, str | int]] = {
        "limit": ("How many users a page holds.", 50),
        "cursor": (
            "The next_cursor of the page before, with the same filters; never with email.",
            EXAMPLE_CURSOR,
        ),
        "username_prefix": ("Only users whose usernames begin like this, in any case.", "ja"),
        "status": ("Only users with this status.", "active"),
        "email": ("Only the user who has this email, in any case.", "jane@example.com"),
    }
    return {
        "username": {
            **_parameter("username", "path", "The user's username, in any case.", "jane"),
            "required": True,
            "schema": _bare(USERNAME),
        },
        **{
            name: {
                **_parameter(name, "query", *queries[name]),
                "schema": _query(name, schema),
            }
            for name, schema in LIST_PARAMETERS.items()
        },
        "If-Match": {
            **_parameter(
                "If-Match", "header", "An ETag: only if the user is in that state.", _ETAG
            ),
            "schema": condition,
        },
        "If-None-Match": {
            **_parameter(
                "If-None-Match", "header", "An ETag: only if the state is another one.", _ETAG
            ),
            "schema": condition,
        },
        "Idempotency-Key": {
            **_parameter(
                "Idempotency-Key",
                "header",
                "Names this attempt: a repeat with the same body within 24 hours gets the first "
                "answer again, also when the user was changed or removed since.",
                "f0c1b6f2-8a53-4cf4-9d0e-6c2f3d1a7b55",
            ),
            "schema": {"type": "string", "maxLength": 255, "pattern": KEY_PATTERN},
        },
    }


def paths() -> dict[str, Any]:
    """Every path with every call."""
    return {
        "/users": _path(
            get=_operation(
                "listUsers",
                "List users",
                "Gives a page of the users that all filters match, in the order of their "
                "usernames. With status, a change may take a second to show.",
                {"200": _page(), **_ON_USERS},
                parameters=LIST_PARAMETERS,
            ),
            post=_operation(
                "createUser",
                "Create a user",
                "Creates a user whose username and email nobody else has.",
                {
                    "201": _user(
                        "The user was created.", "Location", "Idempotency-Replayed", linked=True
                    ),
                    **_ON_USERS,
                    **_WITH_A_BODY,
                    "409": "Taken",
                    "415": "UnsupportedMediaType",
                    "422": "InvalidUserOrKey",
                },
                parameters=("Idempotency-Key",),
                body=_body("NewUser", bodies.JSON),
                writes=True,
            ),
        ),
        "/users/{username}": {
            "parameters": [_ref_to_parameter("username")],
            **_path(
                get=_operation(
                    "getUser",
                    "Get a user",
                    "Gives the user and the ETag of its state.",
                    {"200": _user("The user.", linked=True), "304": "Unchanged", **_ON_A_USER},
                    parameters=_CONDITIONS,
                ),
                put=_operation(
                    "replaceUser",
                    "Replace a user",
                    "Replaces every member that can be written: what the body leaves out is "
                    "removed, and status becomes active. It creates no user. created_at, "
                    "updated_at and version are ignored, so that what was read can be sent back.",
                    {
                        "200": _user("The user as it is now."),
                        **_ON_A_USER,
                        **_WITH_A_BODY,
                        "409": "EmailTaken",
                        "415": "UnsupportedMediaType",
                        "422": "InvalidUser",
                    },
                    parameters=_CONDITIONS,
                    body=_body("UserReplacement", bodies.JSON),
                    writes=True,
                ),
                patch=_operation(
                    "patchUser",
                    "Change a user",
                    "Merges the body into the user (RFC 7396). The rules hold for the merged user. "
                    "A patch that changes nothing keeps version and ETag.",
                    {
                        "200": _user("The user as it is now."),
                        **_ON_A_USER,
                        **_WITH_A_BODY,
                        "409": "EmailTaken",
                        "415": "UnsupportedPatch",
                        "422": "InvalidUser",
                    },
                    parameters=_CONDITIONS,
                    body=_body("UserPatch", bodies.MERGE_PATCH),
                    writes=True,
                ),
                delete=_operation(
                    "deleteUser",
                    "Remove a user",
                    "Removes the user, and frees its username and email.",
                    {"204": success("The user was removed."), **_ON_A_USER},
                    parameters=_CONDITIONS,
                    writes=True,
                ),
            ),
        },
        "/health": _path(
            get={
                **_operation(
                    "getHealth",
                    "Ask whether the API works",
                    "Answers 200 when the API can reach its database. Needs no token.",
                    {
                        "200": success("It works.", schema=ref("Health"), example={"status": "ok"}),
                        **{s: name for s, name in _ALWAYS.items() if s not in {"401", "403"}},
                    },
                    tag=SERVICE,
                ),
                "security": [],
            },
        ),
        "/openapi.json": _path(
            get=_operation(
                "getOpenAPI",
                "Get this document",
                "Gives this document, as JSON.",
                {"200": success("The document.", "ETag", schema={"type": "object"}), **_FILE},
                parameters=("If-None-Match",),
                tag=SERVICE,
            )
        ),
        "/docs": _path(
            get=_operation(
                "getDocs",
                "Open the documentation",
                "Gives a page in which a person reads and tries the API.",
                {"200": _text("The page.", "text/html", kept=True), **_FILE},
                parameters=("If-None-Match",),
                tag=SERVICE,
            )
        ),
        "/docs/{file}": {
            "parameters": [
                {
                    "name": "file",
                    "in": "path",
                    "required": True,
                    "description": "A file's name.",
                    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]+$", "maxLength": 128},
                }
            ],
            **_path(
                get=_operation(
                    "getDocsFile",
                    "Get a file of the documentation",
                    "Gives a file that the page of the documentation needs.",
                    {
                        "200": _text(
                            "The file.", "text/javascript", "text/css", "text/plain", kept=True
                        ),
                        "404": "PathNotFound",
                        **_FILE,
                    },
                    parameters=("If-None-Match",),
                    tag=SERVICE,
                )
            ),
        },
        "/problems/{name}": {
            "parameters": [
                {
                    **_parameter("name", "path", "A problem type's name.", "user-not-found"),
                    "required": True,
                    "schema": ref("ProblemName"),
                }
            ],
            **_path(
                get=_operation(
                    "getProblem",
                    "Read about a problem type",
                    "Gives a page that says what a problem type means, and what to do.",
                    {"200": _text("The page.", "text/html"), "404": "PathNotFound", **_PAGE},
                    tag=SERVICE,
                )
            ),
        },
    }


def _path(*, get: Operation, **others: Operation) -> dict[str, Any]:
    """The path's calls, HEAD beside GET, and what it answers to every other method."""
    return {
        "get": get,
        "head": _head(get),
        **others,
        # OpenAPI has no place for it: an operation that exists never gives this answer.
        "x-other-methods": {"405": {"$ref": "#/components/responses/MethodNotAllowed"}},
    }


def _head(get: Operation) -> Operation:
    everywhere = responses.components()
    answers = {
        status: responses.without_content(
            everywhere[answer["$ref"].rsplit("/", 1)[1]] if "$ref" in answer else answer
        )
        for status, answer in get["responses"].items()
    }
    return {
        **get,
        "operationId": "head" + get["operationId"].removeprefix("get").removeprefix("list"),
        "summary": f"{get['summary']}: the header fields only",
        "description": "Answers as GET does, without the content.",
        "responses": answers,
    }


def _operation(
    operation_id: str,
    summary: str,
    description: str,
    answers: dict[str, Response | str],
    *,
    parameters: Iterable[str] = (),
    body: dict[str, Any] | None = None,
    tag: str = USERS,
    writes: bool = False,
) -> Operation:
    """answers: by status; a name is one of responses.components()."""
    result: Operation = {
        "operationId": operation_id,
        "summary": summary,
        "description": description,
        "tags": [tag],
    }
    if names := list(parameters):
        result["parameters"] = [_ref_to_parameter(name) for name in names]
    if body:
        result["requestBody"] = body
    if writes:
        result["security"] = _WRITE
    result["responses"] = {
        status: {"$ref": f"#/components/responses/{answer}"} if isinstance(answer, str) else answer
        for status, answer in sorted(answers.items())
    }
    return result


def _body(schema: str, media_types: tuple[str, ...]) -> dict[str, Any]:
    return {
        "required": True,
        "description": f"At most {bodies.MAX_BYTES:,} bytes, in UTF-8, each member once.",
        "content": {
            media_type: {
                "schema": ref(schema),
                "example": schemas.components()[schema]["examples"][0],
            }
            for media_type in media_types
        },
    }


def _user(description: str, *names: str, linked: bool = False) -> Response:
    """linked: says which calls go on from here."""
    document = EXAMPLE_USER.to_document()
    answer = success(description, "ETag", *names, schema=ref("User"), example=document)
    if linked:
        answer["links"] = {
            operation_id: {
                "operationId": operation_id,
                "description": description,
                "parameters": {
                    "path.username": "$response.body#/username",
                    f"header.{condition}": "$response.header.ETag",
                },
            }
            for operation_id, condition, description in (
                ("getUser", "If-None-Match", "Gets the user if it has changed since."),
                ("replaceUser", "If-Match", "Replaces the user if it has not changed since."),
                ("patchUser", "If-Match", "Changes the user if it has not changed since."),
                ("deleteUser", "If-Match", "Removes the user if it has not changed since."),
            )
        }
    return answer


def _page() -> Response:
    example = {"users": [EXAMPLE_USER.to_document()], "next_cursor": EXAMPLE_CURSOR}
    answer = success("A page of users.", "Link", schema=ref("UserPage"), example=example)
    answer["links"] = {
        "listUsers": {
            "operationId": "listUsers",
            "description": "The next page, with the same filters.",
            "parameters": {"query.cursor": "$response.body#/next_cursor"},
        }
    }
    return answer


def _text(description: str, *media_types: str, kept: bool = False) -> Response:
    """kept: whether a cache may keep it, and asks by its ETag."""
    answer = success(description, *(["ETag"] if kept else []))
    answer["content"] = {media_type: {} for media_type in media_types}
    return answer


def _parameter(name: str, place: str, description: str, example: str | int) -> dict[str, Any]:
    return {"name": name, "in": place, "description": description, "example": example}


def _ref_to_parameter(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/parameters/{name}"}


def _query(name: str, schema: Schema) -> Schema:
    """An enumeration is the user's; whoever lists all of them leaves the parameter out."""
    if "enum" in schema:
        return schemas.member(name)
    integer = {"format": "int32"} if schema["type"] == "integer" else {}
    return {**_bare(schema), **integer}


def _bare(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name != "description"}
