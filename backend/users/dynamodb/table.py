"""A DynamoDB table: requests, what their responses must hold, and what failed conditions mean.

Every write is one transaction, also where it has a single item: its ClientRequestToken is what
lets DynamoDB recognise a write that took place although its response was lost. A conditional
single write can't tell its own success from another writer's.

        client                         DynamoDB
          | transact(token) -----------> | takes place
          |          (response lost) X-- |
          | transact(token) -----------> | known: nothing happens
          | <------------------ success  |
"""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from backend.users.dynamodb.client import Client, Document, DynamoDBError, Observe, Request
from backend.users.dynamodb.connection import InvalidResponse
from backend.users.dynamodb.deadline import Deadline
from backend.users.dynamodb.layout import PK, SK
from backend.users.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    type Item = dict[str, AttributeValueTypeDef]

# For all that a call of the API takes: requests, attempts, pauses. An attempt takes at most 2 s
# (client.py), and there are two for each request. Two that are lost take 4 s, which leaves 1 s for
# the rest.
# Two things can't be interrupted and come on top: the resolver, with glibc's defaults 10 s
# (2 * 5 s), and a renewal of credentials, 2 s. Together these 17 s stay below the function's
# timeout of 20 s (infrastructure.py), which stays below the gateway's 30 s.
DEADLINE_SECONDS: Final = 5.0

_CANCELLED: Final = "TransactionCanceledException"
# An attempt with the same token, whose response was lost, is still under way.
_IN_PROGRESS: Final = "TransactionInProgressException"
_CONDITION_FAILED: Final = "ConditionalCheckFailed"
# Reasons for which DynamoDB cancels a transaction that may succeed when it is tried again.
_PASSING: Final = frozenset(
    {"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"}
)


class Range(NamedTuple):
    """A part of one partition, or of one partition of an index, in the order of the sort key.

    index_name: None for the table. partition: the partition key's name and value. prefix: what
    every sort key begins with. start: where to go on, as query() said; None for the beginning.
    """

    index_name: str | None
    partition: tuple[str, str]
    prefix: str
    start: "Item | None"


class Write(NamedTuple):
    """A part of a transaction.

    Attributes:
        request: what DynamoDB is told.
        condition_failed: makes what is raised when its condition fails, of the existing item.
        returns_existing: whether that item is asked for; else it is None.
        may_hold_later: whether the condition, once it failed, may hold again.
    """

    request: Document
    condition_failed: "Callable[[Item | None], Exception]"
    returns_existing: bool
    may_hold_later: bool


