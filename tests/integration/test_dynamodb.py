"""The adapter: its items, and what real DynamoDB does that no local engine does.

Faults are put between the SDK and the engine, so that the SDK's own retries take part.
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HTTPHeaders
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from dynamodb import DynamoDBUsers
from errors import EmailTaken, PreconditionFailed, Unavailable, UsernameTaken, UserNotFound
from items import user_key
from models import User
from table import Table, make_client
from tests.integration.test_users import EVERY_MEMBER, change_to, permit, user
from users import Attempt, Listing

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

type Items = Callable[[], list[dict[str, Any]]]
type Fault = Callable[[AWSPreparedRequest], AWSResponse]

MAX_ATTEMPTS = 2


def lost_request(_request: AWSPreparedRequest) -> AWSResponse:
    raise ConnectTimeoutError(endpoint_url="http://dynamodb")


def lost_answer(request: AWSPreparedRequest) -> AWSResponse:
    answer = URLLib3Session().send(request)
    assert answer.status_code == 200, answer.text
    raise ReadTimeoutError(endpoint_url="http://dynamodb")


def error(status: int, code: str, **members: Any) -> Fault:
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code, **members}

    class Raw:
        def stream(self, **_: Any) -> list[bytes]:
            return [json.dumps(body).encode()]

    def answer(request: AWSPreparedRequest) -> AWSResponse:
        return AWSResponse(request.url, status, HTTPHeaders(), Raw())

    answer.__name__ = code or str(status)  # pytest names the test's case by it
    return answer


def success(**members: Any) -> Fault:
    class Raw:
        def stream(self, **_: Any) -> list[bytes]:
            return [json.dumps(members).encode()]

    return lambda request: AWSResponse(request.url, 200, HTTPHeaders(), Raw())


def cancelled(*codes: str) -> Fault:
    reasons = [{"Code": code} for code in codes]
    return error(400, "TransactionCanceledException", CancellationReasons=reasons)


CONFLICT = cancelled("TransactionConflict", "None")
IN_PROGRESS = error(400, "TransactionInProgressException")
THROTTLED = error(400, "ThrottlingException")


def then(fault: Fault, action: Callable[[], object]) -> Fault:
    """Another client acts right after the fault took place."""

    def faulty(request: AWSPreparedRequest) -> AWSResponse:
        try:
            return fault(request)
        finally:
            action()

    return faulty


def moving_email(others: DynamoDBUsers) -> Fault:
    """Another client's transaction, which moves jane's email, holds her item already."""
    refusal = cancelled("TransactionConflict", "ConditionalCheckFailed")
    return then(refusal, lambda: others.update("jane", change_to(email="moved@example.com")))


def move_to_berlin(others: DynamoDBUsers) -> None:
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


class Line:
    """Between the SDK and the engine: each request meets the next fault; None lets it pass."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self._client = client
        self.requests = 0

    def fail(self, operation: str, *faults: Fault | None, forever: bool = False) -> None:
        remaining = itertools.cycle(faults) if forever else iter(faults)

        def meet(request: AWSPreparedRequest, **_: Any) -> Any:
            self.requests += 1
            fault = next(remaining, None)
            return fault(request) if fault else None

        self._client.meta.events.register(f"before-send.dynamodb.{operation}", meet)


@pytest.fixture
def line(client: "DynamoDBClient") -> Line:
    return Line(client)


@pytest.fixture
def users(client: "DynamoDBClient", table_name: str) -> DynamoDBUsers:
    return DynamoDBUsers(Table(client, table_name, sleep=lambda _seconds: None))


@pytest.fixture
def others(client: "DynamoDBClient", table_name: str) -> Iterator[DynamoDBUsers]:
    """Another client of the same table, whose line has no faults."""
    made = make_client()
    yield DynamoDBUsers(Table(made, table_name))
    made.close()


@pytest.fixture
def items(client: "DynamoDBClient", table_name: str) -> Items:
    """All that the table holds, by key."""

    def scan() -> list[dict[str, Any]]:
        found = client.scan(TableName=table_name)["Items"]
        return sorted(found, key=lambda item: item["pk"]["S"])

    return scan


