"""The calls of the API, in tables of different sizes: time, and units by formula and by engine."""

import math
import random
import statistics
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

import boto3

from backend.users.dynamodb import items
from backend.users.dynamodb.repository import DynamoDBUserRepository
from backend.users.models import User
from backend.users.repository import IdempotencyKey, Listing
from benchmarks.growth.meter import Cost, Meter
from benchmarks.growth.population import COUNTS, populated, user, username
from benchmarks.growth.units import Units, read, transacted, written
from tests.dynamodb_local import create_table
from tooling.progress import Failure, step

PAGE: Final = 25
ROUNDS: Final = 300
# The median with the most users may be this many times the median with the fewest.
FLAT: Final = 1.5
FIRST_PAGE: Final = f"list, the first page of {PAGE}"
# DynamoDB Local takes longer the more items are before where a query goes on: one of 7 users took
# 1.4 ms at the beginning of a partition key's 12,500, and 2.5 ms at their end.
ANYWHERE: Final = f"list, a page of {PAGE}, anywhere"
_TRANSACTION: Final = 2


class Measured(NamedTuple):
    """A call. units: by formula; requests: of one.

    elapsed, processor: the median of milliseconds, by the number of users; the latter of this
    process alone, which is the function's code and not the engine.
    """

    name: str
    units: Units
    requests: str
    elapsed: Mapping[int, float]
    processor: Mapping[int, float]

    def growth(self) -> tuple[float, float]:
        """How many times as long it takes with the most users as with the fewest, both ways."""
        elapsed = self.elapsed[COUNTS[-1]] / self.elapsed[COUNTS[0]]
        return elapsed, self.processor[COUNTS[-1]] / self.processor[COUNTS[0]]


class _Subject:
    """A table with its users, and the calls on it."""

    def __init__(self, meter: Meter, users: DynamoDBUserRepository, count: int) -> None:
        self.meter = meter
        self._users = users
        self._count = count
        self._random = random.Random(count)  # noqa: S311 it keeps no secret
        self._changes = 0

    def calls(self) -> dict[str, Callable[[], object]]:
        """One of each, on a user that is drawn anew each time."""
        return {
            "get": lambda: self._users.get(self._any()),
            "create, with an email and a key": self._create,
            "patch": lambda: self._users.update(self._any(), self._changed),
            FIRST_PAGE: lambda: self._users.list_users(Listing(PAGE)),
            ANYWHERE: lambda: self._users.list_users(
                Listing(PAGE, after=username(self._random.randrange(self._count - 2 * PAGE)))
            ),
            "list of an email": lambda: self._users.list_users(
                Listing(PAGE, email=f"{self._any()}@example.com")
            ),
        }

    def _any(self) -> str:
        return username(self._random.randrange(self._count))

    def _create(self) -> None:
        name = f"new-{uuid.uuid4()}"
        self._users.create(user(name), IdempotencyKey(name, "0" * 64))

    def _changed(self, before: User) -> User:
        self._changes += 1
        return before.changed({**before.members, "given_name": f"Jane {self._changes}"})


def formulas() -> dict[str, Units]:
    """By DynamoDB's rules and docs/decisions/0003-keys.md, for users as the tables have them."""
    one = user(f"new-{uuid.uuid4()}")
    item = items.user_item(one)
    email = items.email_item("x" * 36 + "@example.com", one)
    record = items.idempotency_item(
        "0" * 64, items.IdempotencyRecord("0" * 64, one), expires_at=1_800_000_000
    )
    entry = {name: item[name] for name in ("pk", "sk", "status_shard")}
    share = (PAGE + 1) / items.SHARDS
    asked = math.ceil(share + 2 * math.sqrt(share))
    return {
        "get": Units(read([item])),
        "create, with an email and a key": Units(
            0, transacted([item, email, record]), written(entry)
        ),
        "patch": Units(read([item]), transacted([item])),
        FIRST_PAGE: Units(items.SHARDS * read([item] * asked)),
        ANYWHERE: Units(items.SHARDS * read([item] * asked)),
        "list of an email": Units(read([email]) + read([item])),
    }


