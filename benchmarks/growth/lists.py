"""Lists: what each page costs, a walk beside writers, and the number of partition keys."""

import itertools
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from backend.users.dynamodb import items
from backend.users.dynamodb.repository import DynamoDBUserRepository
from backend.users.repository import Listing
from benchmarks.growth.calls import PAGE
from benchmarks.growth.population import RARE, populated, user, username
from tooling.progress import Failure, step

REPEATS: Final = 40
_COMING_AND_GOING: Final = 500


def pages(count: int) -> Iterator[str]:
    """Rows of a table: pages of several lists, at several places."""
    with populated(count) as (meter, users):
        for kind, filters in (
            ("all", {}),
            ("active", {"status": "active"}),
            (f"suspended, one in {RARE}", {"status": "suspended"}),
        ):
            listing = Listing(PAGE, **filters)
            for where, after in (
                ("first", ""),
                ("middle", username(count // 2)),
                ("last", _before_last_page(users, listing, count)),
            ):
                meter.reset()
                page = users.list_users(listing._replace(after=after))
                yield f"| {count:,} | {kind} | {where} | {len(page.users)} | {meter.cost} |"
        meter.reset()
        users.list_users(Listing(PAGE, email=f"{username(7)}@example.com"))
        yield f"| {count:,} | one email | - | 1 | {meter.cost} |"


def _before_last_page(users: DynamoDBUserRepository, listing: Listing, count: int) -> str:
    """Who comes right before the last page: found from the end, as a walk would take long."""
    step_back = PAGE * (RARE if listing.status == "suspended" else 1)
    tail = listing._replace(limit=2 * PAGE, after=username(max(0, count - step_back - 1)))
    names = [one.username for one in users.list_users(tail).users]
    return names[-PAGE - 1] if len(names) > PAGE else tail.after


def walk(count: int, status: str | None) -> str:
    """Walk while users come and go; all who were there throughout must be seen once."""
    with populated(count) as (meter, users):
        leaving = [username(number) for number in range(7, count, count // _COMING_AND_GOING)]
        leaving = leaving[:_COMING_AND_GOING]
        coming = [f"{name}x" for name in leaving]
        lasting = {username(number) for number in range(count)} - set(leaving)
        if status:
            lasting -= {username(number) for number in range(count) if not number % RARE}

        def change() -> None:
            for come, go in zip(coming, reversed(leaving), strict=True):
                users.create(user(come))
                users.delete(go, lambda _user: None)

        seen: Counter[str] = Counter()
        pages = 0
        listing = Listing(PAGE, status=status)
        began = time.monotonic()
        with step(f"a walk of {count:,} ({status or 'all'})"), ThreadPoolExecutor(1) as pool:
            changes = pool.submit(change)
            while True:
                page = users.list_users(listing)
                pages += 1
                seen.update(one.username for one in page.users)
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
        # The others are the writers' own.
        reads = Counter({n: meter.cost.requests[n] for n in ("Query", "BatchGetItem")})
        return (
            f"| {count:,} | {status or 'all'} | {beside} | {len(lasting):,} of {len(lasting):,} "
            f"| {pages:,} | {sum(reads.values()) / pages:.2f} | {ended - began:.0f} |"
        )


def shards(number: int) -> str:
    """The same pages with another number of shards."""
    before, items.SHARDS = items.SHARDS, number  # type: ignore[misc]
    try:
        with populated(10_000) as (meter, users):
            for _ in range(3):  # connections are made
                users.list_users(Listing(PAGE))
            meter.reset()
            processor, elapsed = [], []
            for at in itertools.islice(itertools.count(1000, 200), REPEATS):
                began, used = time.perf_counter(), time.process_time()
                users.list_users(Listing(PAGE, after=username(at)))
                elapsed.append(time.perf_counter() - began)
                processor.append(time.process_time() - used)
            return (
                f"| {number} | {sum(meter.cost.requests.values()) / REPEATS:.1f} "
                f"| {meter.cost.reads / REPEATS:.1f} "
                f"| {1000 * statistics.median(processor):.1f} "
                f"| {1000 * statistics.median(elapsed):.1f} |"
            )
    finally:
        items.SHARDS = before  # type: ignore[misc]
