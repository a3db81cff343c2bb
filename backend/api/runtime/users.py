"""The port: what the API needs of a store of users. dynamodb.py is its adapter."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from models import User


class Attempt(NamedTuple):
    """One try of a create that may be tried again.

    key: names what is to be done once, among all callers; request: equal for equal requests only.
    """

    key: str
    request: str


class Listing(NamedTuple):
    """Which users to list, sorted by username.

    limit: how many at most; after: only usernames after this one; username_prefix: what they
    begin with, in lower case; status, email: what they have, the email without regard to case.
    """

    limit: int
    after: str = ""
    username_prefix: str = ""
    status: str | None = None
    email: str | None = None


class Page(NamedTuple):
    """Some users, and whether there are more after the last of them."""

    users: list[User]
    more: bool


class Users(Protocol):
    """All users. Usernames come normalized; username and email are unique at any time.

    Every call may raise Unavailable: then nothing is half-written, but a write may have taken
    effect, or may yet do so. A repeat is safe, of a create only with an attempt
    (docs/decisions/0002-every-write-is-a-transaction.md).
    """

    def create(self, user: User, attempt: Attempt | None = None) -> User:
        """Add the user and return it, or the one that an attempt with this key added before.

        An attempt that added a user is remembered for 24 hours, whatever becomes of that user.
        Raises IdempotencyKeyReused, UsernameTaken, or EmailTaken: the first that applies.
        """

    def get(self, username: str) -> User:
        """The user's newest state. Raises UserNotFound."""

    def update(self, username: str, change: Callable[[User], User]) -> User:
        """Put what `change` makes of the newest state in its place, and return it.

        `change` is called again with a newer state when another writer came first; what it
        raises leaves the user as it was. Nothing is written when it returns the state it got.
        Raises UserNotFound, or EmailTaken.
        """

    def delete(self, username: str, permit: Callable[[User], None]) -> None:
        """Remove the user, and free its email, unless `permit` raises on the newest state.

        Raises UserNotFound.
        """

    def list_users(self, listing: Listing) -> Page:
        """The first users that fulfil all of the listing: its limit, or as many as there are.

        With a status, users who got or lost it within the last second may be missing.
        """

    def check(self) -> None:
        """Raises Unavailable when the store can't be reached."""
