"""The adapter: its items, and what real DynamoDB does that no local engine does.

Faults are put on the wire between the client and the engine, and time passes when they say so.
"""

import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from backend.api.runtime.errors import PreconditionFailed
from backend.users.dynamodb.client import Client, DynamoDBError
from backend.users.dynamodb.items import user_key
from backend.users.dynamodb.repository import DynamoDBUserRepository
from backend.users.dynamodb.table import Table
from backend.users.errors import EmailTaken, Unavailable, UsernameTaken, UserNotFound
from backend.users.models import User
from backend.users.repository import IdempotencyKey, Listing
from tests.integration.conftest import REGION
from tests.integration.proxy import (
    ATTEMPT_SECONDS,
    DAMAGED,
    DEADLINE_SECONDS,
    Exchange,
    Fault,
    ManualTime,
    Proxy,
    cancelled,
    error,
    lost_request,
    lost_response,
    passed,
    success,
    then,
)
from tests.integration.test_users import EVERY_MEMBER, change_to, permit, user

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

type Items = Callable[[], list[dict[str, Any]]]

MAX_ATTEMPTS = 2
IN_PROGRESS = error(400, "TransactionInProgressException")
THROTTLED = error(400, "ThrottlingException")


def refused(first: str, *codes: str) -> Fault:
    """A cancellation: a reason for each write, and none for those that are not named."""

    def fail(exchange: Exchange) -> None:
        writes = len(exchange.document["TransactItems"])
        padded = [first, *codes, *["None"] * writes][:writes]
        cancelled(*padded)(exchange)

    fail.__name__ = first
    return fail


CONFLICT = refused("TransactionConflict")


def moving_email(others: DynamoDBUserRepository) -> Fault:
    """Another client's transaction, which moves jane's email, holds her item already."""
    return then(
        refused("TransactionConflict", "ConditionalCheckFailed"),
        lambda: others.update("jane", change_to(email="moved@example.com")),
    )


def move_to_berlin(others: DynamoDBUserRepository) -> None:
    others.update("jane", lambda state: state.changed({**state.members, "state": "Berlin"}))


def change_only(expected: User) -> Callable[[User], User]:
    """A change with an If-Match."""

    def change(state: User) -> User:
        if state.etag != expected.etag:
            raise PreconditionFailed
        return state.changed({"status": "active", "given_name": "Jane"})

    return change


def in_one_shard(count: int) -> list[str]:
    """Usernames whose hashes are equal."""
    candidates = (f"user{number:04}" for number in itertools.count())
    same = (name for name in candidates if user_key(name)["pk"] == {"S": "user#0"})
    return list(itertools.islice(same, count))


@pytest.fixture
def time() -> ManualTime:
    return ManualTime()


@pytest.fixture
def line(dynamodb_local: str, time: ManualTime) -> Iterator[Proxy]:
    with Proxy(dynamodb_local, time).serving() as proxy:
        yield proxy


@pytest.fixture
def client(line: Proxy) -> Iterator[Client]:
    made = Client(line.endpoint, REGION, attempt_seconds=ATTEMPT_SECONDS)
    yield made
    made.close()


@pytest.fixture
def users(
    client: Client, table: "DynamoDBClient", table_name: str, time: ManualTime
) -> DynamoDBUserRepository:
    return DynamoDBUserRepository(
        Table(client, table_name, deadline_seconds=DEADLINE_SECONDS, clock=time, sleep=time.sleep),
        clock=lambda: 1_800_000_000.5,
    )


@pytest.fixture
def others(dynamodb_users: DynamoDBUserRepository) -> DynamoDBUserRepository:
    """Another client of the same table, whose line has no faults."""
    return dynamodb_users


@pytest.fixture
def items(table: "DynamoDBClient", table_name: str) -> Items:
    """All that the table holds, by key."""

    def scan() -> list[dict[str, Any]]:
        found = table.scan(TableName=table_name)["Items"]
        return sorted(found, key=lambda item: item["pk"]["S"])

    return scan


