"""Counts what a client asks of DynamoDB, and what it costs as DynamoDB says it."""

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from backend.users.dynamodb.client import Client, Document, Observe, Request
from backend.users.dynamodb.deadline import Deadline

_WRITE: Final = "TransactWriteItems"


class Cost(NamedTuple):
    """What was asked of DynamoDB; reads are units, as DynamoDB says; writes are transactions'."""

    requests: Counter[str]
    reads: float
    writes: Sequence[dict[str, Any]]

    def __str__(self) -> str:
        requests = ", ".join(f"{count} {name}" for name, count in sorted(self.requests.items()))
        return f"{self.reads:g} | {requests}"


class Meter(Client):
    """A client that counts what it asks until reset() is called."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint, "us-east-1", attempt_seconds=60)
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Begin again."""
        self.cost = Cost(Counter(), 0, [])

    def call_all[T](
        self, requests: Sequence[Request[T]], deadline: Deadline, observe: Observe
    ) -> list[T]:
        """See Client."""
        return super().call_all([self._metered(r) for r in requests], deadline, observe)

    def _metered[T](self, request: Request[T]) -> Request[T]:
        if request.operation == _WRITE:
            self._add(_WRITE, 0, request.document["TransactItems"])
            return request

        def read(document: Document) -> T:
            consumed = document["ConsumedCapacity"]
            each = consumed if isinstance(consumed, list) else [consumed]
            self._add(request.operation, sum(one["CapacityUnits"] for one in each), [])
            return request.read(document)

        document = {**request.document, "ReturnConsumedCapacity": "TOTAL"}
        return request._replace(document=document, read=read)

    def _add(self, name: str, reads: float, writes: Sequence[dict[str, Any]]) -> None:
        with self._lock:  # a walk has a writer beside it
            before = self.cost
            requests = before.requests + Counter([name])
            self.cost = Cost(requests, before.reads + reads, [*before.writes, *writes])
