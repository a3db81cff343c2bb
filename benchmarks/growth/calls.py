"""The API's calls on tables of different sizes: their time, requests and units."""

import random
import statistics
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

import boto3

from benchmarks.growth.population import COUNTS, Meter, populated, user, username
from benchmarks.project import DynamoDBUserRepository, IdempotencyKey, Listing, User, create_table
from tooling.progress import Failure, step

PAGE: Final = 25
_ROUNDS: Final = 300
# The median with the most users may be this many times the median with the fewest.
_FLAT: Final = 1.5
# DynamoDB Local takes longer the more items are before where a query starts: one of 7 users took
# 1.4 ms at the beginning of a partition key's 12,500, and 2.5 ms at their end.
_ANYWHERE: Final = f"list, a page of {PAGE}, anywhere"
_TRANSACTION: Final = 2
# Dollars for a million units on demand in us-east-1, as docs/operations.md has them.
_READ_PRICE: Final = 0.125
_WRITE_PRICE: Final = 0.625

type Times = dict[int, float]


class Units(NamedTuple):
    """Read units, and write units of the table and of the index."""

    reads: float
    writes: float
    indexed: float


class Measured(NamedTuple):
    """A call: what one asks, and its median milliseconds by the number of users.

    Attributes:
        processor: Of this process alone, which is the function's code and not the engine.
    """

    name: str
    units: Units
    requests: str
    elapsed: Times
    processor: Times

    def row(self) -> str:
        """Return the call's row of the table of times."""
        times = " | ".join(f"{self.elapsed[count]:.1f}" for count in COUNTS)
        growth = " | ".join(f"{_growth(times):.2f}" for times in (self.elapsed, self.processor))
        return f"| {self.name} | {self.requests} | {times} | {growth} |"

    def cost(self) -> str:
        """Return the call's row of the table of units."""
        units = self.units
        dollars = units.reads * _READ_PRICE + (units.writes + units.indexed) * _WRITE_PRICE
        shown = " | ".join(f"{figure:g}" for figure in units)
        return f"| {self.name} | {shown} | {dollars:.3f} |"


def _growth(times: Times) -> float:
    return times[COUNTS[-1]] / times[COUNTS[0]]


def measure() -> list[Measured]:
    """Measure each call with each number of users.

    Raises:
        Failure: A call takes longer or costs more with more users.
    """
    with ExitStack() as stack:
        tables = {count: stack.enter_context(populated(count)) for count in COUNTS}
        calls = {count: _calls(users, count) for count, (_, users) in tables.items()}
        costs = {
            count: {name: _cost(meter, call) for name, call in calls[count].items()}
            for count, (meter, _) in tables.items()
        }
        with step(f"{_ROUNDS} of each call, in turns"):
            elapsed, processor = _timed(calls)
    found = []
    for name, (units, requests) in costs[COUNTS[0]].items():
        by_count = {count: costs[count][name][0] for count in COUNTS}
        if set(by_count.values()) != {units}:
            raise Failure(f"{name}: what it costs depends on the number of users: {by_count}.")
        call = Measured(name, units, requests, elapsed[name], processor[name])
        by_clock, by_processor = _growth(call.elapsed), _growth(call.processor)
        if by_processor > _FLAT or (by_clock > _FLAT and name != _ANYWHERE):
            raise Failure(
                f"{name}: with {COUNTS[-1]:,} users it takes {by_clock:.2f} times as long as "
                f"with {COUNTS[0]:,}, and {by_processor:.2f} times the processor's time."
            )
        found.append(call)
    return found


def _calls(users: DynamoDBUserRepository, count: int) -> dict[str, Callable[[], object]]:
    """Return one of each, on a user that is drawn anew each time."""
    draw = random.Random(count)  # noqa: S311 it keeps no secret

    def any_user() -> str:
        return username(draw.randrange(count))

    def create() -> None:
        name = f"new-{uuid.uuid4()}"
        users.create(user(name), IdempotencyKey(name, "0" * 64))

    def changed(before: User) -> User:
        return before.changed({**before.members, "given_name": f"Jane {draw.random()}"})

    def page_anywhere() -> object:
        after = username(draw.randrange(count - 2 * PAGE))
        return users.list_users(Listing(PAGE, after=after))

    return {
        "get": lambda: users.get(any_user()),
        "create, with an email and a key": create,
        "patch": lambda: users.update(any_user(), changed),
        f"list, the first page of {PAGE}": lambda: users.list_users(Listing(PAGE)),
        _ANYWHERE: page_anywhere,
        "list of an email": lambda: users.list_users(
            Listing(PAGE, email=f"{any_user()}@example.com")
        ),
    }


def _timed(
    calls: dict[int, dict[str, Callable[[], object]]],
) -> tuple[dict[str, Times], dict[str, Times]]:
    """Time the calls in turns, so that whatever else the machine does slows all of them alike."""
    elapsed = defaultdict(list)
    processor = defaultdict(list)
    for _ in range(_ROUNDS):
        for count, by_name in calls.items():
            for name, call in by_name.items():
                began, used = time.perf_counter(), time.process_time()
                call()
                elapsed[name, count].append(1000 * (time.perf_counter() - began))
                processor[name, count].append(1000 * (time.process_time() - used))
    return _medians(elapsed), _medians(processor)


def _medians(times: Mapping[tuple[str, int], Sequence[float]]) -> dict[str, Times]:
    found: dict[str, Times] = defaultdict(dict)
    for (name, count), each in times.items():
        found[name][count] = statistics.median(each)
    return found


def _cost(meter: Meter, call: Callable[[], object]) -> tuple[Units, str]:
    """Return the units and the requests of a call."""
    call()  # connections are made
    meter.reset()
    call()
    return Units(meter.cost.reads, *_singly(meter.cost.writes)), meter.cost.shown()


def _singly(writes: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Return a transaction's write units of table and index.

    DynamoDB Local says too much of a transaction, so each item is written singly, and its units
    doubled. A user that replaces another is written over one of equal size and status.
    """
    client = boto3.client("dynamodb")
    name = f"singly-{uuid.uuid4()}"
    create_table(client, name)
    table = index = 0.0
    for write in writes:
        put = write["Put"]
        is_change = ":etag" in put.get("ExpressionAttributeValues", {})
        for _ in range(1 + is_change):
            response = client.put_item(
                TableName=name, Item=put["Item"], ReturnConsumedCapacity="INDEXES"
            )
        consumed = response["ConsumedCapacity"]
        table += _TRANSACTION * consumed["Table"]["CapacityUnits"]
        index += sum(
            i["CapacityUnits"] for i in consumed.get("GlobalSecondaryIndexes", {}).values()
        )
    client.delete_table(TableName=name)
    client.close()
    return table, index