class TestItems:
    def test_a_user_with_an_email_is_two_items(
        self, users: DynamoDBUserRepository, items: Items
    ) -> None:
        created = user(**EVERY_MEMBER)
        users.create(created)
        assert items() == [
            {
                "pk": {"S": "email#" + sha256(b"jane.doe@example.com").hexdigest()},
                "sk": {"S": "email"},
                "username": {"S": "jane"},
            },
            {
                "pk": {"S": "user#2"},
                "sk": {"S": "jane"},
                "status_shard": {"S": "suspended#2"},
                "created_at": {"S": created.created_at},
                "updated_at": {"S": created.updated_at},
                "version": {"N": "1"},
                "etag": {"S": created.etag},
                **{
                    name: {"S": value}
                    for name, value in EVERY_MEMBER.items()
                    if name != "attributes"
                },
                "attributes": {"S": json.dumps(EVERY_MEMBER["attributes"])},
            },
        ]

    def test_an_attempt_is_an_item_beside_them(
        self, users: DynamoDBUserRepository, items: Items
    ) -> None:
        key = "7" * 64
        users.create(user(), IdempotencyKey(key, "digest"))
        attempt, created = items()
        assert attempt == {
            "pk": {"S": f"idempotency#{key}"},
            "sk": {"S": "idempotency"},
            "expires_at": {"N": "1800086401"},
            "request": {"S": "digest"},
            "user": {"M": created},
        }

    def test_nothing_is_left_of_a_deleted_user(
        self, users: DynamoDBUserRepository, items: Items
    ) -> None:
        users.create(user(email="jane@example.com"))
        users.update("jane", change_to(email="other@example.com"))
        users.delete("jane", permit)
        assert items() == []

    def test_users_are_spread(self, users: DynamoDBUserRepository, items: Items) -> None:
        for number in range(64):
            users.create(user(f"user{number:02}"))
        assert len({item["pk"]["S"] for item in items()}) == 8


class TestRequests:
    """How many each call makes where nothing goes wrong."""

    @pytest.mark.parametrize("attempt", [None, IdempotencyKey("key", "request")])
    def test_a_create_is_one(
        self, users: DynamoDBUserRepository, line: Proxy, attempt: IdempotencyKey | None
    ) -> None:
        users.create(user(email="jane@example.com"), attempt)
        assert line.requests == ["TransactWriteItems"]

    def test_so_is_its_repeat(self, users: DynamoDBUserRepository, line: Proxy) -> None:
        attempt = IdempotencyKey("key", "request")
        users.create(user(), attempt)
        line.forget()
        users.create(user(), attempt)
        assert line.requests == ["TransactWriteItems"]

    def test_a_page_is_one_for_each_shard(self, users: DynamoDBUserRepository, line: Proxy) -> None:
        for number in range(64):
            users.create(user(f"user{number:02}"))
        line.forget()
        users.list_users(Listing(25, after="user10"))
        assert line.requests == ["Query"] * 8

    def test_each_shard_is_asked_for_little_more_than_its_share(
        self, users: DynamoDBUserRepository, line: Proxy
    ) -> None:
        for limit in (1, 25, 100):
            users.list_users(Listing(limit))
        limits = [exchange.document["Limit"] for exchange in line.exchanges]
        assert limits == [2] * 8 + [7] * 8 + [20] * 8

    def test_a_page_from_one_shard_is_few_more(
        self, users: DynamoDBUserRepository, line: Proxy
    ) -> None:
        for name in in_one_shard(70):
            users.create(user(name))
        line.forget()
        assert len(users.list_users(Listing(70)).users) == 70
        assert line.requests == ["Query"] * (8 + 2)

    def test_a_page_of_a_status_is_one_more(
        self, users: DynamoDBUserRepository, line: Proxy
    ) -> None:
        for number in range(64):
            users.create(user(f"user{number:02}", status="active" if number else "suspended"))
        for status in ("active", "suspended"):
            line.forget()
            users.list_users(Listing(25, status=status))
            assert line.requests == ["Query"] * 8 + ["BatchGetItem"]

    @pytest.mark.usefixtures("table")
    def test_each_is_told_with_its_time(self, client: Client, table_name: str) -> None:
        seen: list[tuple[str, float]] = []
        users = DynamoDBUserRepository(
            Table(
                client,
                table_name,
                deadline_seconds=DEADLINE_SECONDS,
                observe=lambda *observed: seen.append(observed),
            )
        )
        users.create(user())
        with pytest.raises(UsernameTaken):
            users.create(user())
        users.get("jane")
        assert [name for name, _ in seen] == ["TransactWriteItems"] * 2 + ["GetItem"]
        assert all(0 < milliseconds < 60_000 for _, milliseconds in seen)

    def test_an_email_is_two(self, users: DynamoDBUserRepository, line: Proxy) -> None:
        users.create(user(email="jane@example.com"))
        line.forget()
        assert users.list_users(Listing(25, email="jane@example.com")).users
        assert line.requests == ["GetItem", "GetItem"]


