"""A DynamoDB table: requests, how long they may take, and what their failures mean.

Beside answers.py and endpoints.py the only module that knows the AWS SDK. What it raises are the
domain's errors, Refused, or bugs.

Every write is one transaction, also where it has a single item: its ClientRequestToken is what
lets DynamoDB recognise a write that took place although its answer was lost. A conditional
single write can't tell its own success from another writer's.

        client                         DynamoDB
          | transact(token) -----------> | takes place
          |            (answer lost) X-- |
          | transact(token) -----------> | known: nothing happens
          | <------------------ success  |
"""

import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import botocore.session
from botocore import exceptions as sdk
from botocore.config import Config

from answers import Answers
from endpoints import WithoutRules
from errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        KeysAndAttributesTypeDef,
        PutTypeDef,
        QueryInputTypeDef,
        TransactWriteItemTypeDef,
    )

    type Item = dict[str, AttributeValueTypeDef]

# A request waits at most 2 * (1 + 2) s on the network, and 1 s between, or 6 s when DynamoDB asks
# for it. None begins once the budget is used up: 4 + 12 s stay below the function's timeout
# (infrastructure.py), which stays below the gateway's 30 s.
_CONFIG: Final = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=16,  # a list asks for its shards at once
    # botocore puts its own together anew for every request, from a dozen parts that never change.
    user_agent=f"Botocore/{botocore.__version__}",
    # What is sent is made in items.py and here, not of what a client sent; DynamoDB checks it, too.
    parameter_validation=False,
)
_BUDGET_SECONDS: Final = 4.0
_FIRST_PAUSE_SECONDS: Final = 0.025
_LONGEST_PAUSE_SECONDS: Final = 0.8

# No connection, or no answer in time. The SDK has tried again before it lets these through.
_UNREACHABLE: Final = (sdk.ConnectionError, sdk.HTTPClientError)
_THROTTLED: Final = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
    }
)
_REFUSED: Final = "ConditionalCheckFailed"
# Reasons for which DynamoDB cancels a transaction that may succeed when it is tried again.
_PASSING: Final = frozenset(
    {"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"}
)


def make_client() -> "DynamoDBClient":
    """A client with the time limits that the function is built on. Make one, and keep it."""
    # boto3 would give the same one, for another tenth of the start.
    session = botocore.session.get_session()
    session.register_component("data_loader", WithoutRules(session.get_component("data_loader")))
    session.register_component("response_parser_factory", Answers())
    return cast("DynamoDBClient", session.create_client("dynamodb", config=_CONFIG))


class Range(NamedTuple):
    """A part of one partition, or of one partition of an index, in the order of the sort key.

    index_name: None for the table. partition: the partition key's name and value. prefix: what
    every sort key begins with. start: where to go on, as query() said; None for the beginning.
    """

    index_name: str | None
    partition: tuple[str, str]
    prefix: str
    start: "Item | None"


class Refused(Exception):
    """A transaction's condition wasn't met.

    position: of the first write that was not possible; held: the item in its place, if it was
    to be returned.
    """

    def __init__(self, position: int, held: "Mapping[str, Any] | None") -> None:
        self.position = position
        self.held = held


class Patience:
    """How long a call may go on; begins now."""

    def __init__(self, seconds: float, sleep: Callable[[float], None]) -> None:
        self._deadline = time.monotonic() + seconds
        self._longest = _FIRST_PAUSE_SECONDS
        self._sleep = sleep

    def check(self, reason: str, pause: float = 0) -> None:
        """Raises Unavailable when there is no time for the pause."""
        if time.monotonic() + pause > self._deadline:
            raise Unavailable(reason)

    def pause(self, reason: str) -> None:
        """Sleep, longer each time and never in step with others ("full jitter").

        Raises Unavailable when there is no time left.
        """
        pause = random.uniform(0, self._longest)  # noqa: S311 it keeps no secret
        self.check(reason, pause)
        self._sleep(pause)
        self._longest = min(2 * self._longest, _LONGEST_PAUSE_SECONDS)


