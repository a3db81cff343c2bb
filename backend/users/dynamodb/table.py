"""A DynamoDB table: builds requests, checks responses and raises what failed conditions mean.

Every write is a transaction, even of a single item: by its ClientRequestToken, DynamoDB recognises
a write that took effect although its response was lost. A conditional single write can't tell its
own success from another writer's.

        client                         DynamoDB
          | transact(token) -----------> | takes effect
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

# The limit for a call of the API: all requests, attempts and pauses. Each request has two attempts
# of at most 2 s (client.py). If both are lost, that leaves 1 s for the rest.
# Two things can't be interrupted and come on top: name resolution, 10 s with glibc's defaults
# (2 * 5 s), and a renewal of credentials, 2 s. Together these 17 s stay below the function's
# timeout of 20 s (api/infrastructure.py), which stays below the gateway's 30 s.
DEADLINE_SECONDS: Final = 5.0

_CANCELLED: Final = "TransactionCanceledException"
# An earlier attempt with the same token, whose response was lost, is still in progress.
_IN_PROGRESS: Final = "TransactionInProgressException"
_CONDITION_FAILED: Final = "ConditionalCheckFailed"
# Reasons for a cancellation after which the same transaction may succeed.
_RETRYABLE: Final = frozenset(
    {"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"}
)


class Range(NamedTuple):
    """A range of a partition of the table or of an index, sorted by the sort key.

    Attributes:
        index_name: The index; None for the table.
        partition: The partition key's name and value.
        prefix: What the sort keys begin with.
        start: The key to continue after, as query() returned it; None for the beginning.
    """

    index_name: str | None
    partition: tuple[str, str]
    prefix: str
    start: "Item | None"


class Write(NamedTuple):
    """A conditional write in a transaction.

    Attributes:
        request: The write in the form of TransactWriteItems.
        condition_failed: Takes the existing item and returns the exception to raise if the
            condition fails.
        returns_existing: Whether to request the existing item. Otherwise `condition_failed` gets
            None.
        may_hold_later: Whether a condition that failed may hold later.
    """

    request: Document
    condition_failed: "Callable[[Item | None], Exception]"
    returns_existing: bool
    may_hold_later: bool


class Table:
    """A table with the keys `pk` and `sk`. Reads are strongly consistent, except those of an index.

    Every call may raise Unavailable.

    Args:
        client: Sends the requests.
        name: The table's name.
        deadline_seconds: How long a call of the API may take.
        clock: Returns a monotonic time in seconds.
        sleep: Sleeps for a number of seconds.
        observe: Called after each attempt with the operation and its milliseconds.
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
        """Return the deadline of a call of the API that begins now."""
        return Deadline(self._deadline_seconds, clock=self._clock, sleep=self._sleep)

    def get(self, key: "Item", deadline: Deadline) -> "Item | None":
        """Return an item, or None if it doesn't exist."""
        document = {"TableName": self._name, "Key": key, "ConsistentRead": True}
        return self._call(Request("GetItem", document, _item_or_none), deadline)

    def get_all(self, keys: "Sequence[Item]", deadline: Deadline) -> "list[Item]":
        """Return the items that exist, in any order.

        Args:
            keys: At most 100, DynamoDB's limit.
            deadline: When the call must have ended.
        """
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
        """Read the first items of several ranges in parallel.

        Args:
            parts: The ranges.
            limit: The most items to read of each.
            deadline: When the call must have ended.

        Returns:
            For each range its items, and the key to continue after; None if there are no more.
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
        """Build a conditional put for transact().

        Args:
            item: The item to write.
            where: The condition expression.
            condition_failed: See Write.
            returns_existing: See Write.
            may_hold_later: See Write.
            **values: The values of `:name` in `where`.
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
        """Build a conditional delete for transact(). See put()."""
        delete = {
            "TableName": self._name,
            "Key": key,
            "ConditionExpression": where,
            "ExpressionAttributeValues": _values(values),
        }
        return Write({"Delete": delete}, condition_failed, False, False)  # noqa: FBT003

    def transact(self, writes: Sequence[Write], deadline: Deadline) -> None:
        """Apply all of the writes or none, and retry what may still succeed.

        The order of the writes matters: the first one that failed decides. If it failed because
        another transaction holds its item, the outcomes of those after it don't count, because
        that transaction may be about to change their items, too.

        Raises:
            Exception: What the first write whose condition failed says (`condition_failed`).
            Unavailable: Also if that condition may hold later and an attempt was lost: the attempt
                may still arrive and take effect, so the exception could be wrong.
        """
        document = {
            "TransactItems": [write.request for write in writes],
            "ClientRequestToken": str(uuid.uuid4()),
        }

        def check(error: DynamoDBError) -> None:
            if error.code == _CANCELLED:
                _first_reason(error, writes)

        request = Request("TransactWriteItems", document, lambda _document: None, check)
        is_lost = False
        while True:
            try:
                return self._call(request, deadline)
            except DynamoDBError as error:
                is_lost = is_lost or error.after_lost
                if error.code == _CANCELLED:
                    write, code, failure = _first_reason(error, writes)
                    if failure and is_lost and write.may_hold_later:
                        raise Unavailable("an attempt was lost") from error
                    if failure:
                        raise failure from error
                    if code not in _RETRYABLE:
                        raise
                elif error.code == _IN_PROGRESS:
                    code = error.code
                else:
                    raise
            deadline.pause(code)

    def probe(self, key: "Item") -> None:
        """Check that an item can be read.

        Raises:
            Unavailable: It can't, for whatever reason.
        """
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
        """Return the items that a BatchGetItem found, and the keys that it didn't process."""
        found = _object(document.get("Responses")).get(self._name, [])
        unread = _object(document.get("UnprocessedKeys")).get(self._name, {"Keys": []})
        return _items(found), _items(_object(unread).get("Keys"))


def _values(values: Mapping[str, str | int]) -> "Item":
    return {
        f":{name}": {"S": value} if isinstance(value, str) else {"N": str(value)}
        for name, value in values.items()
    }


def _first_reason(
    error: DynamoDBError, writes: Sequence[Write]
) -> tuple[Write, str, Exception | None]:
    """Find the first reason why a transaction was cancelled.

    Returns:
        The write that failed, the reason's code, and the exception to raise if a condition failed.
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
    """Check that a value is an item or a key. items.py relies on more, which isn't checked."""
    item = _object(value)
    # Without _object(): a page has a thousand attributes.
    for attribute in item.values():
        if not isinstance(attribute, dict) or len(attribute) != 1:
            raise InvalidResponse("an attribute without a type")
    for key in (PK, SK):
        if not isinstance(item.get(key, {}).get("S"), str):
            raise InvalidResponse("an item without its key")
    return item


def _object(value: object) -> Document:
    if not isinstance(value, dict):
        raise InvalidResponse("no object where one must be")
    return value
