"""What each problem type means and what to do about it, for people; by the type's name.

Plain text, a few sentences each.
"""

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
        "The body, a header field or a query parameter can't be read, or the call doesn't take it.",
        "Correct what detail names; the same request fails each time.",
    ),
    "user-not-found": Explanation(
        "No user has the username in the path; it may have been removed.",
        "Check the spelling, or list the users to find the one you mean.",
    ),
    "path-not-found": Explanation(
        "The API has nothing at this path. No username holds a slash or a question mark, also not "
        "as %2F or %3F.",
        "Compare the path with those of the documentation.",
    ),
    "method-not-allowed": Explanation(
        "The path exists, but it doesn't take this method.",
        "Use one of the methods that the header Allow lists.",
    ),
    "username-taken": Explanation(
        "Another user has this username; upper and lower case make no difference. "
        "Nothing was stored.",
        "Choose another username, or change the user who has this one.",
    ),
    "email-taken": Explanation(
        "Another user has this email; upper and lower case make no difference. Nothing was stored.",
        "Use another email, or first change the user who has it.",
    ),
    "precondition-failed": Explanation(
        "The user is not in the state that If-Match or If-None-Match asks for: most likely "
        "somebody changed it since you read it. Nothing was stored.",
        "Get the user again, and repeat the change on what you got, with its new ETag.",
    ),
    "content-too-large": Explanation(
        "The body is larger than the API takes.",
        "Send no more than detail says.",
    ),
    "unsupported-media-type": Explanation(
        "The body is of a media type, or in a content coding, that this call doesn't take.",
        "Send one of those that the header Accept, Accept-Patch or Accept-Encoding lists.",
    ),
    "invalid-user": Explanation(
        "The body was read, but breaks the rules for users. The member errors lists the faults, at "
        f"most {MAX_FAULTS}.",
        "Correct every member that errors points to, and send the request again.",
    ),
    "idempotency-key-reused": Explanation(
        "You created a user with this Idempotency-Key in the last 24 hours, from another body. "
        "Nothing was stored.",
        "Send the same body with the same key, or a new key for a new user.",
    ),
    "unavailable": Explanation(
        "The request could not be completed in time: the database is busy or out of reach, or too "
        "many writers met. Nothing is half-written, but a write may have taken effect, or may yet "
        "do so within the next minutes.",
        "Wait as long as Retry-After says, and repeat the request. Repeat a create with the "
        "Idempotency-Key that it had from the start: without one, the first create may take effect "
        "after its repeat, and bring back a user that was removed meanwhile.",
    ),
    "internal-error": Explanation(
        "The request met a bug. If it was a write, it may have taken effect.",
        "Report it with the id in instance; get the user before you repeat a write.",
    ),
}
