"""The port: what the API needs of a store of users. dynamodb.py is its adapter."""

from collections.abc import Callable
from typing import Protocol

from models import User


class Users(Protocol):
    """All users. Usernames come normalized; username and email are unique at any time.

    Every call may raise Unavailable: then nothing is half-written and a repeat is safe.
    """

    def create(self, user: User) -> None:
        """Add the user. Raises UsernameTaken, or EmailTaken; the former when both are."""

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

    def check(self) -> None:
        """Raises Unavailable when the store can't be reached."""