def measure() -> list[Measured]:
    """Raises Failure when a formula is wrong, or a call takes longer the more users there are."""
    by_formula = formulas()
    with ExitStack() as stack:
        subjects = {
            count: _Subject(*stack.enter_context(populated(count)), count) for count in COUNTS
        }
        costs = {
            (name, count): _checked(name, count, subject, call, by_formula[name])
            for count, subject in subjects.items()
            for name, call in subject.calls().items()
        }
        with step(f"{ROUNDS} of each call, in turns"):
            elapsed, processor = _timed(subjects)
    found = [
        Measured(
            name,
            units,
            ", ".join(
                f"{n} {request}" for request, n in sorted(costs[name, COUNTS[0]].requests.items())
            ),
            {count: 1000 * statistics.median(elapsed[name, count]) for count in COUNTS},
            {count: 1000 * statistics.median(processor[name, count]) for count in COUNTS},
        )
        for name, units in by_formula.items()
    ]
    for call in found:
        by_clock, by_processor = call.growth()
        if by_processor > FLAT or (by_clock > FLAT and call.name != ANYWHERE):
            raise Failure(
                f"{call.name}: with {COUNTS[-1]:,} users it takes {by_clock:.2f} times as long as "
                f"with {COUNTS[0]:,}, and {by_processor:.2f} times the processor's time."
            )
    return found


type _Seconds = Mapping[tuple[str, int], Sequence[float]]


def _timed(subjects: Mapping[int, _Subject]) -> tuple[_Seconds, _Seconds]:
    """In turns, so that what else the machine does slows down all alike."""
    elapsed, processor = defaultdict(list), defaultdict(list)
    for _ in range(ROUNDS):
        for count, subject in subjects.items():
            for name, call in subject.calls().items():
                began, used = time.perf_counter(), time.process_time()
                call()
                elapsed[name, count].append(time.perf_counter() - began)
                processor[name, count].append(time.process_time() - used)
    return elapsed, processor


def _checked(
    name: str, count: int, subject: _Subject, call: Callable[[], object], units: Units
) -> Cost:
    """What the call asked; its units are the formula's, by what the engine said."""
    call()  # connections are made
    subject.meter.reset()
    call()
    cost = subject.meter.cost
    said = Units(cost.reads, *_singly(cost.writes))
    if said != units:
        raise Failure(f"{name}, {count:,} users: by formula {units}, by DynamoDB Local {said}.")
    return cost


def _singly(writes: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Units of a transaction's items, of table and index, each written by itself and doubled.

    A user that replaces another is written over one that is equal in size and status.
    """
    client = boto3.client("dynamodb")
    name = f"singly-{uuid.uuid4()}"
    create_table(client, name)
    table = index = 0.0
    for write in writes:
        put = write["Put"]
        is_change = ":etag" in put.get("ExpressionAttributeValues", {})
        for _ in range(1 + is_change):
            answer = client.put_item(
                TableName=name, Item=put["Item"], ReturnConsumedCapacity="INDEXES"
            )
        consumed = answer["ConsumedCapacity"]
        table += _TRANSACTION * consumed["Table"]["CapacityUnits"]
        index += sum(
            i["CapacityUnits"] for i in consumed.get("GlobalSecondaryIndexes", {}).values()
        )
    client.delete_table(TableName=name)
    client.close()
    return table, index


def rows(measured: Sequence[Measured]) -> Iterator[str]:
    """Of the table of growth."""
    for call in measured:
        times = " | ".join(f"{call.elapsed[count]:.1f}" for count in COUNTS)
        by_clock, by_processor = call.growth()
        yield f"| {call.name} | {call.requests} | {times} | {by_clock:.2f} | {by_processor:.2f} |"
