"""The port: what the functions need from the store of users.

dynamodb/repository.py is its adapter, and tests/in_memory_users.py a fake for tests.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from backend.users.models import User


class IdempotencyKey(NamedTuple):
    """Identifies a create, so that a repeat of it is recognised.

    Attributes:
        digest: A digest of the caller and the caller's key.
        fingerprint: A digest of the request's content.
    """

    digest: str
    fingerprint: str


class Listing(NamedTuple):
    """Which users to list, sorted by username.

    Attributes:
        limit: The most users to return.
        after: List only usernames after this one.
        username_prefix: List only usernames that begin with this, in lower case.
        status: List only users with this status; None for any.
        email: List only the user with this email, in any case; None for any.
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
    """The store of users. Usernames are in lower case; no two users share a username or an email.

    Every call may raise Unavailable: then nothing is half-written, but a write may have taken
    effect or may still do so. Repeating a call is safe, except for a create without a key
    (docs/decisions/0002-every-write-is-a-transaction.md).
    """

    def create(self, user: User, idempotency_key: IdempotencyKey | None = None) -> User:
        """Add a user.

        Args:
            user: The user to add.
            idempotency_key: Stored with the user for 24 hours, even if the user is changed or
                removed.

        Returns:
            `user` itself if it was added now. If the key was used for the same request before,
            the user as it was added then.

        Raises:
            IdempotencyKeyReused: The key was used for another request. Checked before the others.
            UsernameTaken: Another user has the username.
            EmailTaken: Another user has the email.
        """

    def get(self, username: str) -> User:
        """Return the newest state of a user.

        Raises:
            UserNotFound: There is no such user.
        """

    def update(self, username: str, change: Callable[[User], User]) -> User:
        """Replace the newest state of a user.

        Args:
            username: The user's.
            change: Takes the newest state and returns the new one. Called again if another writer
                came first. If it raises, the user stays as it was.

        Returns:
            The new state. Nothing is written if `change` returned the state that it was given.

        Raises:
            UserNotFound: There is no such user.
            EmailTaken: Another user has the new email.
        """

    def delete(self, username: str, permit: Callable[[User], None]) -> None:
        """Remove a user, and free its username and email.

        Args:
            username: The user's.
            permit: Called with the newest state. If it raises, the user stays as it was.

        Raises:
            UserNotFound: There is no such user.
        """

    def list_users(self, listing: Listing) -> Page:
        """Return the first users that match the listing, sorted by username.

        A page is full unless it is the last. With a status, users who got or lost it within the
        last second may be missing.
        """

    def check(self) -> None:
        """Check that users can be read.

        Raises:
            Unavailable: They can't.
        """
