"""The adapter that keeps users in DynamoDB; the only module that knows the AWS SDK.

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
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import boto3
from botocore import exceptions as sdk
from botocore.config import Config

from errors import EmailTaken, Unavailable, UsernameTaken, UserNotFound
from items import NOWHERE, email_item, email_key, email_of, to_user, user_item, user_key
from models import User

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutTypeDef, TransactWriteItemTypeDef

    from items import Item

# A request waits at most 2 * (1 + 2) s on the network, and 1 s between, or 6 s when DynamoDB asks
# for it. None begins once the budget is used up: 4 + 12 s stay below the function's timeout
# (infrastructure.py), which stays below the gateway's 30 s.
_CONFIG: Final = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 2},
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
_OTHER_WRITER: Final = "another writer came first"
_REFUSED: Final = "ConditionalCheckFailed"
# Reasons for which DynamoDB cancels a transaction that may succeed when it is tried again.
_PASSING: Final = frozenset(
    {"TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"}
)


def make_client() -> "DynamoDBClient":
    """A client with the time limits that the function is built on. Make one, and keep it."""
    return boto3.client("dynamodb", config=_CONFIG)


class _Refused(Exception):
    """Conditions of a transaction weren't met: `items` are their positions."""

    def __init__(self, items: list[int]) -> None:
        self.items = items


class _Patience:
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


class DynamoDBUsers:
    """Implements users.Users.

    budget_seconds: how long a call may go on trying again after conflicts.
    sleep: takes seconds.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table_name: str,
        *,
        budget_seconds: float = _BUDGET_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._budget_seconds = budget_seconds
        self._sleep = sleep

    def create(self, user: User) -> None:
        """See Users."""
        writes = [self._put(user_item(user), "attribute_not_exists(pk)")]
        if email := email_of(user):
            writes.append(self._put(email_item(email, user), "attribute_not_exists(pk)"))
        try:
            self._commit(writes, self._patience())
        except _Refused as refused:
            raise (UsernameTaken if 0 in refused.items else EmailTaken) from None

    def get(self, username: str) -> User:
        """See Users."""
        item = self._get(user_key(username))
        if item is None:
            raise UserNotFound
        return to_user(item)

    def update(self, username: str, change: Callable[[User], User]) -> User:
        """See Users."""
        patience = self._patience()
        while True:
            before = self.get(username)
            after = change(before)
            if after is before:
                return before
            patience.check("slow read")
            try:
                self._commit(self._replacement(before, after), patience)
            except _Refused as refused:
                if 0 not in refused.items:
                    raise EmailTaken from None
                patience.pause(_OTHER_WRITER)
            else:
                return after

    def delete(self, username: str, permit: Callable[[User], None]) -> None:
        """See Users."""
        patience = self._patience()
        while True:
            user = self.get(username)
            permit(user)
            patience.check("slow read")
            writes = [self._delete(user_key(username), "etag = :held", user.etag)]
            if email := email_of(user):
                writes.append(self._delete(email_key(email), "username = :held", username))
            try:
                self._commit(writes, patience)
            except _Refused as refused:
                if 0 not in refused.items:
                    raise
                patience.pause(_OTHER_WRITER)
            else:
                return

    def check(self) -> None:
        """See Users."""
        try:
            self._get(NOWHERE)
        except sdk.ClientError as error:
            raise Unavailable(error.response["Error"]["Code"]) from error
        except sdk.BotoCoreError as error:
            raise Unavailable(type(error).__name__) from error

    def _replacement(self, before: User, after: User) -> "list[TransactWriteItemTypeDef]":
        writes = [self._put(user_item(after), "etag = :held", before.etag)]
        old, new = email_of(before), email_of(after)
        if new and new != old:
            writes.append(self._put(email_item(new, after), "attribute_not_exists(pk)"))
        if old and new != old:
            writes.append(self._delete(email_key(old), "username = :held", before.username))
        return writes

    def _get(self, key: "Item") -> "Item | None":
        try:
            answer = self._client.get_item(TableName=self._table_name, Key=key, ConsistentRead=True)
        except (sdk.ClientError, *_UNREACHABLE) as error:
            raise _translated(error) from error
        return answer.get("Item")

    def _commit(self, writes: "list[TransactWriteItemTypeDef]", patience: _Patience) -> None:
        """`writes` begin with the user. Raises _Refused; tries again what may yet succeed."""
        token = str(uuid.uuid4())
        while True:
            try:
                self._client.transact_write_items(TransactItems=writes, ClientRequestToken=token)
            except self._client.exceptions.TransactionCanceledException as error:
                codes = [str(r.get("Code")) for r in error.response["CancellationReasons"]]
                # While another transaction holds the user, what is said of the email means nothing
                # yet: that one may be moving this user's own.
                if _REFUSED in codes and codes[0] not in _PASSING:
                    raise _Refused([i for i, c in enumerate(codes) if c == _REFUSED]) from error
                if not _PASSING & set(codes):
                    raise
                reason = ", ".join(codes)
            except self._client.exceptions.TransactionInProgressException:
                # An earlier try with this token, whose answer was lost, is still under way.
                reason = "TransactionInProgress"
            except (sdk.ClientError, *_UNREACHABLE) as error:
                raise _translated(error) from error
            else:
                return
            patience.pause(reason)

    def _patience(self) -> _Patience:
        return _Patience(self._budget_seconds, self._sleep)

    def _put(
        self, item: "Item", condition: str, held: str | None = None
    ) -> "TransactWriteItemTypeDef":
        put: PutTypeDef = {
            "TableName": self._table_name,
            "Item": item,
            "ConditionExpression": condition,
        }
        if held is not None:
            put["ExpressionAttributeValues"] = {":held": {"S": held}}
        return {"Put": put}

    def _delete(self, key: "Item", condition: str, held: str) -> "TransactWriteItemTypeDef":
        return {
            "Delete": {
                "TableName": self._table_name,
                "Key": key,
                "ConditionExpression": condition,
                "ExpressionAttributeValues": {":held": {"S": held}},
            }
        }


def _translated(error: sdk.ClientError | sdk.BotoCoreError) -> Exception:
    if not isinstance(error, sdk.ClientError):
        return Unavailable(type(error).__name__)
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]
    if code in _THROTTLED or status["HTTPStatusCode"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(code)
    return error
