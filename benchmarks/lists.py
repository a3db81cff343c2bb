"""./scripts/list-costs: what a page of a list costs, in AWS's own DynamoDB engine on this machine.

Writes docs/list-costs.md. Also walks a list while users come and go, and fails when one who was
there throughout was not seen exactly once. Takes some three minutes.
"""

import itertools
import os
import statistics
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import items
from dynamodb import DynamoDBUsers
from localcloud.install import ROOT
from localcloud.progress import Failure, explain, say, step
from models import User
from table import Table, make_client
from tests.dynamodb_local import create_table, started_engine
from users import Listing

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_PAGE: Final = ROOT / "docs" / "list-costs.md"
_LIMIT: Final = 25
_COUNTS: Final = (1_000, 10_000, 100_000)
_RARE: Final = 500  # one in so many is suspended
_COMING_AND_GOING: Final = 500
_SHARDS: Final = (1, 4, 8, 16, 32)
_REPEATS: Final = 40


class Cost(NamedTuple):
    """What one call asked of DynamoDB; units are read request units."""

    requests: Counter[str]
    units: float

    def __str__(self) -> str:
        requests = ", ".join(f"{count} {name}" for name, count in sorted(self.requests.items()))
        return f"{self.units:g} | {requests}"


class Meter:
    """Counts what a client asks of DynamoDB, as DynamoDB says it."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self._lock = threading.Lock()
        self.reset()
        events = client.meta.events
        for operation in ("Query", "BatchGetItem", "GetItem"):
            events.register(f"before-parameter-build.dynamodb.{operation}", self._ask)
            events.register(f"after-call.dynamodb.{operation}", self._count)

    def reset(self) -> None:
        """Begin again."""
        self.cost = Cost(Counter(), 0)

    def _ask(self, params: dict[str, Any], **_: object) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def _count(self, parsed: dict[str, Any], model: Any, **_: object) -> None:
        consumed = parsed["ConsumedCapacity"]
        each = consumed if isinstance(consumed, list) else [consumed]
        with self._lock:
            requests = self.cost.requests + Counter([model.name])
            units = self.cost.units + sum(one["CapacityUnits"] for one in each)
            self.cost = Cost(requests, units)


def main() -> None:
    """Measure everything and write the page."""
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with started_engine() as endpoint:
            os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = endpoint
            rows = [row for count in _COUNTS for row in _pages(count)]
            walks = [_walk(count, status) for count in _COUNTS[1:] for status in (None, "active")]
            shards = [_shards(number) for number in _SHARDS]
    except Failure as failure:
        explain(failure)
        raise SystemExit(1) from failure
    _PAGE.write_text(_text(rows, walks, shards))
    say(f"\n{_PAGE.relative_to(ROOT)} is written.")


def _pages(count: int) -> Iterator[str]:
    with _table(count) as (client, users):
        meter = Meter(client)
        for kind, filters in (
            ("all", {}),
            ("active", {"status": "active"}),
            (f"suspended, one in {_RARE}", {"status": "suspended"}),
        ):
            listing = Listing(_LIMIT, **filters)
            for where, after in (
                ("first", ""),
                ("middle", _name(count // 2)),
                ("last", _before_last_page(users, listing, count)),
            ):
                meter.reset()
                page = users.list_users(listing._replace(after=after))
                yield f"| {count:,} | {kind} | {where} | {len(page.users)} | {meter.cost} |"
        meter.reset()
        users.list_users(Listing(_LIMIT, email=f"{_name(7)}@example.com"))
        yield f"| {count:,} | one email | - | 1 | {meter.cost} |"


def _before_last_page(users: DynamoDBUsers, listing: Listing, count: int) -> str:
    """Who comes right before the last page: found from the end, as a walk would take long."""
    step_back = _LIMIT * (_RARE if listing.status == "suspended" else 1)
    tail = listing._replace(limit=2 * _LIMIT, after=_name(max(0, count - step_back - 1)))
    names = [user.username for user in users.list_users(tail).users]
    return names[-_LIMIT - 1] if len(names) > _LIMIT else tail.after


def _walk(count: int, status: str | None) -> str:
    """Walk while users come and go; all who were there throughout must be seen once."""
    with _table(count) as (client, users):
        meter = Meter(client)
        leaving = [_name(number) for number in range(7, count, count // _COMING_AND_GOING)]
        leaving = leaving[:_COMING_AND_GOING]
        coming = [f"{name}x" for name in leaving]
        lasting = {_name(number) for number in range(count)} - set(leaving)
        if status:
            lasting -= {_name(number) for number in range(count) if not number % _RARE}

        def change() -> None:
            for come, go in zip(coming, reversed(leaving), strict=True):
                users.create(_user(come, "active"))
                users.delete(go, lambda _user: None)

        seen: Counter[str] = Counter()
        pages = 0
        listing = Listing(_LIMIT, status=status)
        began = time.monotonic()
        with step(f"a walk of {count:,} ({status or 'all'})"), ThreadPoolExecutor(1) as pool:
            changes = pool.submit(change)
            while True:
                page = users.list_users(listing)
                pages += 1
                seen.update(user.username for user in page.users)
                if not page.more:
                    break
                listing = listing._replace(after=page.users[-1].username)
            ended = time.monotonic()
            still_changing = not changes.done()
            changes.result()
        wrong = [name for name in lasting if seen[name] != 1] + [
            n for n, c in seen.items() if c > 1
        ]
        if wrong:
            raise Failure(f"{len(wrong)} users were not seen once, such as {wrong[0]}.")
        beside = f"{_COMING_AND_GOING} created, {_COMING_AND_GOING} deleted"
        beside += ", not all of them before its end" if still_changing else ", all before its end"
        # GetItem is the deletes' own.
        reads = Counter({n: c for n, c in meter.cost.requests.items() if n != "GetItem"})
        return (
            f"| {count:,} | {status or 'all'} | {beside} | {len(lasting):,} of {len(lasting):,} "
            f"| {pages:,} | {sum(reads.values()) / pages:.2f} | {ended - began:.0f} |"
        )


def _shards(number: int) -> str:
    """The same pages with another number of shards."""
    before, items.SHARDS = items.SHARDS, number  # type: ignore[misc]
    try:
        with _table(10_000) as (client, users):
            meter = Meter(client)
            for _ in range(3):  # connections are made, threads started
                users.list_users(Listing(_LIMIT))
            meter.reset()
            processor, elapsed = [], []
            for at in itertools.islice(itertools.count(1000, 200), _REPEATS):
                began, used = time.perf_counter(), time.process_time()
                users.list_users(Listing(_LIMIT, after=_name(at)))
                elapsed.append(time.perf_counter() - began)
                processor.append(time.process_time() - used)
            return (
                f"| {number} | {sum(meter.cost.requests.values()) / _REPEATS:.1f} "
                f"| {meter.cost.units / _REPEATS:.1f} "
                f"| {1000 * statistics.median(processor):.1f} "
                f"| {1000 * statistics.median(elapsed):.1f} |"
            )
    finally:
        items.SHARDS = before  # type: ignore[misc]


@contextmanager
def _table(count: int) -> "Iterator[tuple[DynamoDBClient, DynamoDBUsers]]":
    client = make_client()
    name = f"users-{uuid.uuid4()}"
    create_table(client, name)
    with step(f"{count:,} users"):
        _fill(client, name, count)
    yield client, DynamoDBUsers(Table(client, name, budget_seconds=60))
    client.delete_table(TableName=name)
    client.close()


def _fill(client: "DynamoDBClient", table_name: str, count: int) -> None:
    puts = [
        {"PutRequest": {"Item": item}}
        for number in range(count)
        for user in [_user(_name(number), "active" if number % _RARE else "suspended")]
        for item in (
            items.user_item(user),
            items.email_item(f"{user.username}@example.com", user),
        )
    ]
    with ThreadPoolExecutor(4) as pool:
        batches = [puts[first : first + 25] for first in range(0, len(puts), 25)]

        def write(batch: Any) -> None:
            client.batch_write_item(RequestItems={table_name: batch})

        list(pool.map(write, batches))


def _user(name: str, status: str) -> User:
    members = {
        "email": f"{name}@example.com",
        "status": status,
        "given_name": "Jane",
        "family_name": "Doe",
        "locale": "en-US",
    }
    return User.new(name, members)


def _name(number: int) -> str:
    return f"user{number:07}"


def _text(rows: list[str], walks: list[str], shards: list[str]) -> str:
    item = items.user_item(_user(_name(0), "active"))
    size = sum(len(name) + len(str(next(iter(value.values())))) for name, value in item.items())
    return f"""\
# What a list costs

Written by `./scripts/list-costs`, in DynamoDB Local: {_LIMIT} users a page, each user {size} bytes.
A read request unit is 4 KB read with strong consistency; each query of the index, which is read
with eventual consistency, is at least half of one. How long something takes here says nothing of
AWS; requests, units and the processor's time of the function's code are what matters.

## A page

| users | which | page | users on it | units | requests |
| ---: | --- | --- | ---: | ---: | --- |
{chr(10).join(rows)}

## A walk beside writers

| users | which | beside it | there throughout and seen once | pages | requests a page | seconds |
| ---: | --- | --- | ---: | ---: | ---: | ---: |
{chr(10).join(walks)}

## The number of partition keys

A page of 10,000 users, in the mean of {_REPEATS} pages (units, requests) or their median (times).

| partition keys | requests | units | ms of processor time | ms |
| ---: | ---: | ---: | ---: | ---: |
{chr(10).join(shards)}
"""


if __name__ == "__main__":
    main()