class TestItems:
    def test_a_user_with_an_email_is_two_items(self, users: DynamoDBUsers, items: Items) -> None:
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
        self, client: "DynamoDBClient", table_name: str, items: Items
    ) -> None:
        users = DynamoDBUsers(Table(client, table_name), clock=lambda: 1_800_000_000.5)
        key = "7" * 64
        users.create(user(), Attempt(key, "digest"))
        attempt, created = items()
        assert attempt == {
            "pk": {"S": f"idempotency#{key}"},
            "sk": {"S": "idempotency"},
            "expires_at": {"N": "1800086401"},
            "request": {"S": "digest"},
            "user": {"M": created},
        }

    def test_nothing_is_left_of_a_deleted_user(self, users: DynamoDBUsers, items: Items) -> None:
        users.create(user(email="jane@example.com"))
        users.update("jane", change_to(email="other@example.com"))
        users.delete("jane", permit)
        assert items() == []

    def test_users_are_spread(self, users: DynamoDBUsers, items: Items) -> None:
        for number in range(64):
            users.create(user(f"user{number:02}"))
        assert len({item["pk"]["S"] for item in items()}) == 8


class TestRequests:
    """How many each call makes where nothing goes wrong."""

    @pytest.fixture
    def requests(self, client: "DynamoDBClient") -> list[str]:
        made: list[str] = []
        client.meta.events.register(
            "before-send.dynamodb", lambda event_name, **_: made.append(event_name.split(".")[-1])
        )
        return made

    @pytest.mark.parametrize("attempt", [None, Attempt("key", "request")])
    def test_a_create_is_one(
        self, users: DynamoDBUsers, requests: list[str], attempt: Attempt | None
    ) -> None:
        users.create(user(email="jane@example.com"), attempt)
        assert requests == ["TransactWriteItems"]

    def test_so_is_its_repeat(self, users: DynamoDBUsers, requests: list[str]) -> None:
        attempt = Attempt("key", "request")
        users.create(user(), attempt)
        requests.clear()
        users.create(user(), attempt)
        assert requests == ["TransactWriteItems"]

    def test_a_page_is_one_for_each_shard(self, users: DynamoDBUsers, requests: list[str]) -> None:
        for number in range(64):
            users.create(user(f"user{number:02}"))
        requests.clear()
        users.list_users(Listing(25, after="user10"))
        assert requests == ["Query"] * 8

    def test_each_shard_is_asked_for_little_more_than_its_share(
        self, client: "DynamoDBClient", users: DynamoDBUsers
    ) -> None:
        limits: list[int] = []
        client.meta.events.register(
            "before-parameter-build.dynamodb.Query",
            lambda params, **_: limits.append(params["Limit"]),
        )
        for limit in (1, 25, 100):
            users.list_users(Listing(limit))
        assert limits == [2] * 8 + [7] * 8 + [20] * 8

    def test_a_page_from_one_shard_is_few_more(
        self, users: DynamoDBUsers, requests: list[str]
    ) -> None:
        for name in in_one_shard(70):
            users.create(user(name))
        requests.clear()
        assert len(users.list_users(Listing(70)).users) == 70
        assert requests == ["Query"] * (8 + 2)

    def test_a_page_of_a_status_is_one_more(
        self, users: DynamoDBUsers, requests: list[str]
    ) -> None:
        for number in range(64):
            users.create(user(f"user{number:02}", status="active" if number else "suspended"))
        for status in ("active", "suspended"):
            requests.clear()
            users.list_users(Listing(25, status=status))
            assert requests == ["Query"] * 8 + ["BatchGetItem"]

    def test_each_is_told_with_its_time(self, client: "DynamoDBClient", table_name: str) -> None:
        seen: list[tuple[str, float]] = []
        table = Table(client, table_name, observe=lambda *observed: seen.append(observed))
        users = DynamoDBUsers(table)
        users.create(user())
        with pytest.raises(UsernameTaken):
            users.create(user())
        users.get("jane")
        assert [name for name, _ in seen] == ["TransactWriteItems"] * 2 + ["GetItem"]
        assert all(0 < milliseconds < 60_000 for _, milliseconds in seen)

    def test_an_email_is_two(self, users: DynamoDBUsers, requests: list[str]) -> None:
        users.create(user(email="jane@example.com"))
        requests.clear()
        assert users.list_users(Listing(25, email="jane@example.com")).users
        assert requests == ["GetItem", "GetItem"]


