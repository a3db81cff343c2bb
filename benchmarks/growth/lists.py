"""Lists: what each page costs, and a walk beside writers."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from benchmarks.growth.calls import PAGE
from benchmarks.growth.population import RARE, populated, user, username
from benchmarks.project import DynamoDBUserRepository, Listing
from tooling.progress import Failure, step

_COMING_AND_GOING: Final = 500


def pages(count: int) -> Iterator[str]:
    """Yield rows of a table: pages of several lists, at several places."""
    with populated(count) as (meter, users):
        for kind, status in (
            ("all", None),
            ("active", "active"),
            (f"suspended, one in {RARE}", "suspended"),
        ):
            listing = Listing(PAGE, status=status)
            for where, after in (
                ("first", ""),
                ("middle", username(count // 2)),
                ("last", _before_last_page(users, listing, count)),
            ):
                meter.reset()
                found = len(users.list_users(listing._replace(after=after)).users)
                cost = f"{meter.cost.reads:g} | {meter.cost.shown()}"
                yield f"| {count:,} | {kind} | {where} | {found} | {cost} |"


def _before_last_page(users: DynamoDBUserRepository, listing: Listing, count: int) -> str:
    """Find who comes right before the last page from the end: a walk would take long."""
    step_back = PAGE * (RARE if listing.status == "suspended" else 1)
    tail = listing._replace(limit=2 * PAGE, after=username(max(0, count - step_back - 1)))
    names = [one.username for one in users.list_users(tail).users]
    return names[-PAGE - 1] if len(names) > PAGE else tail.after


def walk(count: int, status: str | None) -> str:
    """Walk through a list while users come and go; return a row of a table.

    Raises:
        Failure: One who was there throughout wasn't seen once.
    """
    with populated(count) as (meter, users):
        leaving = [username(number) for number in range(7, count, count // _COMING_AND_GOING)]
        leaving = leaving[:_COMING_AND_GOING]
        lasting = {username(number) for number in range(count)} - set(leaving)
        if status:
            lasting -= {username(number) for number in range(count) if not number % RARE}

        def change() -> None:
            for neighbour, goes in zip(leaving, reversed(leaving), strict=True):
                users.create(user(f"{neighbour}x"))
                users.delete(goes, lambda _user: None)

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
            seconds = time.monotonic() - began
            when = "all before its end" if changes.done() else "not all of them before its end"
            changes.result()
        wrong = [name for name in seen.keys() | lasting if seen[name] != 1]
        if wrong:
            raise Failure(f"{len(wrong)} users were not seen once, such as {wrong[0]}.")
        # Other requests are the writers' own.
        reads = sum(meter.cost.requests[name] for name in ("Query", "BatchGetItem"))
        return (
            f"| {count:,} | {status or 'all'} "
            f"| {_COMING_AND_GOING} created, {_COMING_AND_GOING} deleted, {when} "
            f"| {len(lasting):,} of {len(lasting):,} "
            f"| {pages:,} | {reads / pages:.2f} | {seconds:.0f} |"
        )
