"""Builds the responses of the document: the API's, with headers and problems, and the gateway's."""

from collections.abc import Iterable
from typing import Any, Final

from backend.api.openapi.schemas import EXAMPLE_NEXT, EXAMPLE_USER, ref
from backend.api.runtime import bodies, problems
from backend.api.runtime.errors import (
    ContentTooLarge,
    MalformedRequest,
    MethodNotAllowed,
    PathNotFound,
    PreconditionFailed,
    UnsupportedMediaType,
)
from backend.api.runtime.preconditions import entity_tag
from backend.api.runtime.problems import PROBLEM_TYPES, ProblemType, problem
from backend.users import validation
from backend.users.errors import (
    EmailTaken,
    IdempotencyKeyReused,
    InvalidUser,
    Unavailable,
    UsernameTaken,
    UserNotFound,
)

type Response = dict[str, Any]

_REQUEST_ID: Final = "JKJaXmPLvHcESHA="
_COMMON_HEADERS: Final = ("X-Request-Id", "X-Content-Type-Options", "Cache-Control")
JSON: Final = bodies.JSON[0]


def headers() -> dict[str, Any]:
    """Return the response headers by name."""
    tag = entity_tag(EXAMPLE_USER.etag)
    return {
        "X-Request-Id": _header(
            "The request's id. Include it when you report a problem.", _REQUEST_ID, length=64
        ),
        "X-Content-Type-Options": _header("Tells browsers not to guess the media type.", "nosniff"),
        "Cache-Control": _header("Whether and how long a cache may keep the response.", "no-store"),
        "ETag": _header("Identifies this state of the resource.", tag, length=64),
        "Location": _header("The new user's path.", "/users/jane", length=256),
        "Link": _header(
            'The next page, with rel="next". Missing on the last page.',
            f'<{EXAMPLE_NEXT}>; rel="next"',
            length=4096,
            always=False,
        ),
        "Idempotency-Replayed": {
            "description": "Set if this response is that of an earlier request with the same key.",
            "required": False,
            "schema": {"type": "string", "enum": ["true"]},
        },
        "Vary": _header(
            "The request headers that the response depends on.", "Accept-Encoding", always=False
        ),
        "Content-Encoding": _header("How the content is compressed.", "gzip", always=False),
        "Content-Security-Policy": _header(
            "What the page may load and connect to.", "default-src 'none'", length=1024
        ),
        "Cross-Origin-Opener-Policy": _header(
            "Isolates the page from other windows.", "same-origin"
        ),
        "Referrer-Policy": _header("What links on the page reveal about it.", "no-referrer"),
        "Retry-After": _header("Seconds to wait before repeating the request.", "1", always=False),
        "WWW-Authenticate": _header(
            "What is wrong with the token (RFC 6750, section 3).",
            'Bearer scope="" error="invalid_token" error_description="the token has expired"',
            length=1024,
            always=False,
        ),
        "Accept": _header("The media types that the call accepts.", JSON, always=False),
        "Accept-Patch": _header(
            "The media types that the call accepts.", ", ".join(bodies.MERGE_PATCH), always=False
        ),
        "Accept-Encoding": _header(
            "The content codings that the API accepts.", "identity", always=False
        ),
    }


def success(
    description: str,
    *names: str,
    schema: dict[str, Any] | None = None,
    example: Any = None,
    media_type: str = JSON,
) -> Response:
    """Describe a successful response of the function.

    Args:
        description: The description.
        *names: The headers, beside those of every response.
        schema: The content's schema; None for no content.
        example: An example of the content.
        media_type: The content's media type.
    """
    result: Response = {"description": description, "headers": _headers(names)}
    if schema is not None:
        content: dict[str, Any] = {"schema": schema}
        if example is not None:
            content["example"] = example
        result["content"] = {media_type: content}
    return result