class Table:
    """A table with the keys `pk` and `sk`. Every read of it, but not of an index, is consistent.

    Every call but probe() may raise Unavailable.

    Args:
        client: reaches DynamoDB.
        name: of the table.
        deadline_seconds: how long a call of the API may take.
        clock: the time in seconds, from any beginning.
        sleep: takes seconds.
        observe: told each attempt's operation, and the milliseconds that it took.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        observe: Observe = lambda _operation, _milliseconds: None,
    ) -> None:
        self._client = client
        self._name = name
        self._deadline_seconds = deadline_seconds
        self._clock = clock
        self._sleep = sleep
        self._observe = observe

    def deadline(self) -> Deadline:
        """Begin a call of the API."""
        return Deadline(self._deadline_seconds, clock=self._clock, sleep=self._sleep)

    def get(self, key: "Item", deadline: Deadline) -> "Item | None":
        """Return the item, if there is one."""
        document = {"TableName": self._name, "Key": key, "ConsistentRead": True}
        return self._call(Request("GetItem", document, _item_or_none), deadline)

    def get_all(self, keys: "Sequence[Item]", deadline: Deadline) -> "list[Item]":
        """Return those of the items that there are, in any order; at most 100, DynamoDB's limit."""
        found: list[Item] = []
        remaining = list(keys)
        while remaining:
            batch = {self._name: {"Keys": remaining, "ConsistentRead": True}}
            request = Request("BatchGetItem", {"RequestItems": batch}, self._batch)
            items, remaining = self._call(request, deadline)
            found += items
            if remaining:  # more than 16 MB, or throttled
                deadline.pause("UnprocessedKeys")
        return found

    def query(
        self, parts: Sequence[Range], limit: int, deadline: Deadline
    ) -> "list[tuple[list[Item], Item | None]]":
        """Read the beginnings of ranges.

        Returns:
            For each, its first items, at most `limit`, and where to go on if there may be more.
        """
        requests = [Request("Query", self._query(part, limit), _page) for part in parts]
        return self._client.call_all(requests, deadline, self._observe)

    def put(
        self,
        item: "Item",
        *,
        where: str,
        condition_failed: "Callable[[Item | None], Exception]",
        returns_existing: bool = False,
        may_hold_later: bool = False,
        **values: str | int,
    ) -> Write:
        """Make a write for transact(): the item, if the one in its place, or none, fulfils `where`.

        Args:
            item: what is written.
            where: the condition.
            condition_failed: makes what is raised when it fails, of the existing item.
            returns_existing: whether that item is needed; else it is None.
            may_hold_later: whether the condition, once it failed, may hold again.
            values: what `:name` means in `where`.
        """
        put: Document = {"TableName": self._name, "Item": item, "ConditionExpression": where}
        if values:
            put["ExpressionAttributeValues"] = _values(values)
        if returns_existing:
            put["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return Write({"Put": put}, condition_failed, returns_existing, may_hold_later)

    def delete(
        self,
        key: "Item",
        *,
        where: str,
        condition_failed: "Callable[[Item | None], Exception]",
        **values: str | int,
    ) -> Write:
        """Make a write for transact(): no item any more, if the existing one fulfils `where`."""
        delete = {
            "TableName": self._name,
            "Key": key,
            "ConditionExpression": where,
            "ExpressionAttributeValues": _values(values),
        }
        return Write({"Delete": delete}, condition_failed, False, False)  # noqa: FBT003

    def transact(self, writes: Sequence[Write], deadline: Deadline) -> None:
        """Make all of the writes, or none. Tries again what may yet succeed.

        The writes are in the order in which they decide: while another transaction holds an item,
        what is said of those after it means nothing yet, because that one may be about to change
        them, too.

        Raises:
            Exception: what the first write says whose condition failed.
            Unavailable: also when that condition may hold later, and an attempt was lost: it may
                yet arrive and take effect, so nobody can say that nothing happened.
        """
        document = {
            "TransactItems": [write.request for write in writes],
            "ClientRequestToken": str(uuid.uuid4()),
        }

        def check(error: DynamoDBError) -> None:
            if error.code == _CANCELLED:
                _decisive(error, writes)

        request = Request("TransactWriteItems", document, lambda _document: None, check)
        is_lost = False
        while True:
            try:
                return self._call(request, deadline)
            except DynamoDBError as error:
                is_lost = is_lost or error.after_lost
                if error.code == _CANCELLED:
                    write, code, failure = _decisive(error, writes)
                    if failure and is_lost and write.may_hold_later:
                        raise Unavailable("an attempt was lost") from error
                    if failure:
                        raise failure from error
                    if code not in _PASSING:
                        raise
                elif error.code == _IN_PROGRESS:
                    code = error.code
                else:
                    raise
            deadline.pause(code)

    def probe(self, key: "Item") -> None:
        """Raise Unavailable when the item can't be read, for whatever reason."""
        try:
            self.get(key, self.deadline())
        except DynamoDBError as error:
            raise Unavailable(error.code) from error

    def _call[T](self, request: Request[T], deadline: Deadline) -> T:
        return self._client.call(request, deadline, self._observe)

    def _query(self, part: Range, limit: int) -> Document:
        name, value = part.partition
        request: Document = {
            "TableName": self._name,
            "Limit": limit,
            "KeyConditionExpression": f"{name} = :partition",
            "ExpressionAttributeValues": {":partition": {"S": value}},
            "ConsistentRead": part.index_name is None,
        }
        if part.index_name:
            request["IndexName"] = part.index_name
        if part.prefix:
            request["KeyConditionExpression"] += f" AND begins_with({SK}, :prefix)"
            request["ExpressionAttributeValues"][":prefix"] = {"S": part.prefix}
        if part.start:
            request["ExclusiveStartKey"] = part.start
        return request

    def _batch(self, document: Document) -> "tuple[list[Item], list[Item]]":
        """What a BatchGetItem found, and the keys that it didn't read."""
        found = _object(document.get("Responses")).get(self._name, [])
        unread = _object(document.get("UnprocessedKeys")).get(self._name, {"Keys": []})
        return _items(found), _items(_object(unread).get("Keys"))


def _values(values: Mapping[str, str | int]) -> "Item":
    return {
        f":{name}": {"S": value} if isinstance(value, str) else {"N": str(value)}
        for name, value in values.items()
    }


def _decisive(error: DynamoDBError, writes: Sequence[Write]) -> tuple[Write, str, Exception | None]:
    """Find the first reason for which a transaction was cancelled.

    Returns:
        Its write, its code, and what is raised if the write's condition failed.
    """
    reasons = error.document.get("CancellationReasons")
    if not isinstance(reasons, list) or len(reasons) != len(writes):
        raise InvalidResponse("a cancellation without a reason for each write")
    for write, reason in zip(writes, reasons, strict=True):
        code = _object(reason).get("Code")
        if not isinstance(code, str):
            raise InvalidResponse("a reason without a code")
        if code == _CONDITION_FAILED:
            existing = _item(reason.get("Item")) if write.returns_existing else None
            return write, code, write.condition_failed(existing)
        if code != "None":
            return write, code, None
    raise InvalidResponse("a cancellation without a reason")


def _item_or_none(document: Document) -> "Item | None":
    return _item(document["Item"]) if "Item" in document else None


def _page(document: Document) -> "tuple[list[Item], Item | None]":
    last = _item(document["LastEvaluatedKey"]) if "LastEvaluatedKey" in document else None
    return _items(document.get("Items")), last


def _items(value: object) -> "list[Item]":
    if not isinstance(value, list):
        raise InvalidResponse("no list of items")
    return [_item(item) for item in value]


def _item(value: object) -> "Item":
    """Items, and keys, which are their beginnings. Deeper than that is for items.py."""
    item = _object(value)
    for attribute in item.values():
        if len(_object(attribute)) != 1:
            raise InvalidResponse("an attribute without a type")
    for key in (PK, SK):
        if not isinstance(item.get(key, {}).get("S"), str):
            raise InvalidResponse("an item without its key")
    return item


def _object(value: object) -> Document:
    if not isinstance(value, dict):
        raise InvalidResponse("no object where one must be")
    return value
