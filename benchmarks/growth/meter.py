"""Counts what a client asks of DynamoDB, and what it costs as DynamoDB says it."""

import threading
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_READS: Final = ("Query", "BatchGetItem", "GetItem")
_WRITE: Final = "TransactWriteItems"


class Cost(NamedTuple):
    """What was asked of DynamoDB; reads are units, as DynamoDB says; writes are transactions'."""

    requests: Counter[str]
    reads: float
    writes: Sequence[dict[str, Any]]

    def __str__(self) -> str:
        requests = ", ".join(f"{count} {name}" for name, count in sorted(self.requests.items()))
        return f"{self.reads:g} | {requests}"


class Meter:
    """Of all that the client asks until reset() is called."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self._lock = threading.Lock()
        self.reset()
        events = client.meta.events
        for operation in _READS:
            events.register(f"before-parameter-build.dynamodb.{operation}", self._ask)
            events.register(f"after-call.dynamodb.{operation}", self._count)
        events.register(f"before-parameter-build.dynamodb.{_WRITE}", self._note)

    def reset(self) -> None:
        """Begin again."""
        self.cost = Cost(Counter(), 0, [])

    def _ask(self, params: dict[str, Any], **_: object) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def _count(self, parsed: dict[str, Any], model: Any, **_: object) -> None:
        consumed = parsed["ConsumedCapacity"]
        each = consumed if isinstance(consumed, list) else [consumed]
        self._add(model.name, sum(one["CapacityUnits"] for one in each), [])

    def _note(self, params: dict[str, Any], **_: object) -> None:
        self._add(_WRITE, 0, params["TransactItems"])

    def _add(self, name: str, reads: float, writes: Sequence[dict[str, Any]]) -> None:
        with self._lock:  # a list asks for its shards side by side
            before = self.cost
            requests = before.requests + Counter([name])
            self.cost = Cost(requests, before.reads + reads, [*before.writes, *writes])
