"""The adapter that stores users in DynamoDB: which items each call reads and writes."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from backend.users.dynamodb import items
from backend.users.dynamodb.deadline import Deadline
from backend.users.dynamodb.layout import PK, SK, STATUS_INDEX, STATUS_INDEX_PK, TIME_TO_LIVE
from backend.users.dynamodb.table import Range, Table, Write
from backend.users.errors import EmailTaken, IdempotencyKeyReused, UsernameTaken, UserNotFound
from backend.users.models import User
from backend.users.repository import IdempotencyKey, Listing, Page

if TYPE_CHECKING:
    from backend.users.dynamodb.table import Item

_NOT_EXISTS: Final = f"attribute_not_exists({PK})"
_OTHER_WRITER: Final = "another writer came first"
_IDEMPOTENCY_SECONDS: Final = 24 * 60 * 60


class _Replay(Exception):
    """The create is a repeat of one that has happened.

    Attributes:
        user: The user as it was created.
    """

    def __init__(self, user: User) -> None:
        super().__init__()
        self.user = user


class _Conflict(Exception):
    """Another writer has changed the user since it was read."""


class _EmailNotHeld(Exception):
    """A user's email item is missing or another user's: a bug, or a change by hand."""


class DynamoDBUserRepository:
    """Implements UserRepository.

    Args:
        table: The table that holds the users.
        clock: Returns the time in epoch seconds.
    """

    def __init__(self, table: Table, *, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock

    def create(self, user: User, idempotency_key: IdempotencyKey | None = None) -> User:
        """See UserRepository."""
        writes = [
            self._table.put(
                items.user_item(user),
                where=_NOT_EXISTS,
                condition_failed=lambda _: UsernameTaken(),
                may_hold_later=True,
            )
        ]
        if email := items.email_of(user):
            writes.append(self._claim_email(email, user))
        if idempotency_key:
            # First, because it decides: a repeat also finds its own username and email taken.
            writes.insert(0, self._put_idempotency_record(idempotency_key, user))
        try:
            self._table.transact(writes, self._table.deadline())
        except _Replay as replay:
            return replay.user
        return user

    def get(self, username: str) -> User:
        """See UserRepository."""
        return self._get(username, self._table.deadline())

    def update(self, username: str, change: Callable[[User], User]) -> User:
        """See UserRepository."""
        deadline = self._table.deadline()
        while True:
            before = self._get(username, deadline)
            after = change(before)
            if after is before:
                return before
            try:
                self._table.transact(self._replace_writes(before, after), deadline)
            except _Conflict:
                deadline.pause(_OTHER_WRITER)
            else:
                return after

    def delete(self, username: str, permit: Callable[[User], None]) -> None:
        """See UserRepository."""
        deadline = self._table.deadline()
        while True:
            user = self._get(username, deadline)
            permit(user)
            writes = [
                self._table.delete(
                    items.user_key(username),
                    where="etag = :etag",
                    condition_failed=lambda _: _Conflict(),
                    etag=user.etag,
                )
            ]
            if email := items.email_of(user):
                writes.append(self._release_email(email, user))
            try:
                self._table.transact(writes, deadline)
            except _Conflict:
                deadline.pause(_OTHER_WRITER)
            else:
                return

    def list_users(self, listing: Listing) -> Page:
        """See UserRepository."""
        deadline = self._table.deadline()
        if listing.email is not None:
            return Page(self._list_by_email(listing.email, listing, deadline), more=False)
        if listing.status is not None:
            return self._list_by_status(listing.status, listing, deadline)
        found = self._first_items(listing, listing.limit + 1, deadline)
        users = [items.to_user(item) for item in found[: listing.limit]]
        return Page(users, more=len(found) > listing.limit)

    def check(self) -> None:
        """See UserRepository."""
        self._table.probe(items.HEALTH_CHECK_KEY)

    def _list_by_email(self, email: str, listing: Listing, deadline: Deadline) -> list[User]:
        while True:
            holder = self._table.get(items.email_key(email.lower()), deadline)
            if holder is None:
                return []
            item = self._table.get(items.user_key(holder["username"]["S"]), deadline)
            user = items.to_user(item) if item else None
            if user and items.email_of(user) == email.lower():
                return [user] if _is_listed(user, listing) else []
            # The email changed hands between the two reads: look again.
            deadline.pause(_OTHER_WRITER)

    def _list_by_status(self, status: str, listing: Listing, deadline: Deadline) -> Page:
        users: list[User] = []
        while True:
            wanted = listing.limit - len(users)
            found = self._first_items(listing, wanted + 1, deadline)
            keys = [{PK: item[PK], SK: item[SK]} for item in found[:wanted]]
            states = map(items.to_user, self._table.get_all(keys, deadline))
            # The index may lag: a user may have another status by now, or be gone.
            current = [user for user in states if user.members["status"] == status]
            users += sorted(current, key=lambda user: user.username)
            more = len(found) > wanted
            if not more or len(users) == listing.limit:
                return Page(users, more)
            listing = listing._replace(after=keys[-1][SK]["S"])

    def _first_items(self, listing: Listing, count: int, deadline: Deadline) -> "list[Item]":
        """Return the first `count` items of all shards, sorted by username, or all if fewer.

        Read from each shard as many as it probably contributes, and more only from a shard whose
        last item comes before the last one that is needed.
        """
        share = count / items.SHARDS
        # Two standard deviations above the mean: only some 2 % of the shards contribute more.
        limit = min(count, math.ceil(share + 2 * math.sqrt(share)))
        found: list[Item] = []
        parts = [_range(listing, shard) for shard in range(items.SHARDS)]
        while parts:
            pages = self._table.query(parts, limit, deadline)
            for page, _ in pages:
                found += page
            found.sort(key=_username)
            last_needed = _username(found[count - 1]) if len(found) >= count else None
            parts = [
                part._replace(start=last)
                for part, (_, last) in zip(parts, pages, strict=True)
                if last and (last_needed is None or _username(last) < last_needed)
            ]
            limit *= 2
        return found[:count]

    def _get(self, username: str, deadline: Deadline) -> User:
        item = self._table.get(items.user_key(username), deadline)
        if item is None:
            raise UserNotFound
        return items.to_user(item)

    def _put_idempotency_record(self, idempotency_key: IdempotencyKey, user: User) -> Write:
        """Build the write of the idempotency record, which fails if the create is a repeat."""
        now = self._clock()
        record = items.IdempotencyRecord(idempotency_key.fingerprint, user)

        def repeated(existing: "Item | None") -> Exception:
            assert existing  # noqa: S101 returns_existing; Table checks it
            before = items.to_idempotency_record(existing)
            same = before.request == idempotency_key.fingerprint
            return _Replay(before.user) if same else IdempotencyKeyReused()

        return self._table.put(
            items.idempotency_item(
                idempotency_key.digest, record, expires_at=math.ceil(now + _IDEMPOTENCY_SECONDS)
            ),
            # DynamoDB may remove expired items days later.
            where=f"{_NOT_EXISTS} OR {TIME_TO_LIVE} <= :now",
            condition_failed=repeated,
            returns_existing=True,
            now=math.floor(now),
        )

    def _replace_writes(self, before: User, after: User) -> list[Write]:
        writes = [
            self._table.put(
                items.user_item(after),
                where="etag = :etag",
                condition_failed=lambda _: _Conflict(),
                etag=before.etag,
            )
        ]
        old, new = items.email_of(before), items.email_of(after)
        if new and new != old:
            writes.append(self._claim_email(new, after))
        if old and new != old:
            writes.append(self._release_email(old, before))
        return writes

    def _claim_email(self, email: str, user: User) -> Write:
        """Build the write that gives an email to the user if nobody has it."""
        return self._table.put(
            items.email_item(email, user),
            where=_NOT_EXISTS,
            condition_failed=lambda _: EmailTaken(),
            may_hold_later=True,
        )

    def _release_email(self, email: str, user: User) -> Write:
        """Build the write that takes its email from the user."""
        return self._table.delete(
            items.email_key(email),
            where="username = :username",
            condition_failed=lambda _: _EmailNotHeld(),
            username=user.username,
        )


def _is_listed(user: User, listing: Listing) -> bool:
    return user.username.startswith(listing.username_prefix) and (
        listing.status in {None, user.members["status"]}
    )


def _range(listing: Listing, shard: int) -> Range:
    """Return the range of a shard's listed users, in the table or in the index."""
    index, name, value = None, PK, items.user_partition(shard)
    start: Item | None = None
    if listing.after:  # a user with this key need not exist in this shard
        start = {PK: {"S": value}, SK: {"S": listing.after}}
    if listing.status is not None:
        index, name = STATUS_INDEX, STATUS_INDEX_PK
        value = items.status_partition(listing.status, shard)
        start = start and {**start, name: {"S": value}}
    return Range(index, (name, value), listing.username_prefix, start)


def _username(item: "Item") -> str:
    return item[SK]["S"]
