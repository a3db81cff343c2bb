"""Maps errors to HTTP responses, as problem details (RFC 9457)."""

from typing import Any, Final, NamedTuple

from backend.api.runtime import bodies
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
    MAX_FAULTS,
    DomainError,
    EmailTaken,
    Fault,
    IdempotencyKeyReused,
    InvalidUser,
    Unavailable,
    UsernameTaken,
    UserNotFound,
)

MEDIA_TYPE: Final = "application/problem+json"


class ProblemType(NamedTuple):
    """A kind of problem, with its documentation.

    Attributes:
        status: The HTTP status.
        name: The last segment of the type's URI reference.
        title: The same for all problems of the type.
        meaning: Why a request got this response.
        remedy: What the caller can do.
        example: An error of this kind.
    """

    status: int
    name: str
    title: str
    meaning: str
    remedy: str
    example: Exception

    @property
    def explanation(self) -> str:
        """The meaning and the remedy."""
        return f"{self.meaning} {self.remedy}"


# By error. Any exception that isn't listed is a bug, whose type is under Exception.
PROBLEM_TYPES: Final[dict[type[Exception], ProblemType]] = {
    MalformedRequest: ProblemType(
        400,
        "malformed-request",
        "The request can't be read",
        meaning=(
            "The body, a header or a query parameter can't be read, or this call does not "
            "accept it."
        ),
        remedy="Correct what detail names. The same request would fail again.",
        example=MalformedRequest("Send a body that is JSON."),
    ),
    UserNotFound: ProblemType(
        404,
        "user-not-found",
        "No such user",
        meaning="No user has the username in the path; it may have been deleted.",
        remedy="Check the spelling, or list the users to find the one you mean.",
        example=UserNotFound(),
    ),
    PathNotFound: ProblemType(
        404,
        "path-not-found",
        "No such path",
        meaning=(
            "The API has nothing at this path. A username contains no slash or question mark, "
            "not even as %2F or %3F."
        ),
        remedy="Compare the path with the documentation.",
        example=PathNotFound(),
    ),
    MethodNotAllowed: ProblemType(
        405,
        "method-not-allowed",
        "Method not allowed",
        meaning="The path exists but does not support this method.",
        remedy="Use one of the methods in the Allow header.",
        example=MethodNotAllowed(("GET", "HEAD")),
    ),
    UsernameTaken: ProblemType(
        409,
        "username-taken",
        "The username is taken",
        meaning="Another user has this username; case is ignored. Nothing was stored.",
        remedy="Choose another username, or change the user who has this one.",
        example=UsernameTaken(),
    ),
    EmailTaken: ProblemType(
        409,
        "email-taken",
        "The email is taken",
        meaning="Another user has this email; case is ignored. Nothing was stored.",
        remedy="Use another email, or first change the email of that user.",
        example=EmailTaken(),
    ),
    PreconditionFailed: ProblemType(
        412,
        "precondition-failed",
        "The user has changed",
        meaning=(
            "The state of the user does not satisfy If-Match or If-None-Match. Usually "
            "somebody changed the user after you read it. Nothing was stored."
        ),
        remedy="Get the user again, and repeat your change with the new ETag.",
        example=PreconditionFailed(),
    ),
    ContentTooLarge: ProblemType(
        413,
        "content-too-large",
        "The body is too large",
        meaning="The body is larger than the API accepts.",
        remedy="Send at most as many bytes as detail says.",
        example=ContentTooLarge(f"Send at most {bodies.MAX_BYTES} bytes."),
    ),
    UnsupportedMediaType: ProblemType(
        415,
        "unsupported-media-type",
        "Unsupported media type",
        meaning="This call does not accept the media type or the content coding of the body.",
        remedy="Use one that the header Accept, Accept-Patch or Accept-Encoding lists.",
        example=UnsupportedMediaType(bodies.JSON, "Accept"),
    ),
    InvalidUser: ProblemType(
        422,
        "invalid-user",
        "The user is not valid",
        meaning=(
            "The body is valid JSON, but not a valid user. The errors member of the problem "
            f"lists up to {MAX_FAULTS} faults."
        ),
        remedy="Correct every member that errors points to, and repeat the request.",
        example=InvalidUser([Fault("/email", "must be an email address")]),
    ),
    IdempotencyKeyReused: ProblemType(
        422,
        "idempotency-key-reused",
        "The idempotency key was used for another request",
        meaning=(
            "You created a user with this Idempotency-Key and another body in the last 24 "
            "hours. Nothing was stored."
        ),
        remedy=(
            "Send the original body to repeat that create, or a new key to create another user."
        ),
        example=IdempotencyKeyReused(),
    ),
    Unavailable: ProblemType(
        503,
        "unavailable",
        "Temporarily unavailable",
        meaning=(
            "The request could not be completed in time: the database is overloaded or "
            "unreachable, or too many writes conflicted. Nothing is half-written, but a write "
            "may have taken effect, or may still do so within some minutes."
        ),
        remedy=(
            "Wait as long as Retry-After says, and repeat the request. Repeat a create with "
            "its original Idempotency-Key: without one, the first create may take effect after "
            "its repeat, and bring back a user that was deleted in between."
        ),
        example=Unavailable(""),
    ),
    Exception: ProblemType(
        500,
        "internal-error",
        "Internal error",
        meaning="A bug made the request fail. If it was a write, it may have taken effect.",
        remedy="Report it with the id in instance. Before you repeat a write, get the user.",
        example=Exception(),
    ),
}

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
        return _problem(PROBLEM_TYPES[Exception], detail, request_id)
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