def components() -> dict[str, Response]:
    """Return the responses that several calls share, by name."""
    return {
        "Unchanged": success("The state is still the one in If-None-Match.", "ETag", "Vary"),
        "MalformedRequest": _error_response(MalformedRequest),
        "UserNotFound": _error_response(UserNotFound, PathNotFound),
        "PathNotFound": _error_response(PathNotFound),
        "Taken": _error_response(UsernameTaken, EmailTaken),
        "EmailTaken": _error_response(EmailTaken),
        "PreconditionFailed": _error_response(PreconditionFailed),
        "ContentTooLarge": _error_response(ContentTooLarge, gateway="Request Entity Too Large"),
        "UnsupportedMediaType": _error_response(
            UnsupportedMediaType, headers=("Accept", "Accept-Encoding")
        ),
        "UnsupportedPatch": _error_response(
            UnsupportedMediaType, headers=("Accept-Patch", "Accept-Encoding")
        ),
        "InvalidUser": _error_response(InvalidUser),
        "InvalidUserOrKey": _error_response(InvalidUser, IdempotencyKeyReused),
        "InternalError": _error_response(Exception, gateway="Internal Server Error"),
        "Unavailable": _error_response(
            Unavailable, headers=("Retry-After",), gateway="Service Unavailable"
        ),
        "Unauthorized": _gateway_response(
            "The request has no valid token.", "Unauthorized", "WWW-Authenticate"
        ),
        "Forbidden": _gateway_response(
            "The token lacks the required scope.", "Forbidden", "WWW-Authenticate"
        ),
        "TooManyRequests": _gateway_response(
            "Too many requests. Repeat the request later, and wait longer after each attempt.",
            "Too Many Requests",
        ),
        "NoAnswer": _gateway_response(
            "The API did not respond to the gateway.", "Service Unavailable"
        ),
    }


def method_not_allowed() -> Response:
    """Return the response to the methods that a path does not have."""
    response = _error_response(MethodNotAllowed)
    response["headers"]["Allow"] = _header("The methods that the path supports.", "GET, HEAD")
    return response


def without_content(response: Response) -> Response:
    """Return the response to HEAD for a response to GET."""
    return {name: value for name, value in response.items() if name not in {"content", "links"}}


def _error_response(
    *errors: type[Exception], headers: tuple[str, ...] = (), gateway: str | None = None
) -> Response:
    """Describe an error response.

    Args:
        *errors: The errors that it stands for, all with the same status.
        headers: The headers that it may have.
        gateway: The message of the gateway's own response with the same status, if there is one.
    """
    kinds = {PROBLEM_TYPES[error]: _example(error, headers) for error in errors}
    [status] = {kind.status for kind in kinds}
    description = "\n\n".join(f"`{_uri(k)}`: {k.explanation}" for k in kinds)
    content: dict[str, Any] = {
        problems.MEDIA_TYPE: {
            # Keywords beside $ref apply, too (JSON Schema 2020-12, section 8.2.3.1).
            "schema": {
                **ref("Problem"),
                "properties": {
                    "type": {"enum": [_uri(kind) for kind in kinds]},
                    "status": {"const": status},
                },
            },
            "examples": {k.name: {"summary": k.title, "value": v} for k, v in kinds.items()},
        }
    }
    if gateway:
        description += "\n\nThe gateway may also send this status itself."
        content |= _gateway_content(gateway)
    return {
        "description": description,
        "headers": _headers(headers, always=gateway is None),
        "content": content,
    }


def _gateway_response(description: str, message: str, *names: str) -> Response:
    """Describe a response of the gateway's own, with only the headers that `names` lists."""
    result: Response = {"description": f"{description} Sent by the gateway."}
    if names:
        result["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return {**result, "content": _gateway_content(message)}


def _gateway_content(message: str) -> dict[str, Any]:
    return {JSON: {"schema": ref("GatewayMessage"), "example": {"message": message}}}


def _uri(kind: ProblemType) -> str:
    return f"/problems/{kind.name}"


def _example(error: type[Exception], headers: tuple[str, ...]) -> dict[str, Any]:
    """Return the body of the code's response to such an error."""
    example = PROBLEM_TYPES[error].example
    if error is UnsupportedMediaType and "Accept-Patch" in headers:
        example = UnsupportedMediaType(bodies.MERGE_PATCH, "Accept-Patch")
    elif error is InvalidUser:
        example = _invalid_user()
    return problem(example, _REQUEST_ID).body


def _invalid_user() -> InvalidUser:
    try:
        validation.parse_replacement({"email": "jane", "surname": "Doe"}, username="jane")
    except InvalidUser as error:
        return error
    raise AssertionError("the example is valid")


def _header(
    description: str, example: str, *, length: int = 128, always: bool = True
) -> dict[str, Any]:
    """Describe a header; `always` says whether every response that lists it has it."""
    schema = {"type": "string", "maxLength": length, "pattern": "^[\\x20-\\x7e]*$"}
    return {"description": description, "required": always, "schema": schema, "example": example}


def _headers(names: Iterable[str], *, always: bool = True) -> dict[str, Any]:
    """Refer to headers.

    Args:
        names: The headers, beside those of every response.
        always: False if the gateway's own response with this status has none of them.
    """
    result: dict[str, Any] = {}
    for name in (*_COMMON_HEADERS, *names):
        header = headers()[name]
        is_as_named = always or not header["required"]
        result[name] = (
            {"$ref": f"#/components/headers/{name}"}
            if is_as_named
            else {**header, "required": False}
        )
    return result
