"""A store of users that can't be reached."""

from collections.abc import Callable
from typing import Never

from backend.users.models import User
from backend.users.repository import IdempotencyKey, Listing, Page


class FailingUsers:
    """A UserRepository whose every call raises an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def create(self, user: User, idempotency_key: IdempotencyKey | None = None) -> User:
        self._fail(user, idempotency_key)

    def get(self, username: str) -> User:
        self._fail(username)

    def update(self, username: str, change: Callable[[User], User]) -> User:
        self._fail(username, change)

    def delete(self, username: str, permit: Callable[[User], None]) -> None:
        self._fail(username, permit)

    def list_users(self, listing: Listing) -> Page:
        self._fail(listing)

    def check(self) -> None:
        self._fail()

    def _fail(self, *_: object) -> Never:
        raise self._error
