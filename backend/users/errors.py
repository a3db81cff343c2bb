"""The errors of the domain.

Every message is one sentence that tells a person what to do. No message contains a client's or a
user's value, because messages reach responses and logs.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple

# Keeps a body from causing a response that is much larger than itself.
MAX_FAULTS: Final = 100


class Fault(NamedTuple):
    """Something that is wrong with a document.

    Attributes:
        pointer: JSON Pointer (RFC 6901) of the missing, unknown or wrong member.
        detail: What the member must be.
    """

    pointer: str
    detail: str


class DomainError(Exception):
    """The base class of the domain's errors."""


class UserNotFound(DomainError):
    """No user has this username."""

    def __init__(self) -> None:
        super().__init__("There is no user with this username.")


class UsernameTaken(DomainError):
    """Another user has this username."""

    def __init__(self) -> None:
        super().__init__("Another user has this username; choose another one.")


class EmailTaken(DomainError):
    """Another user has this email."""

    def __init__(self) -> None:
        super().__init__("Another user has this email; use another one.")


class IdempotencyKeyReused(DomainError):
    """The caller used the key for another create."""

    def __init__(self) -> None:
        super().__init__("Use a new Idempotency-Key: this one was used with a different body.")


class InvalidUser(DomainError):
    """The document breaks the rules of schema.py.

    Attributes:
        faults: The first MAX_FAULTS of them.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Make the error.

        Args:
            faults: All of them, in the order of the response.
        """
        first = list(islice(faults, MAX_FAULTS + 1))
        super().__init__(
            "Correct the members that errors lists, and send the request again."
            if len(first) <= MAX_FAULTS
            else f"Correct the first {MAX_FAULTS} faults, which errors lists, and send the request "
            "again to learn of the others."
        )
        self.faults = first[:MAX_FAULTS]


class Unavailable(DomainError):
    """The database throttles or can't be reached, or too many writers compete for a user.

    Nothing is half-written, but a write may have taken effect or may still do so.

    Attributes:
        reason: What happened, for the log and never for the response.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("The request could not be completed in time; repeat it.")
        self.reason = reason
