"""What can go wrong, in the words of the domain. problems.py says each in HTTP.

Every message is one sentence that tells a person what to do. None holds a value that a
client sent or that a user has: messages reach answers and logs.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple


class Fault(NamedTuple):
    """One thing that is wrong with a document.

    pointer: JSON Pointer (RFC 6901) of the missing, unknown or wrong member.
    detail: what the member must be.
    """

    pointer: str
    detail: str


class UserError(Exception):
    """A request that can't be fulfilled, and why."""


class UserNotFound(UserError):
    """No user has this username."""

    def __init__(self) -> None:
        super().__init__("There is no user with this username.")


class UsernameTaken(UserError):
    """Another user has this username."""

    def __init__(self) -> None:
        super().__init__("Another user has this username; choose another one.")


class EmailTaken(UserError):
    """Another user has this email."""

    def __init__(self) -> None:
        super().__init__("Another user has this email; use another one.")


class IdempotencyKeyReused(UserError):
    """The caller used the key for another create."""

    def __init__(self) -> None:
        super().__init__("Use a new Idempotency-Key: this one was used with a different body.")


# So that no body makes a response that is much larger than itself.
MAX_FAULTS: Final = 100


class InvalidUser(UserError):
    """The document breaks the rules of schema.py, in each of `faults`, or in more than these."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        """faults: in the order in which they are to be listed."""
        first = list(islice(faults, MAX_FAULTS + 1))
        super().__init__(
            "Correct the members that errors lists, and send the request again."
            if len(first) <= MAX_FAULTS
            else f"Correct the first {MAX_FAULTS} faults, which errors lists, and send the request "
            "again to learn of the others."
        )
        self.faults = first[:MAX_FAULTS]


class PreconditionFailed(UserError):
    """The user isn't in the state that If-Match or If-None-Match asks for."""

    def __init__(self) -> None:
        super().__init__(
            "The user is not in the state that the precondition asks for; "
            "get it again, and repeat the change on what you got."
        )


class NotModified(UserError):
    """The client has this state of the user already, which `etag` names."""

    def __init__(self, etag: str) -> None:
        super().__init__("The user has not changed.")
        self.etag = etag


class Unavailable(UserError):
    """The database throttles, can't be reached, or too many writers met. See Users."""

    def __init__(self, reason: str) -> None:
        """reason: for the log, never for the answer."""
        super().__init__("The request could not be completed in time; repeat it.")
        self.reason = reason


class MalformedRequest(UserError):
    """A body or a header that can't be read."""


class ContentTooLarge(UserError):
    """A body over the limit."""


class UnsupportedMediaType(UserError):
    """A body of a media type, or in a content coding, that the call doesn't take."""

    def __init__(self, accepted: tuple[str, ...], header: str, advice: str = "") -> None:
        """header: of the response, which lists `accepted`; advice: what to do instead."""
        super().__init__(advice or f"Send the header Content-Type: {accepted[0]}.")
        self.accepted = accepted
        self.header = header


class PathNotFound(UserError):
    """No route has this path."""

    def __init__(self) -> None:
        super().__init__("There is nothing at this path; correct it.")


class MethodNotAllowed(UserError):
    """The path has routes, but none for this method."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__("Use one of the methods that the header Allow lists.")
        self.allowed = allowed