class TestLists:
    def test_users_who_are_all_in_one_shard_are_listed(self, users: DynamoDBUsers) -> None:
        names = in_one_shard(70)
        # The last of them are on the third query's page, and beyond DynamoDB's 1 MB a query.
        for name in names:
            users.create(user(name, attributes={str(i): "x" * 2000 for i in range(8)}))
        page = users.list_users(Listing(70))
        assert ([one.username for one in page.users], page.more) == (names, False)

    @pytest.mark.parametrize("listing", [Listing(25), Listing(25, status="active")])
    def test_a_shard_with_more_than_its_share_is_asked_again(
        self, users: DynamoDBUsers, listing: Listing
    ) -> None:
        # Together the shards give enough at once, but not the first ones.
        names = in_one_shard(30) + [f"v{number}" for number in range(40)]
        for name in names:
            users.create(user(name))
        assert [one.username for one in users.list_users(listing).users] == names[:25]

    def test_whoever_left_a_status_before_being_read_leaves_room_for_others(
        self, users: DynamoDBUsers, others: DynamoDBUsers, line: Line
    ) -> None:
        for name in "abcdef":
            users.create(user(name))

        def change(request: AWSPreparedRequest) -> Any:
            others.update("a", change_to(status="suspended"))
            others.delete("c", permit)

        line.fail("BatchGetItem", change)
        page = users.list_users(Listing(3, status="active"))
        assert ([one.username for one in page.users], page.more) == (["b", "d", "e"], True)
        assert line.requests == 2

    def test_keys_that_dynamodb_did_not_read_are_read_again(
        self, client: "DynamoDBClient", table_name: str, line: Line
    ) -> None:
        pauses: list[float] = []
        users = DynamoDBUsers(Table(client, table_name, budget_seconds=60, sleep=pauses.append))
        for name in "abc":
            users.create(user(name))
        unread = {table_name: {"Keys": [user_key("a"), user_key("c")], "ConsistentRead": True}}
        line.fail("BatchGetItem", success(Responses={}, UnprocessedKeys=unread))
        page = users.list_users(Listing(3, status="active"))
        assert [one.username for one in page.users] == ["a", "c"]  # the answer kept b back
        assert len(pauses) == 1

        users = DynamoDBUsers(Table(client, table_name, budget_seconds=0.2, sleep=pauses.append))
        line.fail("BatchGetItem", success(Responses={}, UnprocessedKeys=unread), forever=True)
        with pytest.raises(Unavailable):
            users.list_users(Listing(3, status="active"))

    def test_an_email_that_moves_between_two_reads_is_found(
        self, users: DynamoDBUsers, others: DynamoDBUsers, line: Line
    ) -> None:
        users.create(user("jane", email="jane@example.com"))
        users.create(user("john"))

        def move(request: AWSPreparedRequest) -> Any:
            others.update("jane", change_to())
            others.update("john", change_to(email="jane@example.com"))

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
        self, users: DynamoDBUsers, line: Line, operation: str, listing: Listing, fault: Fault
    ) -> None:
        jane = users.create(user("jane", email="jane@example.com"))
        line.fail(operation, fault)
        assert users.list_users(listing).users == [jane]
        line.fail(operation, fault, forever=True)
        with pytest.raises(Unavailable):
            users.list_users(listing)

    @pytest.mark.parametrize(
        "listing", [Listing(1), Listing(1, status="active"), Listing(1, email="jane@example.com")]
    )
    def test_no_request_begins_when_the_time_is_used_up(
        self, client: "DynamoDBClient", table_name: str, listing: Listing
    ) -> None:
        users = DynamoDBUsers(Table(client, table_name, budget_seconds=0))
        users.create(user("jane", email="jane@example.com"))
        with pytest.raises(Unavailable):
            users.list_users(listing)

    @pytest.mark.parametrize(
        ("operation", "then_not", "listing"),
        [
            ("Query", "BatchGetItem", Listing(1, status="active")),
            ("GetItem", "GetItem", Listing(1, email="jane@example.com")),
        ],
    )
    def test_nor_when_the_one_before_took_it_all(
        self,
        users: DynamoDBUsers,
        line: Line,
        monkeypatch: pytest.MonkeyPatch,
        operation: str,
        then_not: str,
        listing: Listing,
    ) -> None:
        users.create(user("jane", email="jane@example.com"))
        now = time.monotonic()

        def take_long(request: AWSPreparedRequest) -> Any:
            monkeypatch.setattr("table.time.monotonic", lambda: now + 60)

        line.fail(operation, take_long)
        after = line.requests + (8 if operation == "Query" else 1)
        if then_not != operation:
            line.fail(then_not, None)
        with pytest.raises(Unavailable):
            users.list_users(listing)
        assert line.requests == after


