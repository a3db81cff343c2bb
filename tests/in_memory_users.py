"""A fake that keeps users in memory. It passes the same contract tests as the adapter."""

import threading
import time
from collections.abc import Callable

from backend.users.errors import EmailTaken, IdempotencyKeyReused, UsernameTaken, UserNotFound
from backend.users.models import User
from backend.users.repository import IdempotencyKey, Listing, Page

_DAY = 24 * 60 * 60


class InMemoryUserRepository:
    """A UserRepository in memory.

    Args:
        clock: Returns the time in epoch seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._users: dict[str, User] = {}
        self._usernames_by_email: dict[str, str] = {}
        self._idempotency_records: dict[str, tuple[str, User, float]] = {}
        self._lock = threading.Lock()
        self._clock = clock

    def create(self, user: User, idempotency_key: IdempotencyKey | None = None) -> User:
        with self._lock:
            if idempotency_key and (first := self._recorded(idempotency_key)):
                return first
            if user.username in self._users:
                raise UsernameTaken
            self._claim_email(user)
            self._users[user.username] = user
            if idempotency_key:
                self._idempotency_records[idempotency_key.digest] = (
                    idempotency_key.fingerprint,
                    user,
                    self._clock(),
                )
            return user

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

    def list_users(self, listing: Listing) -> Page:
        with self._lock:
            found = [user for _, user in sorted(self._users.items()) if _is_listed(user, listing)]
        return Page(found[: listing.limit], more=len(found) > listing.limit)

    def check(self) -> None:
        pass

    def _get(self, username: str) -> User:
        if username not in self._users:
            raise UserNotFound
        return self._users[username]

    def _recorded(self, idempotency_key: IdempotencyKey) -> User | None:
        record = self._idempotency_records.get(idempotency_key.digest)
        if record is None:
            return None
        fingerprint, user, created_at = record
        if self._clock() > created_at + _DAY:
            return None
        if fingerprint != idempotency_key.fingerprint:
            raise IdempotencyKeyReused
        return user

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


def _is_listed(user: User, listing: Listing) -> bool:
    return (
        user.username > listing.after
        and user.username.startswith(listing.username_prefix)
        and (listing.status is None or user.members["status"] == listing.status)
        and (listing.email is None or _email(user) == listing.email.lower())
    )