class TestLists:
    def test_users_who_are_all_in_one_shard_are_listed(self, users: DynamoDBUserRepository) -> None:
        names = in_one_shard(70)
        # The last of them are on the third query's page, and beyond DynamoDB's 1 MB a query.
        for name in names:
            users.create(user(name, attributes={str(i): "x" * 2000 for i in range(8)}))
        page = users.list_users(Listing(70))
        assert ([one.username for one in page.users], page.more) == (names, False)

    @pytest.mark.parametrize("listing", [Listing(25), Listing(25, status="active")])
    def test_a_shard_with_more_than_its_share_is_asked_again(
        self, users: DynamoDBUserRepository, listing: Listing
    ) -> None:
        # Together the shards give enough at once, but not the first ones.
        names = in_one_shard(30) + [f"v{number}" for number in range(40)]
        for name in names:
            users.create(user(name))
        assert [one.username for one in users.list_users(listing).users] == names[:25]

    def test_whoever_left_a_status_before_being_read_leaves_room_for_others(
        self, users: DynamoDBUserRepository, others: DynamoDBUserRepository, line: Proxy
    ) -> None:
        for name in "abcdef":
            users.create(user(name))

        def change(exchange: Exchange) -> None:
            others.update("a", change_to(status="suspended"))
            others.delete("c", permit)
            passed(exchange)

        line.fail("BatchGetItem", change)
        page = users.list_users(Listing(3, status="active"))
        assert ([one.username for one in page.users], page.more) == (["b", "d", "e"], True)
        assert line.requests.count("BatchGetItem") == 2

    def test_keys_that_dynamodb_did_not_read_are_read_again(
        self, users: DynamoDBUserRepository, table_name: str, line: Proxy, time: ManualTime
    ) -> None:
        for name in "abc":
            users.create(user(name))
        unread = {table_name: {"Keys": [user_key("a"), user_key("c")], "ConsistentRead": True}}
        unprocessed = success(Responses={}, UnprocessedKeys=unread)
        line.fail("BatchGetItem", unprocessed)
        page = users.list_users(Listing(3, status="active"))
        assert [one.username for one in page.users] == ["a", "c"]  # the response kept b back
        assert len(time.pauses) == 1

        def after_long(exchange: Exchange) -> None:
            time.now += DEADLINE_SECONDS / 4
            unprocessed(exchange)

        line.fail("BatchGetItem", after_long, forever=True)
        with pytest.raises(Unavailable, match="time"):
            users.list_users(Listing(3, status="active"))

    def test_an_email_that_moves_between_two_reads_is_found(
        self, users: DynamoDBUserRepository, others: DynamoDBUserRepository, line: Proxy
    ) -> None:
        users.create(user("jane", email="jane@example.com"))
        users.create(user("john"))

        def move(exchange: Exchange) -> None:
            others.update("jane", change_to())
            others.update("john", change_to(email="jane@example.com"))
            passed(exchange)

        line.fail("GetItem", None, move)
        page = users.list_users(Listing(1, email="jane@example.com"))
        assert [one.username for one in page.users] == ["john"]

    @pytest.mark.parametrize(
        ("operation", "listing"),
        [
            ("Query", Listing(1)),
            ("Query", Listing(1, status="active")),
            ("BatchGetItem", Listing(1, status="active")),
            ("GetItem", Listing(1, email="jane@example.com")),
        ],
    )
    @pytest.mark.parametrize("fault", [THROTTLED, lost_request, error(500, "InternalServerError")])
    def test_a_list_gets_over_one_fault_and_no_more(
        self,
        users: DynamoDBUserRepository,
        line: Proxy,
        operation: str,
        listing: Listing,
        fault: Fault,
    ) -> None:
        jane = users.create(user("jane", email="jane@example.com"))
        line.fail(operation, fault)
        assert users.list_users(listing).users == [jane]
        line.fail(operation, fault, forever=True)
        with pytest.raises(Unavailable):
            users.list_users(listing)


