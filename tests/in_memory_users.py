"""The fake: users in memory. Passes the same contract tests as the adapter."""

import threading
from collections.abc import Callable

from errors import EmailTaken, UsernameTaken, UserNotFound
from models import User


class InMemoryUsers:
    """Implements users.Users."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._usernames_by_email: dict[str, str] = {}
        self._lock = threading.Lock()

    def create(self, user: User) -> None:
        with self._lock:
            if user.username in self._users:
                raise UsernameTaken
            self._claim_email(user)
            self._users[user.username] = user

    def get(self, username: str) -> User:
        with self._lock:
            return self._get(username)

    def update(self, username: str, change: Callable[[User], User]) -> User:
        with self._lock:
            before = self._get(username)
            after = change(before)
            self._claim_email(after)
            if _email(before) != _email(after):
                self._free_email(before)
            self._users[username] = after
            return after

    def delete(self, username: str, permit: Callable[[User], None]) -> None:
        with self._lock:
            user = self._get(username)
            permit(user)
            self._free_email(user)
            del self._users[username]

    def check(self) -> None:
        pass

    def _get(self, username: str) -> User:
        if username not in self._users:
            raise UserNotFound
        return self._users[username]

    def _claim_email(self, user: User) -> None:
        if email := _email(user):
            if self._usernames_by_email.get(email, user.username) != user.username:
                raise EmailTaken
            self._usernames_by_email[email] = user.username

    def _free_email(self, user: User) -> None:
        if email := _email(user):
            del self._usernames_by_email[email]


def _email(user: User) -> str:
    return str(user.members.get("email", "")).lower()