class TestFaults:
    @pytest.mark.parametrize("fault", [CONFLICT, IN_PROGRESS, THROTTLED, lost_request, lost_answer])
    def test_a_create_gets_over_it(self, users: DynamoDBUsers, line: Line, fault: Fault) -> None:
        line.fail("TransactWriteItems", fault)
        created = user(email="jane@example.com")
        users.create(created)
        assert users.get("jane") == created
        assert line.requests == 2

    @pytest.mark.parametrize("fault", [CONFLICT, IN_PROGRESS, THROTTLED, lost_request, lost_answer])
    def test_an_update_gets_over_it(self, users: DynamoDBUsers, line: Line, fault: Fault) -> None:
        users.create(user(email="jane@example.com"))
        line.fail("TransactWriteItems", fault)
        changed = users.update("jane", change_to(email="new@example.com"))
        assert (changed.version, users.get("jane")) == (2, changed)

    @pytest.mark.parametrize("fault", [CONFLICT, IN_PROGRESS, THROTTLED, lost_request, lost_answer])
    def test_a_delete_gets_over_it(
        self, users: DynamoDBUsers, line: Line, fault: Fault, items: Items
    ) -> None:
        users.create(user(email="jane@example.com"))
        line.fail("TransactWriteItems", fault)
        users.delete("jane", permit)
        assert items() == []

    @pytest.mark.parametrize("fault", [THROTTLED, lost_request, lost_answer])
    def test_a_read_gets_over_it(self, users: DynamoDBUsers, line: Line, fault: Fault) -> None:
        users.create(user())
        line.fail("GetItem", fault)
        assert users.get("jane").username == "jane"

    def test_a_lost_answer_then_a_conflict_is_still_one_create(
        self, users: DynamoDBUsers, line: Line
    ) -> None:
        line.fail("TransactWriteItems", lost_answer, CONFLICT)
        created = user(email="jane@example.com")
        users.create(created)
        assert users.get("jane") == created

    def test_a_lost_answer_then_a_conflict_is_still_one_update(
        self, users: DynamoDBUsers, line: Line
    ) -> None:
        before = user()
        users.create(before)

        line.fail("TransactWriteItems", lost_answer, CONFLICT)
        assert users.update("jane", change_only(before)).version == 2
        assert users.get("jane").version == 2

    def test_an_update_with_a_lost_answer_is_known_after_another_writer_came(
        self, users: DynamoDBUsers, others: DynamoDBUsers, line: Line
    ) -> None:
        before = user()
        users.create(before)

        line.fail("TransactWriteItems", then(lost_answer, lambda: move_to_berlin(others)))
        assert users.update("jane", change_only(before)).version == 2
        assert users.get("jane").members == {
            "status": "active",
            "given_name": "Jane",
            "state": "Berlin",
        }

    def test_a_create_with_a_lost_answer_does_not_bring_a_deleted_user_back(
        self, users: DynamoDBUsers, others: DynamoDBUsers, line: Line
    ) -> None:
        line.fail("TransactWriteItems", then(lost_answer, lambda: others.delete("jane", permit)))
        users.create(user(email="jane@example.com"))
        with pytest.raises(UserNotFound):
            users.get("jane")

    def test_an_update_that_met_another_writer_builds_on_what_that_one_wrote(
        self, users: DynamoDBUsers, others: DynamoDBUsers, line: Line
    ) -> None:
        users.create(user())

        line.fail("TransactWriteItems", then(CONFLICT, lambda: move_to_berlin(others)))
        users.update("jane", lambda s: s.changed({**s.members, "given_name": "Jane"}))
        assert users.get("jane").version == 3
        assert users.get("jane").members["state"] == "Berlin"

    @pytest.mark.parametrize("email", ["moved@example.com", "free@example.com", None])
    def test_an_email_that_another_writer_is_moving_is_no_refusal(
        self, users: DynamoDBUsers, others: DynamoDBUsers, line: Line, email: str | None
    ) -> None:
        users.create(user(email="jane@example.com"))

        line.fail("TransactWriteItems", moving_email(others))
        changed = users.update("jane", change_to(**({"email": email} if email else {})))
        assert changed.members.get("email") == email

    def test_a_user_whose_email_another_writer_is_moving_can_be_deleted(
        self, users: DynamoDBUsers, others: DynamoDBUsers, line: Line, items: Items
    ) -> None:
        users.create(user(email="jane@example.com"))

        line.fail("TransactWriteItems", moving_email(others))
        users.delete("jane", permit)
        assert items() == []

    def test_a_username_taken_by_another_beside_a_conflict_is_taken(
        self, users: DynamoDBUsers, line: Line
    ) -> None:
        line.fail("TransactWriteItems", cancelled("ConditionalCheckFailed", "TransactionConflict"))
        with pytest.raises(UsernameTaken):
            users.create(user(email="jane@example.com"))

    @pytest.mark.parametrize("fault", [CONFLICT, IN_PROGRESS, THROTTLED, lost_request, lost_answer])
    def test_an_attempt_gets_over_it(self, users: DynamoDBUsers, line: Line, fault: Fault) -> None:
        line.fail("TransactWriteItems", fault)
        created = user(email="jane@example.com")
        assert users.create(created, Attempt("key", "request")) is created
        assert users.get("jane") == created

    def test_an_attempt_whose_answer_never_came_is_known_to_another_instance(
        self, users: DynamoDBUsers, others: DynamoDBUsers, line: Line
    ) -> None:
        line.fail("TransactWriteItems", lost_answer, lost_request)
        first = user(email="jane@example.com")
        with pytest.raises(Unavailable):
            users.create(first, Attempt("key", "request"))
        again = user(email="jane@example.com")
        assert others.create(again, Attempt("key", "request")) == first
        assert others.get("jane") == first

    def test_a_first_try_that_is_under_way_is_waited_for(
        self, users: DynamoDBUsers, others: DynamoDBUsers, line: Line
    ) -> None:
        # It has the user already, as far as this try can see, and still holds its marker.
        first = user()
        attempt = Attempt("key", "request")
        refusal = cancelled("TransactionConflict", "ConditionalCheckFailed")
        line.fail("TransactWriteItems", then(refusal, lambda: others.create(first, attempt)))
        assert users.create(user(), attempt) == first

    def test_an_email_taken_by_another_is_taken(self, users: DynamoDBUsers, line: Line) -> None:
        line.fail("TransactWriteItems", cancelled("None", "ConditionalCheckFailed"))
        with pytest.raises(EmailTaken):
            users.create(user(email="jane@example.com"))

    @pytest.mark.parametrize(
        "fault", [THROTTLED, lost_request, error(500, "InternalServerError"), error(503, "")]
    )
    def test_what_lasts_is_unavailable_after_the_sdk_gave_up(
        self, users: DynamoDBUsers, line: Line, fault: Fault
    ) -> None:
        for operation in ("TransactWriteItems", "GetItem"):
            line.fail(operation, fault, forever=True)
        with pytest.raises(Unavailable):
            users.create(user())
        assert line.requests == MAX_ATTEMPTS
        with pytest.raises(Unavailable):
            users.get("jane")
        assert line.requests == 2 * MAX_ATTEMPTS

    @pytest.mark.parametrize(
        ("fault", "requests_a_try"), [(CONFLICT, 1), (IN_PROGRESS, MAX_ATTEMPTS)]
    )
    def test_conflicts_that_last_are_unavailable_when_the_time_is_used_up(
        self,
        client: "DynamoDBClient",
        table_name: str,
        line: Line,
        fault: Fault,
        requests_a_try: int,
    ) -> None:
        pauses: list[float] = []
        users = DynamoDBUsers(Table(client, table_name, budget_seconds=0.2, sleep=pauses.append))
        line.fail("TransactWriteItems", fault, forever=True)
        with pytest.raises(Unavailable):
            users.create(user())
        assert line.requests == (len(pauses) + 1) * requests_a_try > requests_a_try
        assert len(set(pauses)) == len(pauses)  # jitter: no two writers in step

    def test_other_writers_without_end_are_unavailable_when_the_time_is_used_up(
        self, client: "DynamoDBClient", table_name: str, others: DynamoDBUsers
    ) -> None:
        users = DynamoDBUsers(Table(client, table_name, budget_seconds=0.5))
        users.create(user())

        def change_after_another(state: User) -> User:
            assert state.version < 1000, "it goes on for ever"
            others.update("jane", lambda s: s.changed({**s.members, "state": s.etag}))
            return state.changed({**state.members, "given_name": "Jane"})

        with pytest.raises(Unavailable):
            users.update("jane", change_after_another)

        def permit_after_another(state: User) -> None:
            assert state.version < 2000, "it goes on for ever"
            others.update("jane", lambda s: s.changed({**s.members, "state": s.etag}))

        with pytest.raises(Unavailable):
            users.delete("jane", permit_after_another)
        assert "given_name" not in users.get("jane").members

    def test_reads_are_strongly_consistent_except_those_of_the_index(
        self, client: "DynamoDBClient", users: DynamoDBUsers
    ) -> None:
        # The engine's reads always are, so that only the requests can show it.
        asked: list[tuple[str, bool]] = []

        def note(params: dict[str, Any], event_name: str, **_: Any) -> None:
            operation = event_name.rsplit(".", maxsplit=1)[-1]
            if operation == "BatchGetItem":
                [params] = params["RequestItems"].values()
            asked.append((operation, params["ConsistentRead"]))

        users.create(user(email="jane@example.com"))
        client.meta.events.register("before-parameter-build.dynamodb", note)
        users.get("jane")
        for listing in (
            Listing(1),
            Listing(1, status="active"),
            Listing(1, email="jane@example.com"),
        ):
            users.list_users(listing)
        assert asked == [
            ("GetItem", True),
            *[("Query", True)] * 8,
            *[("Query", False)] * 8,
            ("BatchGetItem", True),
            *[("GetItem", True)] * 2,
        ]

    def test_a_bug_is_not_taken_for_unavailable(self, users: DynamoDBUsers, line: Line) -> None:
        line.fail("GetItem", error(400, "AccessDeniedException"))
        with pytest.raises(ClientError):
            users.get("jane")

    def test_a_table_that_cannot_be_used_is_unhealthy(
        self, users: DynamoDBUsers, line: Line
    ) -> None:
        line.fail("GetItem", error(400, "ResourceNotFoundException"))
        with pytest.raises(Unavailable) as unavailable:
            users.check()
        assert unavailable.value.reason == "ResourceNotFoundException"

    def test_a_write_does_not_begin_when_the_read_took_all_the_time(
        self, client: "DynamoDBClient", table_name: str, line: Line
    ) -> None:
        users = DynamoDBUsers(Table(client, table_name, budget_seconds=0))
        users.create(user())
        line.fail("TransactWriteItems", None)
        with pytest.raises(Unavailable):
            users.update("jane", change_to(given_name="Jane"))
        with pytest.raises(Unavailable):
            users.delete("jane", permit)
        assert line.requests == 0