class TestTime:
    @pytest.mark.parametrize(
        ("call", "requests"),
        [
            (lambda users: users.list_users(Listing(1, status="active")), ["Query"] * 8),
            (lambda users: users.list_users(Listing(1, email="jane@example.com")), ["GetItem"]),
            (lambda users: users.update("jane", change_to(given_name="Jane")), ["GetItem"]),
            (lambda users: users.delete("jane", permit), ["GetItem"]),
        ],
        ids=["list of a status", "list of an email", "update", "delete"],
    )
    def test_no_request_begins_when_one_before_took_it_all(
        self,
        client: Client,
        table_name: str,
        others: DynamoDBUserRepository,
        line: Proxy,
        time: ManualTime,
        call: Callable[[DynamoDBUserRepository], object],
        requests: list[str],
    ) -> None:
        def take_all(_operation: str, _milliseconds: float) -> None:
            time.now += DEADLINE_SECONDS

        others.create(user("jane", email="jane@example.com"))
        users = DynamoDBUserRepository(Table(client, table_name, clock=time, observe=take_all))
        with pytest.raises(Unavailable):
            call(users)
        # The first response ends a page's other connections, perhaps before they are read here.
        assert line.requests == requests[: len(line.requests)]

    def test_conflicts_that_last_are_unavailable_when_it_is_used_up(
        self, users: DynamoDBUserRepository, line: Proxy, time: ManualTime
    ) -> None:
        for fault in (CONFLICT, IN_PROGRESS):
            time.pauses.clear()
            line.fail("TransactWriteItems", _after(fault, DEADLINE_SECONDS / 5), forever=True)
            line.exchanges.clear()
            with pytest.raises(Unavailable):
                users.create(user())
            assert len(line.requests) == 5
            assert len(set(time.pauses)) == 4  # jitter: no two writers in step

    def test_other_writers_without_end_are_unavailable_when_it_is_used_up(
        self, users: DynamoDBUserRepository, others: DynamoDBUserRepository, time: ManualTime
    ) -> None:
        users.create(user())

        def another_writes(state: User) -> None:
            assert state.version < 20, "it goes on for ever"
            others.update("jane", lambda s: s.changed({**s.members, "state": s.etag}))
            time.now += DEADLINE_SECONDS / 5

        def change(state: User) -> User:
            another_writes(state)
            return state.changed({**state.members, "given_name": "Jane"})

        with pytest.raises(Unavailable):
            users.update("jane", change)
        with pytest.raises(Unavailable):
            users.delete("jane", another_writes)
        assert "given_name" not in users.get("jane").members

    def test_a_pause_that_dynamodb_asks_for_is_made(
        self, users: DynamoDBUserRepository, line: Proxy, time: ManualTime
    ) -> None:
        line.fail("TransactWriteItems", error(503, "Busy", wait=7_000))
        users.create(user())
        assert time.pauses == [7]

    def test_a_pause_beyond_the_deadline_is_not_begun(
        self, users: DynamoDBUserRepository, line: Proxy, time: ManualTime
    ) -> None:
        line.fail("TransactWriteItems", error(503, "Busy", wait=int(DEADLINE_SECONDS * 1000)))
        with pytest.raises(Unavailable):
            users.create(user())
        assert time.pauses == []

    def test_a_server_that_says_nothing_is_not_waited_for(self) -> None:
        """With the machine's own clock: the one test that waits."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
            client = Client(endpoint, REGION, attempt_seconds=0.1)
            users = DynamoDBUserRepository(Table(client, "users", deadline_seconds=0.3))
            with pytest.raises(Unavailable) as unavailable:
                users.get("jane")
            assert unavailable.value.reason == "TimeoutError"
            with pytest.raises(Unavailable):
                users.list_users(Listing(1))
            client.close()


def _after(fault: Fault, seconds: float) -> Fault:
    def late(exchange: Exchange) -> None:
        exchange.time.now += seconds
        fault(exchange)

    return late


class TestFaults:
    @pytest.mark.parametrize(
        "fault", [CONFLICT, IN_PROGRESS, THROTTLED, lost_request, lost_response]
    )
    def test_a_create_gets_over_it(
        self, users: DynamoDBUserRepository, line: Proxy, fault: Fault
    ) -> None:
        line.fail("TransactWriteItems", fault)
        created = user(email="jane@example.com")
        users.create(created)
        assert users.get("jane") == created
        assert line.requests.count("TransactWriteItems") == 2

    @pytest.mark.parametrize(
        "fault", [CONFLICT, IN_PROGRESS, THROTTLED, lost_request, lost_response]
    )
    def test_an_update_gets_over_it(
        self, users: DynamoDBUserRepository, line: Proxy, fault: Fault
    ) -> None:
        users.create(user(email="jane@example.com"))
        line.fail("TransactWriteItems", fault)
        changed = users.update("jane", change_to(email="new@example.com"))
        assert (changed.version, users.get("jane")) == (2, changed)

    @pytest.mark.parametrize(
        "fault", [CONFLICT, IN_PROGRESS, THROTTLED, lost_request, lost_response]
    )
    def test_a_delete_gets_over_it(
        self, users: DynamoDBUserRepository, line: Proxy, fault: Fault, items: Items
    ) -> None:
        users.create(user(email="jane@example.com"))
        line.fail("TransactWriteItems", fault)
        users.delete("jane", permit)
        assert items() == []

    @pytest.mark.parametrize("fault", [THROTTLED, lost_request, lost_response])
    def test_a_read_gets_over_it(
        self, users: DynamoDBUserRepository, line: Proxy, fault: Fault
    ) -> None:
        users.create(user())
        line.fail("GetItem", fault)
        assert users.get("jane").username == "jane"

    def test_a_lost_response_then_a_conflict_is_still_one_create(
        self, users: DynamoDBUserRepository, line: Proxy
    ) -> None:
        line.fail("TransactWriteItems", lost_response, CONFLICT)
        created = user(email="jane@example.com")
        users.create(created)
        assert users.get("jane") == created

    def test_a_lost_response_then_a_conflict_is_still_one_update(
        self, users: DynamoDBUserRepository, line: Proxy
    ) -> None:
        before = user()
        users.create(before)

        line.fail("TransactWriteItems", lost_response, CONFLICT)
        assert users.update("jane", change_only(before)).version == 2
        assert users.get("jane").version == 2

    def test_an_update_with_a_lost_response_is_known_after_another_writer_came(
        self, users: DynamoDBUserRepository, others: DynamoDBUserRepository, line: Proxy
    ) -> None:
        before = user()
        users.create(before)

        line.fail("TransactWriteItems", then(lost_response, lambda: move_to_berlin(others)))
        assert users.update("jane", change_only(before)).version == 2
        assert users.get("jane").members == {
            "status": "active",
            "given_name": "Jane",
            "state": "Berlin",
        }

    def test_a_create_with_a_lost_response_does_not_bring_a_deleted_user_back(
        self, users: DynamoDBUserRepository, others: DynamoDBUserRepository, line: Proxy
    ) -> None:
        line.fail("TransactWriteItems", then(lost_response, lambda: others.delete("jane", permit)))
        users.create(user(email="jane@example.com"))
        with pytest.raises(UserNotFound):
            users.get("jane")

    def test_an_update_that_met_another_writer_builds_on_what_that_one_wrote(
        self, users: DynamoDBUserRepository, others: DynamoDBUserRepository, line: Proxy
    ) -> None:
        users.create(user())

        line.fail("TransactWriteItems", then(CONFLICT, lambda: move_to_berlin(others)))
        users.update("jane", lambda s: s.changed({**s.members, "given_name": "Jane"}))
        assert users.get("jane").version == 3
        assert users.get("jane").members["state"] == "Berlin"

    @pytest.mark.parametrize("email", ["moved@example.com", "free@example.com", None])
    def test_an_email_that_another_writer_is_moving_is_no_refusal(
        self,
        users: DynamoDBUserRepository,
        others: DynamoDBUserRepository,
        line: Proxy,
        email: str | None,
    ) -> None:
        users.create(user(email="jane@example.com"))

        line.fail("TransactWriteItems", moving_email(others))
        changed = users.update("jane", change_to(**({"email": email} if email else {})))
        assert changed.members.get("email") == email

    def test_a_user_whose_email_another_writer_is_moving_can_be_deleted(
        self,
        users: DynamoDBUserRepository,
        others: DynamoDBUserRepository,
        line: Proxy,
        items: Items,
    ) -> None:
        users.create(user(email="jane@example.com"))

        line.fail("TransactWriteItems", moving_email(others))
        users.delete("jane", permit)
        assert items() == []

    def test_a_username_taken_by_another_beside_a_conflict_is_taken(
        self, users: DynamoDBUserRepository, line: Proxy
    ) -> None:
        line.fail("TransactWriteItems", refused("ConditionalCheckFailed", "TransactionConflict"))
        with pytest.raises(UsernameTaken):
            users.create(user(email="jane@example.com"))

    @pytest.mark.parametrize(
        "fault", [CONFLICT, IN_PROGRESS, THROTTLED, lost_request, lost_response]
    )
    def test_an_attempt_gets_over_it(
        self, users: DynamoDBUserRepository, line: Proxy, fault: Fault
    ) -> None:
        line.fail("TransactWriteItems", fault)
        created = user(email="jane@example.com")
        assert users.create(created, IdempotencyKey("key", "request")) is created
        assert users.get("jane") == created

    def test_an_attempt_whose_answer_never_came_is_known_to_another_instance(
        self, users: DynamoDBUserRepository, others: DynamoDBUserRepository, line: Proxy
    ) -> None:
        line.fail("TransactWriteItems", lost_response, lost_request)
        first = user(email="jane@example.com")
        with pytest.raises(Unavailable):
            users.create(first, IdempotencyKey("key", "request"))
        again = user(email="jane@example.com")
        assert others.create(again, IdempotencyKey("key", "request")) == first
        assert others.get("jane") == first

    def test_a_first_try_that_is_under_way_is_waited_for(
        self, users: DynamoDBUserRepository, others: DynamoDBUserRepository, line: Proxy
    ) -> None:
        # It has the user already, as far as this try can see, and still holds its marker.
        first = user()
        attempt = IdempotencyKey("key", "request")
        refusal = refused("TransactionConflict", "ConditionalCheckFailed")
        line.fail("TransactWriteItems", then(refusal, lambda: others.create(first, attempt)))
        assert users.create(user(), attempt) == first

    @pytest.mark.parametrize(
        "fault",
        [
            refused("ConditionalCheckFailed"),  # without the item that was asked for
            cancelled(),
            cancelled("ConditionalCheckFailed"),
            refused("None"),
            error(400, "TransactionCanceledException"),
            error(400, "TransactionCanceledException", CancellationReasons=[{}, {}, {}]),
            error(400, "TransactionCanceledException", CancellationReasons=["", "", ""]),
        ],
    )
    def test_a_cancellation_that_does_not_say_why_is_none(
        self, users: DynamoDBUserRepository, line: Proxy, fault: Fault
    ) -> None:
        created, attempt = user(email="jane@example.com"), IdempotencyKey("key", "request")
        line.fail("TransactWriteItems", fault, forever=True)
        with pytest.raises(Unavailable):
            users.create(created, attempt)
        line.fail("TransactWriteItems", fault)
        assert users.create(created, attempt) is created

    def test_an_email_taken_by_another_is_taken(
        self, users: DynamoDBUserRepository, line: Proxy
    ) -> None:
        line.fail("TransactWriteItems", refused("None", "ConditionalCheckFailed"))
        with pytest.raises(EmailTaken):
            users.create(user(email="jane@example.com"))

    @pytest.mark.parametrize("taken", [{"username": "jane"}, {"email": "jane@example.com"}])
    @pytest.mark.parametrize("fault", [lost_request, error(500, "InternalServerError")])
    def test_what_is_taken_while_an_attempt_is_lost_is_no_refusal(
        self,
        users: DynamoDBUserRepository,
        others: DynamoDBUserRepository,
        line: Proxy,
        fault: Fault,
        taken: dict[str, str],
    ) -> None:
        # The lost attempt may yet arrive, and take effect if what it needs is free again by then.
        taker = user(**{"username": "john", **taken})
        line.fail("TransactWriteItems", then(fault, lambda: others.create(taker)), CONFLICT)
        with pytest.raises(Unavailable):
            users.create(user(email="jane@example.com"))
        with pytest.raises((UsernameTaken, EmailTaken)):
            users.create(user(email="jane@example.com"))

    @pytest.mark.parametrize(
        "fault", [THROTTLED, lost_request, error(500, "InternalServerError"), error(503, "Busy")]
    )
    def test_what_lasts_is_unavailable(
        self, users: DynamoDBUserRepository, line: Proxy, fault: Fault
    ) -> None:
        for operation in ("TransactWriteItems", "GetItem"):
            line.fail(operation, fault, forever=True)
        with pytest.raises(Unavailable):
            users.create(user())
        with pytest.raises(Unavailable):
            users.get("jane")
        assert line.requests == ["TransactWriteItems"] * MAX_ATTEMPTS + ["GetItem"] * MAX_ATTEMPTS

    def test_reads_are_strongly_consistent_except_those_of_the_index(
        self, users: DynamoDBUserRepository, line: Proxy
    ) -> None:
        # The engine's reads always are, so that only the requests can show it.
        users.create(user(email="jane@example.com"))
        line.forget()
        users.get("jane")
        for listing in (
            Listing(1),
            Listing(1, status="active"),
            Listing(1, email="jane@example.com"),
        ):
            users.list_users(listing)
        asked = [
            (exchange.operation, asked["ConsistentRead"])
            for exchange in line.exchanges
            for asked in exchange.document.get("RequestItems", {"": exchange.document}).values()
        ]
        assert asked == [
            ("GetItem", True),
            *[("Query", True)] * 8,
            *[("Query", False)] * 8,
            ("BatchGetItem", True),
            *[("GetItem", True)] * 2,
        ]

    def test_a_bug_is_not_taken_for_unavailable(
        self, users: DynamoDBUserRepository, line: Proxy
    ) -> None:
        line.fail("GetItem", error(400, "AccessDeniedException"))
        with pytest.raises(DynamoDBError, match="AccessDenied"):
            users.get("jane")

    def test_a_table_that_cannot_be_used_is_unhealthy(
        self, users: DynamoDBUserRepository, line: Proxy
    ) -> None:
        line.fail("GetItem", error(400, "ResourceNotFoundException"))
        with pytest.raises(Unavailable) as unavailable:
            users.check()
        assert unavailable.value.reason == "ResourceNotFoundException"


class Call(NamedTuple):
    """A call of the port.

    make: makes it. operation: the request in it that meets a fault. result: what it returns.
    """

    make: Callable[[DynamoDBUserRepository], object]
    operation: str
    result: object


def usernames(users: DynamoDBUserRepository, listing: Listing) -> list[str]:
    return [one.username for one in users.list_users(listing).users]


CALLS = {
    "get": Call(lambda users: users.get("jane").username, "GetItem", "jane"),
    "health": Call(DynamoDBUserRepository.check, "GetItem", None),
    "list": Call(lambda users: usernames(users, Listing(1)), "Query", ["jane"]),
    "list of a status": Call(
        lambda users: usernames(users, Listing(1, status="active")), "Query", ["jane"]
    ),
    "list of a status, its users": Call(
        lambda users: usernames(users, Listing(1, status="active")), "BatchGetItem", ["jane"]
    ),
    "list of an email": Call(
        lambda users: usernames(users, Listing(1, email="jane@example.com")), "GetItem", ["jane"]
    ),
    "create": Call(
        lambda users: users.create(user("new"), IdempotencyKey("key", "body")).username,
        "TransactWriteItems",
        "new",
    ),
    "update, its read": Call(
        lambda users: users.update("new", change_to(given_name="Jane")).version, "GetItem", 2
    ),
    "update": Call(
        lambda users: users.update("new", change_to(given_name="Janet")).version,
        "TransactWriteItems",
        3,
    ),
    "delete": Call(lambda users: users.delete("new", permit), "TransactWriteItems", None),
}


class TestDamage:
    """Nothing is taken for a response that isn't the one that DynamoDB sent."""

    @pytest.mark.parametrize("fault", DAMAGED)
    def test_what_is_damaged_is_asked_for_again(
        self, users: DynamoDBUserRepository, line: Proxy, fault: Fault
    ) -> None:
        users.create(user("jane", email="jane@example.com"))
        for name, call in CALLS.items():
            line.fail(call.operation, fault)
            assert (name, call.make(users)) == (name, call.result)
        with pytest.raises(UserNotFound):
            users.get("new")

    @pytest.mark.parametrize("fault", DAMAGED)
    def test_what_is_damaged_each_time_is_unavailable(
        self,
        users: DynamoDBUserRepository,
        others: DynamoDBUserRepository,
        line: Proxy,
        fault: Fault,
    ) -> None:
        others.create(user("jane", email="jane@example.com"))
        for call in CALLS.values():
            line.fail(call.operation, fault, forever=True)
            with pytest.raises(Unavailable):
                call.make(users)
            line.forget()
            if call.operation == "TransactWriteItems":  # it took place, perhaps
                with suppress(UsernameTaken):
                    others.create(user("new"))


