"""What each problem type means and what to do about it, for people; by the type's name."""

from typing import Final, NamedTuple


class Explanation(NamedTuple):
    """meaning: why the answer was given; remedy: what the caller does now."""

    meaning: str
    remedy: str


EXPLANATIONS: Final[dict[str, Explanation]] = {
    "malformed-request": Explanation(
        "The body, a header or a query parameter can't be read.",
        "Correct what detail names, and send the request again.",
    ),
    "user-not-found": Explanation(
        "No user has the username in the path; it may have been deleted.",
        "Check the username, or create the user.",
    ),
    "path-not-found": Explanation(
        "The API has nothing at this path.",
        "Compare the path with those of the documentation.",
    ),
    "method-not-allowed": Explanation(
        "The path exists, but it does not take this method.",
        "Use one of the methods that the header Allow lists.",
    ),
    "username-taken": Explanation(
        "Another user has this username; upper and lower case are the same.",
        "Choose another username.",
    ),
    "email-taken": Explanation(
        "Another user has this email; upper and lower case are the same.",
        "Use another email, or change the user who has it.",
    ),
    "precondition-failed": Explanation(
        "The user is not in the state that If-Match or If-None-Match asks for: "
        "someone changed it since it was read.",
        "Get the user again, and repeat the change on what you got, with its new ETag.",
    ),
    "content-too-large": Explanation(
        "The body is larger than the API takes.",
        "Send less than detail says.",
    ),
    "unsupported-media-type": Explanation(
        "The body is of a media type, or in a content coding, that this call does not take.",
        "Send one of those that the header Accept or Accept-Patch lists.",
    ),
    "invalid-user": Explanation(
        "The body was read, but it is no valid user. The member errors lists each fault.",
        "Correct every member that errors names, and send the request again.",
    ),
    "unavailable": Explanation(
        "The request could not be completed in time. Nothing is half-written.",
        "Wait as long as Retry-After says, and repeat the request: a repeat is safe.",
    ),
    "internal-error": Explanation(
        "The request met a bug.",
        "Report it with the id in instance.",
    ),
}
