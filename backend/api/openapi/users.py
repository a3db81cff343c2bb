"""The calls on users."""

from typing import Any, Final

from backend.api.openapi import schemas
from backend.api.openapi.operations import BY_THE_GATEWAY, operation, path, ref_to_parameter
from backend.api.openapi.responses import Response, success
from backend.api.openapi.schemas import EXAMPLE_CURSOR, EXAMPLE_USER, ref
from backend.api.runtime import bodies
from backend.users.schema import LIST_PARAMETERS

TAG: Final = "users"

_CONDITIONS: Final = ("If-Match", "If-None-Match")
_ON_USERS: Final = {
    **BY_THE_GATEWAY,
    "400": "MalformedRequest",
    "500": "InternalError",
    "503": "Unavailable",
}
_ON_A_USER: Final = {**_ON_USERS, "404": "UserNotFound", "412": "PreconditionFailed"}
_WITH_A_BODY: Final = {"413": "ContentTooLarge"}


def paths() -> dict[str, Any]:
    """Return the paths with their calls."""
    return {
        "/users": path(
            get=operation(
                "GET /users",
                "listUsers",
                "List users",
                "Returns a page of the users that match all filters, sorted by username. "
                "With status, a change may take a second to show.",
                {"200": _page(), **_ON_USERS},
                tag=TAG,
                parameters=LIST_PARAMETERS,
            ),
            post=operation(
                "POST /users",
                "createUser",
                "Create a user",
                "Creates a user. No other user may have the same username or email.",
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
                tag=TAG,
            ),
        ),
        "/users/{username}": {
            "parameters": [ref_to_parameter("username")],
            **path(
                get=operation(
                    "GET /users/{username}",
                    "getUser",
                    "Get a user",
                    "Returns the user, with the ETag of its state.",
                    {"200": _user("The user.", linked=True), "304": "Unchanged", **_ON_A_USER},
                    parameters=_CONDITIONS,
                    tag=TAG,
                ),
                put=operation(
                    "PUT /users/{username}",
                    "replaceUser",
                    "Replace a user",
                    "Replaces all writable members. Members that the body leaves out are removed; "
                    "status becomes active. Does not create a user. created_at, updated_at and "
                    "version are ignored, so you can send back what you read.",
                    {
                        "200": _user("The user after the change."),
                        **_ON_A_USER,
                        **_WITH_A_BODY,
                        "409": "EmailTaken",
                        "415": "UnsupportedMediaType",
                        "422": "InvalidUser",
                    },
                    parameters=_CONDITIONS,
                    body=_body("UserReplacement", bodies.JSON),
                    tag=TAG,
                ),
                patch=operation(
                    "PATCH /users/{username}",
                    "patchUser",
                    "Change a user",
                    "Merges the body into the user (RFC 7396). The changed members must be valid "
                    "after the merge. A patch that changes nothing keeps version and ETag.",
                    {
                        "200": _user("The user after the change."),
                        **_ON_A_USER,
                        **_WITH_A_BODY,
                        "409": "EmailTaken",
                        "415": "UnsupportedPatch",
                        "422": "InvalidUser",
                    },
                    parameters=_CONDITIONS,
                    body=_body("UserPatch", bodies.MERGE_PATCH),
                    tag=TAG,
                ),
                delete=operation(
                    "DELETE /users/{username}",
                    "deleteUser",
                    "Delete a user",
                    "Deletes the user and frees the username and the email.",
                    {"204": success("The user was deleted."), **_ON_A_USER},
                    parameters=_CONDITIONS,
                    tag=TAG,
                ),
            ),
        },
    }


def _body(schema: str, media_types: tuple[str, ...]) -> dict[str, Any]:
    return {
        "required": True,
        "description": f"JSON in UTF-8, at most {bodies.MAX_BYTES:,} bytes, no member twice.",
        "content": {
            media_type: {
                "schema": ref(schema),
                "example": schemas.components()[schema]["examples"][0],
            }
            for media_type in media_types
        },
    }


def _user(description: str, *names: str, linked: bool = False) -> Response:
    """Describe a response with a user; `linked` adds links to the calls on that user."""
    document = EXAMPLE_USER.to_document()
    answer = success(description, "ETag", *names, schema=ref("User"), example=document)
    if linked:
        unchanged = {"header.If-Match": "$response.header.ETag"}
        answer["links"] = {
            operation_id: {
                "operationId": operation_id,
                "description": description,
                "parameters": {"path.username": "$response.body#/username", **conditions},
            }
            for operation_id, conditions, description in (
                ("getUser", {}, "Gets the user."),
                ("replaceUser", unchanged, "Replaces the user if it has not changed since."),
                ("patchUser", unchanged, "Changes the user if it has not changed since."),
                ("deleteUser", unchanged, "Deletes the user if it has not changed since."),
            )
        }
    return answer


def _page() -> Response:
    example = {"users": [EXAMPLE_USER.to_document()], "next_cursor": EXAMPLE_CURSOR}
    return success("A page of users.", "Link", schema=ref("UserPage"), example=example)