class TestConnections:
    def test_they_are_kept(self, users: DynamoDBUserRepository, line: Proxy) -> None:
        users.create(user())
        users.get("jane")
        assert line.connections == 1
        for _ in range(2):
            users.list_users(Listing(1))
        assert line.connections == 8

    def test_those_that_the_server_ended_are_not_used_again(
        self, users: DynamoDBUserRepository, line: Proxy
    ) -> None:
        users.create(user())
        users.list_users(Listing(1))
        line.drop()
        line.forget()
        assert users.list_users(Listing(1)).users
        assert line.requests == ["Query"] * 8  # each once

    @pytest.mark.parametrize("more", [b"\r\n", b"HTTP/1.1 200 -\r\nContent-Length: 2\r\n\r\n{}"])
    def test_nor_one_that_sent_more_than_its_response(
        self, users: DynamoDBUserRepository, line: Proxy, more: bytes
    ) -> None:
        created = users.create(user())
        line.fail("GetItem", lambda exchange: exchange.send(exchange.forward().raw + more))
        for _ in range(2):
            assert users.get("jane") == created
        assert line.connections == 2

    def test_nor_one_that_the_server_says_it_ends(
        self, users: DynamoDBUserRepository, line: Proxy
    ) -> None:
        created = users.create(user())
        line.fail("GetItem", lambda e: e.send(e.forward().but(Connection="close").raw))
        for _ in range(2):
            assert users.get("jane") == created
        assert line.connections == 2

    def test_a_query_that_is_refused_leaves_none_under_way(
        self, users: DynamoDBUserRepository, line: Proxy
    ) -> None:
        created = users.create(user())
        held = threading.Event()

        def wait(exchange: Exchange) -> None:
            held.wait()
            passed(exchange)

        line.fail("Query", error(400, "AccessDeniedException"), *[wait] * 7)
        with pytest.raises(DynamoDBError, match="AccessDenied"):
            users.list_users(Listing(1))
        held.set()
        line.forget()
        assert users.get("jane") == created
        assert users.list_users(Listing(1)).users == [created]

    def test_a_query_without_a_response_is_repeated_alone(
        self, users: DynamoDBUserRepository, line: Proxy
    ) -> None:
        created = users.create(user())
        line.forget()
        line.fail("Query", lost_response)
        assert users.list_users(Listing(1)).users == [created]
        assert line.requests == ["Query"] * 9

    def test_while_most_requests_fail_they_are_not_repeated(
        self, users: DynamoDBUserRepository, line: Proxy
    ) -> None:
        line.fail("GetItem", lost_request, forever=True)
        for _ in range(60):
            with pytest.raises(Unavailable):
                users.get("jane")
        assert 60 < len(line.requests) < 100
        line.forget()
        with pytest.raises(UserNotFound):
            users.get("jane")
