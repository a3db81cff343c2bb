"""At which rates DynamoDB throttles: arithmetic, for tables that no machine here could hold."""

import math
from collections.abc import Iterator, Mapping
from typing import Final

from backend.users.dynamodb import items
from benchmarks.growth.calls import PAGE
from benchmarks.growth.population import user, username
from benchmarks.growth.units import Units, read, size, transacted, written

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
_READS: Final = 3_000  # of a partition, a second
_WRITES: Final = 1_000
_PARTITION_BYTES: Final = 10 * 1024**3
# What a new table on demand is ready for, 4,000 writes and 12,000 reads a second:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
_FIRST_PARTITIONS: Final = 4
_ITEM_OVERHEAD: Final = 100
_COUNTS: Final = (1_000_000, 10_000_000, 100_000_000)


def hot_keys() -> Iterator[str]:
    """Rows of a table: the call, what throttles it first, at how many a second, and what helps."""
    one = user(username(0))
    item = items.user_item(one)
    change = transacted([item])
    entry = 1  # an entry of the index is a few keys
    together = math.ceil(PAGE / items.SHARDS)  # of a page, in each shard
    for call, what, rate, helps in (
        (
            "get, of one user",
            "the user's item",
            _READS / read([item]),
            "a hot item gets a partition of its own, and no item can be split: no more than this",
        ),
        (
            "patch, of one user",
            "the user's item",
            _WRITES / change,
            "the same; writers that meet pause and try again before (503 after 5 s)",
        ),
        (
            "list, of one email",
            "the email's item, and its user's",
            _READS / read([item]),
            "the same; emails are spread by SHA-256, so two hot ones hardly share a partition",
        ),
        (
            "create, repeated with one `Idempotency-Key`",
            "the idempotency record",
            _WRITES / change,
            "the same; keys of a caller are spread by SHA-256, like emails",
        ),
        (
            "create, usernames in order",
            f"the end of each of the {items.SHARDS} partition keys",
            items.SHARDS * _WRITES / change,
            "until the ends lie in 8 partitions; then not, as what comes next is at an end again",
        ),
        (
            "create, usernames in order",
            f"the same {items.SHARDS} ends in the index",
            items.SHARDS * _WRITES / entry,
            "not by splitting; an index that can't keep up would slow down the table, but the "
            "table throttles first",
        ),
        (
            "create or patch, usernames in no order",
            "nothing of its own: see the next table",
            math.inf,
            "yes: a partition that is hot is split by the sort key, also within one `pk`, as there "
            "is no local secondary index",
        ),
        (
            "list, the first page, or any one page",
            f"the items that begin each of the {items.SHARDS} partition keys",
            float(_READS),
            "until the 8 places lie in 8 partitions; then hardly: a page's users lie together",
        ),
        (
            "list of a status, the first page",
            f"some {together} of its users in one partition key, each 1 unit",
            _READS / together,
            "in part: the users can be parted until each has a partition; then 3,000",
        ),
        (
            "change of status, users in order",
            f"two entries of the index, at {items.SHARDS} places each",
            items.SHARDS * _WRITES / change,
            "not by splitting; the table throttles first, as the two entries have different keys",
        ),
        (
            "`/health`",
            "one key, where nothing is",
            float(_READS),
            "no; the gateway stops it before, at what a route may have",
        ),
    ):
        shown = "-" if rate == math.inf else f"{rate:,.0f}"
        yield f"| {call} | {what} | {shown} | {helps} |"


def spread(calls: Mapping[str, Units]) -> Iterator[str]:
    """Rows of a table: the calls whose keys are spread, for numbers of users."""
    for count in _COUNTS:
        held = count * _bytes_of_user()
        partitions = max(_FIRST_PARTITIONS, math.ceil(held / _PARTITION_BYTES))
        rates = []
        for units in calls.values():
            each = (
                _READS / units.reads if units.reads else math.inf,
                _WRITES / units.writes if units.writes else math.inf,
            )
            rates.append(f"{partitions * min(each):,.0f}")
        yield f"| {count:,} | {held / 1e9:,.1f} | {partitions} | {' | '.join(rates)} |"


def _bytes_of_user() -> int:
    """In the table: the user, and its email. Idempotency records are gone after a day or more."""
    one = user(username(0))
    both = (items.user_item(one), items.email_item(f"{one.username}@example.com", one))
    assert written(both[0]) == 1  # noqa: S101 the arithmetic above is of users below 1 KB
    return sum(size(item) + _ITEM_OVERHEAD for item in both)
