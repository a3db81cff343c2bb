"""Maps errors to HTTP responses, as problem details (RFC 9457)."""

from typing import Any, Final, NamedTuple

from backend.api.runtime.errors import (
    ContentTooLarge,
    MalformedRequest,
    MethodNotAllowed,
    PathNotFound,
    PreconditionFailed,
    RequestError,
    UnsupportedMediaType,
)
from backend.users.errors import (
    DomainError,
    EmailTaken,
    IdempotencyKeyReused,
    InvalidUser,
    Unavailable,
    UsernameTaken,
    UserNotFound,
)

MEDIA_TYPE: Final = "application/problem+json"


class ProblemType(NamedTuple):
    """A kind of problem.

    Attributes:
        status: The HTTP status.
        name: The last segment of the type's URI reference.
        title: The same for all problems of the type.
    """

    status: int
    name: str
    title: str


PROBLEM_TYPES: Final[dict[type[Exception], ProblemType]] = {
    MalformedRequest: ProblemType(400, "malformed-request", "The request can't be read"),
    UserNotFound: ProblemType(404, "user-not-found", "No such user"),
    PathNotFound: ProblemType(404, "path-not-found", "No such path"),
    MethodNotAllowed: ProblemType(405, "method-not-allowed", "Method not allowed"),
    UsernameTaken: ProblemType(409, "username-taken", "The username is taken"),
    EmailTaken: ProblemType(409, "email-taken", "The email is taken"),
    PreconditionFailed: ProblemType(412, "precondition-failed", "The user has changed"),
    ContentTooLarge: ProblemType(413, "content-too-large", "The body is too large"),
    UnsupportedMediaType: ProblemType(415, "unsupported-media-type", "Unsupported media type"),
    InvalidUser: ProblemType(422, "invalid-user", "The user is not valid"),
    IdempotencyKeyReused: ProblemType(
        422, "idempotency-key-reused", "The idempotency key was used for another request"
    ),
    Unavailable: ProblemType(503, "unavailable", "Temporarily unavailable"),
}
INTERNAL_ERROR: Final = ProblemType(500, "internal-error", "Internal error")

_RETRY_AFTER_SECONDS = "1"


class Problem(NamedTuple):
    """A problem as a response."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def problem(error: Exception, request_id: str) -> Problem:
    """Return the response to an error; for a bug, it tells only the request's id."""
    if not isinstance(error, DomainError | RequestError):
        detail = "The request met a bug; report it with the id in instance."
        return _problem(INTERNAL_ERROR, detail, request_id)
    result = _problem(PROBLEM_TYPES[type(error)], str(error), request_id)
    match error:
        case InvalidUser(faults=faults):
            result.body["errors"] = [fault._asdict() for fault in faults]
        case MethodNotAllowed(allowed=allowed):
            result.headers["Allow"] = ", ".join(allowed)
        case UnsupportedMediaType(accepted=accepted, header=header):
            result.headers[header] = ", ".join(accepted)
        case Unavailable():
            result.headers["Retry-After"] = _RETRY_AFTER_SECONDS
    return result


def _problem(kind: ProblemType, detail: str, request_id: str) -> Problem:
    body = {
        "type": f"/problems/{kind.name}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": f"/requests/{request_id}",
    }
    return Problem(kind.status, body, {"Content-Type": MEDIA_TYPE})
