"""The port: what a function needs of the place where users are kept.

dynamodb/repository.py is its adapter, and tests/in_memory_users.py a second one.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from backend.users.models import User


class IdempotencyKey(NamedTuple):
    """Tells a create that is tried again from another one.

    Attributes:
        digest: Of the key and its caller; no other caller's is equal.
        fingerprint: Of the request's content; equal for equal content only.
    """

    digest: str
    fingerprint: str


class Listing(NamedTuple):
    """Which users to list, sorted by username.

    Attributes:
        limit: The most users to return.
        after: Only usernames after this one.
        username_prefix: What the usernames begin with, in lower case.
        status: The status that they have; None for any.
        email: The email that they have, in any case; None for any.
    """

    limit: int
    after: str = ""
    username_prefix: str = ""
    status: str | None = None
    email: str | None = None


class Page(NamedTuple):
    """Part of a list.

    Attributes:
        users: In the order of their usernames.
        more: Whether there are users after the last of them.
    """

    users: list[User]
    more: bool


class UserRepository(Protocol):
    """All users. Usernames are in lower case; no two users share a username or an email.

    Every call may raise Unavailable: then nothing is half-written, but a write may have taken
    effect, or may yet do so. Repeating a call is safe, except for a create without a key
    (docs/decisions/0002-every-write-is-a-transaction.md).
    """

    def create(self, user: User, idempotency_key: IdempotencyKey | None = None) -> User:
        """Add a user.

        Args:
            user: What to add.
            idempotency_key: Remembered with the user for 24 hours, also if the user changes or
                goes.

        Returns:
            The user; or, if the key was used for the same request before, the user as it was added
            then.

        Raises:
            IdempotencyKeyReused: The key was used for another request. Raised before the others.
            UsernameTaken: Another user has the username.
            EmailTaken: Another user has the email.
        """

    def get(self, username: str) -> User:
        """Return the newest state of a user.

        Raises:
            UserNotFound: There is none.
        """

    def update(self, username: str, change: Callable[[User], User]) -> User:
        """Replace the newest state of a user.

        Args:
            username: Whose.
            change: Makes the new state of the newest one. It is called again when another writer
                came first, and what it raises leaves the user as it was.

        Returns:
            The new state. Nothing is written if that is the state which `change` was given.

        Raises:
            UserNotFound: There is no such user.
            EmailTaken: Another user has the new email.
        """

    def delete(self, username: str, permit: Callable[[User], None]) -> None:
        """Remove a user, and free its username and email.

        Args:
            username: Whose.
            permit: Called with the newest state; what it raises leaves the user as it was.

        Raises:
            UserNotFound: There is no such user.
        """

    def list_users(self, listing: Listing) -> Page:
        """Return the first users that fulfil all of the listing.

        There are as many as its limit says while that many remain. With a status, users who got or
        lost it within the last second may be missing.
        """

    def check(self) -> None:
        """Do nothing.

        Raises:
            Unavailable: The users can't be read.
        """