class Table:
    """A table with the keys `pk` and `sk`. Every read of it, but not of an index, is consistent.

    Every call but probe() may raise Unavailable.

    budget_seconds: how long a call may go on trying again after conflicts.
    sleep: takes seconds.
    observe: told each request's operation, and the milliseconds that it took.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        name: str,
        *,
        budget_seconds: float = _BUDGET_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        observe: Callable[[str, float], None] = lambda _operation, _milliseconds: None,
    ) -> None:
        self._observe = observe
        self._client = client
        self._name = name
        self._budget_seconds = budget_seconds
        self._sleep = sleep

    def patience(self) -> Patience:
        """For one call of a client."""
        return Patience(self._budget_seconds, self._sleep)

    def get(self, key: "Item") -> "Item | None":
        """The item, if there is one."""
        with self._request("GetItem"):
            answer = self._client.get_item(TableName=self._name, Key=key, ConsistentRead=True)
        return answer.get("Item")

    def get_all(self, keys: "Sequence[Item]", patience: Patience) -> "list[Item]":
        """Those of the items that there are, in any order; at most 100, DynamoDB's limit."""
        found: list[Item] = []
        remaining = keys
        while remaining:
            patience.check("slow read")
            batch: KeysAndAttributesTypeDef = {"Keys": remaining, "ConsistentRead": True}
            with self._request("BatchGetItem"):
                answer = self._client.batch_get_item(RequestItems={self._name: batch})
            found += answer["Responses"].get(self._name, [])
            # More than 16 MB, or throttled.
            unprocessed = answer["UnprocessedKeys"].get(self._name, {"Keys": []})
            remaining = [dict(key) for key in unprocessed["Keys"]]
            if remaining:
                patience.pause("UnprocessedKeys")
        return found

    def query(self, part: Range, limit: int) -> "tuple[list[Item], Item | None]":
        """The first items of a range, at most `limit`, and where to go on if there may be more."""
        name, value = part.partition
        request: QueryInputTypeDef = {
            "TableName": self._name,
            "Limit": limit,
            "KeyConditionExpression": f"{name} = :partition",
            "ExpressionAttributeValues": {":partition": {"S": value}},
            "ConsistentRead": part.index_name is None,
        }
        if part.index_name:
            request["IndexName"] = part.index_name
        if part.prefix:
            request["KeyConditionExpression"] = f"{name} = :partition AND begins_with(sk, :prefix)"
            request["ExpressionAttributeValues"] = {
                ":partition": {"S": value},
                ":prefix": {"S": part.prefix},
            }
        if part.start:
            request["ExclusiveStartKey"] = part.start
        with self._request("Query"):
            answer = self._client.query(**request)
        return answer["Items"], answer.get("LastEvaluatedKey")

    def put(
        self, item: "Item", *, where: str, returns_held: bool = False, **values: str | int
    ) -> "TransactWriteItemTypeDef":
        """A write for transact(): the item, if the one in its place, or none, fulfils `where`.

        values: what `:name` means in `where`; returns_held: whether Refused shows the other one.
        """
        put: PutTypeDef = {"TableName": self._name, "Item": item, "ConditionExpression": where}
        if values:
            put["ExpressionAttributeValues"] = _values(values)
        if returns_held:
            put["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return {"Put": put}

    def delete(self, key: "Item", *, where: str, **values: str | int) -> "TransactWriteItemTypeDef":
        """A write for transact(): no item any more, if the one that is there fulfils `where`."""
        return {
            "Delete": {
                "TableName": self._name,
                "Key": key,
                "ConditionExpression": where,
                "ExpressionAttributeValues": _values(values),
            }
        }

    def transact(self, writes: "Sequence[TransactWriteItemTypeDef]", patience: Patience) -> None:
        """Make all of the writes, or none. Tries again what may yet succeed; raises Refused.

        The writes are in the order in which they decide: while another transaction holds an item,
        what is said of those after it means nothing yet, because that one may be about to change
        them, too.
        """
        token = str(uuid.uuid4())
        while True:
            try:
                with self._request("TransactWriteItems"):
                    self._client.transact_write_items(
                        TransactItems=writes, ClientRequestToken=token
                    )
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = error.response["CancellationReasons"]
                codes = [str(reason.get("Code")) for reason in reasons]
                first = next((i for i, code in enumerate(codes) if code != "None"), 0)
                if codes[first] == _REFUSED:
                    raise Refused(first, reasons[first].get("Item")) from error
                if codes[first] not in _PASSING:
                    raise
                reason = ", ".join(codes)
            except self._client.exceptions.TransactionInProgressException:
                # An earlier try with this token, whose answer was lost, is still under way.
                reason = "TransactionInProgress"
            else:
                return
            patience.pause(reason)

    def probe(self, key: "Item") -> None:
        """Raises Unavailable when the item can't be read, for whatever reason."""
        try:
            self.get(key)
        except sdk.ClientError as error:
            raise Unavailable(error.response["Error"]["Code"]) from error
        except sdk.BotoCoreError as error:
            raise Unavailable(type(error).__name__) from error

    @contextmanager
    def _request(self, operation: str) -> Iterator[None]:
        """Around a request: says how long it took, and what its failure means."""
        began = time.perf_counter()
        try:
            yield
        except (sdk.ClientError, *_UNREACHABLE) as error:
            raise _translated(error) from error
        finally:
            self._observe(operation, (time.perf_counter() - began) * 1000)


def _values(values: dict[str, str | int]) -> "Item":
    return {
        f":{name}": {"S": value} if isinstance(value, str) else {"N": str(value)}
        for name, value in values.items()
    }


def _translated(error: sdk.ClientError | sdk.BotoCoreError) -> Exception:
    if not isinstance(error, sdk.ClientError):
        return Unavailable(type(error).__name__)
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]
    if code in _THROTTLED or status["HTTPStatusCode"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(code)
    return error
