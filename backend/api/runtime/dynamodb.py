"""The adapter that keeps users in DynamoDB: which items each call reads and writes."""

import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

import items
from errors import EmailTaken, IdempotencyKeyReused, UsernameTaken, UserNotFound
from models import User
from table import Patience, Range, Refused, Table
from users import Attempt, Listing, Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from table import Item

_FREE: Final = "attribute_not_exists(pk)"
_OTHER_WRITER: Final = "another writer came first"
_SLOW: Final = "slow read"
_REMEMBERED_SECONDS: Final = 24 * 60 * 60


class DynamoDBUsers:
    """Implements users.Users.

    clock: the time in epoch seconds.
    """

    def __init__(self, table: Table, *, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock
        self._pool: ThreadPoolExecutor | None = None

    def create(self, user: User, attempt: Attempt | None = None) -> User:
        """See Users."""
        writes = [self._table.put(items.user_item(user), where=_FREE)]
        if email := items.email_of(user):
            writes.append(self._table.put(items.email_item(email, user), where=_FREE))
        if attempt:
            # It decides first: who comes again meets the username and the email, too.
            writes.insert(0, self._marker(attempt, user))
        try:
            self._table.transact(writes, self._table.patience())
        except Refused as refused:
            position = refused.position
            if attempt:
                if position == 0 and refused.held:
                    return _first_answer(refused.held, attempt)
                position -= 1
            raise (EmailTaken if position else UsernameTaken) from None
        return user

    def get(self, username: str) -> User:
        """See Users."""
        item = self._table.get(items.user_key(username))
        if item is None:
            raise UserNotFound
        return items.to_user(item)

    def update(self, username: str, change: Callable[[User], User]) -> User:
        """See Users."""
        patience = self._table.patience()
        while True:
            before = self.get(username)
            after = change(before)
            if after is before:
                return before
            patience.check(_SLOW)
            try:
                self._table.transact(self._replacement(before, after), patience)
            except Refused as refused:
                if refused.position:
                    raise EmailTaken from None
                patience.pause(_OTHER_WRITER)
            else:
                return after

    def delete(self, username: str, permit: Callable[[User], None]) -> None:
        """See Users."""
        patience = self._table.patience()
        while True:
            user = self.get(username)
            permit(user)
            patience.check(_SLOW)
            writes = [
                self._table.delete(items.user_key(username), where="etag = :held", held=user.etag)
            ]
            if email := items.email_of(user):
                writes.append(self._freed(email, user))
            try:
                self._table.transact(writes, patience)
            except Refused as refused:
                if refused.position:
                    raise
                patience.pause(_OTHER_WRITER)
            else:
                return

    def list_users(self, listing: Listing) -> Page:
        """See Users."""
        patience = self._table.patience()
        if listing.email is not None:
            return Page(self._with_email(listing.email, listing, patience), more=False)
        if listing.status is not None:
            return self._with_status(listing.status, listing, patience)
        found = self._first(listing, listing.limit + 1, patience)
        users = [items.to_user(item) for item in found[: listing.limit]]
        return Page(users, more=len(found) > listing.limit)

    def check(self) -> None:
        """See Users."""
        self._table.probe(items.NOWHERE)

    def _with_email(self, email: str, listing: Listing, patience: Patience) -> list[User]:
        while True:
            holder = self._table.get(items.email_key(email.lower()))
            if holder is None:
                return []
            patience.check(_SLOW)
            item = self._table.get(items.user_key(holder["username"]["S"]))
            user = items.to_user(item) if item else None
            if user and items.email_of(user) == email.lower():
                return [user] if _is_listed(user, listing) else []
            # It went to somebody else between the two reads; who has it now?
            patience.pause(_OTHER_WRITER)

    def _with_status(self, status: str, listing: Listing, patience: Patience) -> Page:
        users: list[User] = []
        while True:
            wanted = listing.limit - len(users)
            found = self._first(listing, wanted + 1, patience)
            keys = [{"pk": item["pk"], "sk": item["sk"]} for item in found[:wanted]]
            states = map(items.to_user, self._table.get_all(keys, patience))
            # The index may lag: what it names has another status by now, or is gone.
            still = [user for user in states if user.members["status"] == status]
            users += sorted(still, key=lambda user: user.username)
            more = len(found) > wanted
            if not more or len(users) == listing.limit:
                return Page(users, more)
            listing = listing._replace(after=keys[-1]["sk"]["S"])

    def _first(self, listing: Listing, count: int, patience: Patience) -> "list[Item]":
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
            patience.check(_SLOW)
            answers = list(self._threads().map(self._table.query, parts, repeat(limit)))
            for answered, _ in answers:
                found += answered
            found.sort(key=_username)
            last_needed = _username(found[count - 1]) if len(found) >= count else None
            parts = [
                part._replace(start=last)
                for part, (_, last) in zip(parts, answers, strict=True)
                if last and (last_needed is None or _username(last) < last_needed)
            ]
            limit *= 2
        return found[:count]

    def _threads(self) -> ThreadPoolExecutor:
        # Made when it is first needed, and kept like the client's connections.
        if self._pool is None:
            self._pool = ThreadPoolExecutor(items.SHARDS)
        return self._pool

    def _marker(self, attempt: Attempt, user: User) -> "TransactWriteItemTypeDef":
        now = self._clock()
        item = items.marker_item(
            attempt.key,
            items.Marker(attempt.request, user),
            expires_at=math.ceil(now + _REMEMBERED_SECONDS),
        )
        # DynamoDB removes expired items when it has time for it, which may be days later.
        where = f"{_FREE} OR {items.TIME_TO_LIVE} <= :now"
        return self._table.put(item, where=where, returns_held=True, now=math.floor(now))

    def _replacement(self, before: User, after: User) -> "list[TransactWriteItemTypeDef]":
        writes = [self._table.put(items.user_item(after), where="etag = :held", held=before.etag)]
        old, new = items.email_of(before), items.email_of(after)
        if new and new != old:
            writes.append(self._table.put(items.email_item(new, after), where=_FREE))
        if old and new != old:
            writes.append(self._freed(old, before))
        return writes

    def _freed(self, email: str, user: User) -> "TransactWriteItemTypeDef":
        key = items.email_key(email)
        return self._table.delete(key, where="username = :held", held=user.username)


def _first_answer(held: Mapping[str, Any], attempt: Attempt) -> User:
    marker = items.to_marker(held)
    if marker.request != attempt.request:
        raise IdempotencyKeyReused
    return marker.user


def _is_listed(user: User, listing: Listing) -> bool:
    return user.username.startswith(listing.username_prefix) and (
        listing.status in {None, user.members["status"]}
    )


def _part(listing: Listing, shard: int) -> Range:
    """The listed users of a shard, in the table or in the index."""
    index, name, value = None, "pk", items.user_partition(shard)
    start: Item | None = None
    if listing.after:  # no user of this shard has to have this username
        start = {"pk": {"S": value}, "sk": {"S": listing.after}}
    if listing.status is not None:
        index, name = items.STATUS_INDEX, items.STATUS_INDEX_KEY
        value = items.status_partition(listing.status, shard)
        start = start and {**start, name: {"S": value}}
    return Range(index, (name, value), listing.username_prefix, start)


def _username(item: "Item") -> str:
    return item["sk"]["S"]
