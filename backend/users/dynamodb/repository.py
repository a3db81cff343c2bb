"""The adapter that keeps users in DynamoDB: which items each call reads and writes."""

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

_FREE: Final = f"attribute_not_exists({PK})"
_OTHER_WRITER: Final = "another writer came first"
_REMEMBERED_SECONDS: Final = 24 * 60 * 60


class _Replay(Exception):
    """The create happened before: the user that it added."""

    def __init__(self, user: User) -> None:
        super().__init__()
        self.user = user


class _OtherWriter(Exception):
    """Another writer changed the user that was read."""


class _EmailNotHeld(Exception):
    """A user's email is another one's: no write of this adapter leaves it so."""


class DynamoDBUserRepository:
    """Implements UserRepository.

    clock: the time in epoch seconds.
    """

    def __init__(self, table: Table, *, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock

    def create(self, user: User, idempotency_key: IdempotencyKey | None = None) -> User:
        """See UserRepository."""
        writes = [
            self._table.put(
                items.user_item(user),
                where=_FREE,
                condition_failed=lambda _: UsernameTaken(),
                may_hold_later=True,
            )
        ]
        if email := items.email_of(user):
            writes.append(self._taken(email, user))
        if idempotency_key:
            # It decides first: who comes again meets the username and the email, too.
            writes.insert(0, self._record(idempotency_key, user))
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
                self._table.transact(self._replacement(before, after), deadline)
            except _OtherWriter:
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
                    condition_failed=lambda _: _OtherWriter(),
                    etag=user.etag,
                )
            ]
            if email := items.email_of(user):
                writes.append(self._freed(email, user))
            try:
                self._table.transact(writes, deadline)
            except _OtherWriter:
                deadline.pause(_OTHER_WRITER)
            else:
                return

    def list_users(self, listing: Listing) -> Page:
        """See UserRepository."""
        deadline = self._table.deadline()
        if listing.email is not None:
            return Page(self._with_email(listing.email, listing, deadline), more=False)
        if listing.status is not None:
            return self._with_status(listing.status, listing, deadline)
        found = self._first(listing, listing.limit + 1, deadline)
        users = [items.to_user(item) for item in found[: listing.limit]]
        return Page(users, more=len(found) > listing.limit)

    def check(self) -> None:
        """See UserRepository."""
        self._table.probe(items.HEALTH_CHECK_KEY)

    def _with_email(self, email: str, listing: Listing, deadline: Deadline) -> list[User]:
        while True:
            holder = self._table.get(items.email_key(email.lower()), deadline)
            if holder is None:
                return []
            item = self._table.get(items.user_key(holder["username"]["S"]), deadline)
            user = items.to_user(item) if item else None
            if user and items.email_of(user) == email.lower():
                return [user] if _is_listed(user, listing) else []
            # It went to somebody else between the two reads; who has it now?
            deadline.pause(_OTHER_WRITER)

    def _with_status(self, status: str, listing: Listing, deadline: Deadline) -> Page:
        users: list[User] = []
        while True:
            wanted = listing.limit - len(users)
            found = self._first(listing, wanted + 1, deadline)
            keys = [{PK: item[PK], SK: item[SK]} for item in found[:wanted]]
            states = map(items.to_user, self._table.get_all(keys, deadline))
            # The index may lag: what it names has another status by now, or is gone.
            still = [user for user in states if user.members["status"] == status]
            users += sorted(still, key=lambda user: user.username)
            more = len(found) > wanted
            if not more or len(users) == listing.limit:
                return Page(users, more)
            listing = listing._replace(after=keys[-1][SK]["S"])

    def _first(self, listing: Listing, count: int, deadline: Deadline) -> "list[Item]":
        """The first items of all shards, sorted by username: `count`, or as many as there are.

        Each shard is asked for what it will probably have among them, and asked again only if
        the last item it gave comes before the last one that is needed.
        """
        share = count / items.SHARDS
        # All but some 2 % of the shards have no more than this.
        limit = min(count, math.ceil(share + 2 * math.sqrt(share)))
        found: list[Item] = []
        parts = [_part(listing, shard) for shard in range(items.SHARDS)]
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

    def _record(self, idempotency_key: IdempotencyKey, user: User) -> Write:
        """Write the idempotency record, unless there is one: then the create happened before."""
        now = self._clock()
        record = items.IdempotencyRecord(idempotency_key.fingerprint, user)

        def repeated(existing: "Item | None") -> Exception:
            assert existing  # noqa: S101 asked for, and checked by Table
            before = items.to_idempotency_record(existing)
            same = before.request == idempotency_key.fingerprint
            return _Replay(before.user) if same else IdempotencyKeyReused()

        return self._table.put(
            items.idempotency_item(
                idempotency_key.digest, record, expires_at=math.ceil(now + _REMEMBERED_SECONDS)
            ),
            # DynamoDB removes expired items when it has time for it, which may be days later.
            where=f"{_FREE} OR {TIME_TO_LIVE} <= :now",
            condition_failed=repeated,
            returns_existing=True,
            now=math.floor(now),
        )

    def _replacement(self, before: User, after: User) -> list[Write]:
        writes = [
            self._table.put(
                items.user_item(after),
                where="etag = :etag",
                condition_failed=lambda _: _OtherWriter(),
                etag=before.etag,
            )
        ]
        old, new = items.email_of(before), items.email_of(after)
        if new and new != old:
            writes.append(self._taken(new, after))
        if old and new != old:
            writes.append(self._freed(old, before))
        return writes

    def _taken(self, email: str, user: User) -> Write:
        """Give a free email to the user."""
        return self._table.put(
            items.email_item(email, user),
            where=_FREE,
            condition_failed=lambda _: EmailTaken(),
            may_hold_later=True,
        )

    def _freed(self, email: str, user: User) -> Write:
        """Take its email from the user."""
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


def _part(listing: Listing, shard: int) -> Range:
    """The listed users of a shard, in the table or in the index."""
    index, name, value = None, PK, items.user_partition(shard)
    start: Item | None = None
    if listing.after:  # no user of this shard has to have this username
        start = {PK: {"S": value}, SK: {"S": listing.after}}
    if listing.status is not None:
        index, name = STATUS_INDEX, STATUS_INDEX_PK
        value = items.status_partition(listing.status, shard)
        start = start and {**start, name: {"S": value}}
    return Range(index, (name, value), listing.username_prefix, start)


def _username(item: "Item") -> str:
    return item[SK]["S"]
