"""Explain each problem type to people: what it means, and what to do about it. Plain text."""

from typing import Final, NamedTuple

from backend.users.errors import MAX_FAULTS


class Explanation(NamedTuple):
    """An explanation of a problem type.

    Attributes:
        meaning: Why the response was given.
        remedy: What the caller should do now.
    """

    meaning: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.meaning} {self.remedy}"


EXPLANATIONS: Final[dict[str, Explanation]] = {
    "malformed-request": Explanation(
        "The body, a header or a query parameter can't be read, or this call does not accept it.",
        "Correct what detail names. The same request would fail again.",
    ),
    "user-not-found": Explanation(
        "No user has the username in the path; it may have been deleted.",
        "Check the spelling, or list the users to find the one you mean.",
    ),
    "path-not-found": Explanation(
        "The API has nothing at this path. A username contains no slash or question mark, not even "
        "as %2F or %3F.",
        "Compare the path with the documentation.",
    ),
    "method-not-allowed": Explanation(
        "The path exists but does not support this method.",
        "Use one of the methods in the Allow header.",
    ),
    "username-taken": Explanation(
        "Another user has this username; case is ignored. Nothing was stored.",
        "Choose another username, or change the user who has this one.",
    ),
    "email-taken": Explanation(
        "Another user has this email; case is ignored. Nothing was stored.",
        "Use another email, or first change the email of that user.",
    ),
    "precondition-failed": Explanation(
        "The state of the user does not satisfy If-Match or If-None-Match. Usually somebody "
        "changed the user after you read it. Nothing was stored.",
        "Get the user again, and repeat your change with the new ETag.",
    ),
    "content-too-large": Explanation(
        "The body is larger than the API accepts.",
        "Send at most as many bytes as detail says.",
    ),
    "unsupported-media-type": Explanation(
        "This call does not accept the media type or the content coding of the body.",
        "Use one that the header Accept, Accept-Patch or Accept-Encoding lists.",
    ),
    "invalid-user": Explanation(
        "The body is valid JSON, but not a valid user. The errors member of the problem lists up "
        f"to {MAX_FAULTS} faults.",
        "Correct every member that errors points to, and repeat the request.",
    ),
    "idempotency-key-reused": Explanation(
        "You created a user with this Idempotency-Key and another body in the last 24 hours. "
        "Nothing was stored.",
        "Send the original body to repeat that create, or a new key to create another user.",
    ),
    "unavailable": Explanation(
        "The request could not be completed in time: the database is overloaded or unreachable, or "
        "too many writes conflicted. Nothing is half-written, but a write may have taken effect, "
        "or may still do so within some minutes.",
        "Wait as long as Retry-After says, and repeat the request. Repeat a create with its "
        "original Idempotency-Key: without one, the first create may take effect after its repeat, "
        "and bring back a user that was deleted in between.",
    ),
    "internal-error": Explanation(
        "A bug made the request fail. If it was a write, it may have taken effect.",
        "Report it with the id in instance. Before you repeat a write, get the user.",
    ),
}
