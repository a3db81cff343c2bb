"""This checkout's code takes over what a release's code wrote, and that what this one's writes.

The latter is what a release's code meets while both serve, and after a roll-back.
"""

from typing import TYPE_CHECKING

from tests.compatibility.function import Document, Function, Response
from tests.compatibility.meeting import Meeting, of_a_later_release, path_of
from tests.compatibility.written import Remembered, Written, known, put

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


def test_each_user_is_read(meeting: Meeting) -> None:
    for user in meeting.users:
        assert meeting.seen(known(meeting.reader("GET", path_of(user)))) == user
        unchanged = meeting.reader("GET", path_of(user), headers={"if-none-match": user.etag})
        assert unchanged.status == 304


def test_all_users_are_listed_in_order(meeting: Meeting) -> None:
    assert meeting.walk() == [user.document for user in meeting.users]


def test_the_users_with_a_status_are_listed_in_order(meeting: Meeting) -> None:
    for status in {user.document["status"] for user in meeting.released.users}:
        expected = [u.document for u in meeting.users if u.document["status"] == status]
        assert expected
        assert meeting.walk(status=status) == expected


def test_the_users_with_a_prefix_are_listed_in_order(meeting: Meeting) -> None:
    for prefix in ("a", "A.", "key-", "l", "suspended"):
        expected = [
            user.document
            for user in meeting.users
            if user.document["username"].startswith(prefix.lower())
        ]
        assert expected
        assert meeting.walk(username_prefix=prefix) == expected


def test_users_are_found_by_their_emails(meeting: Meeting) -> None:
    for email, user in meeting.emails.items():
        assert meeting.walk(email=email.swapcase()) == [user.document]


def test_usernames_and_emails_are_taken(meeting: Meeting) -> None:
    for user in meeting.users:
        username = user.document["username"].upper()
        answer = meeting.reader("POST", "/users", {"username": username})
        assert _problem(answer) == (409, "/problems/username-taken")
    for email in meeting.emails:
        new = {"username": "new", "email": email.swapcase()}
        answer = meeting.reader("POST", "/users", new)
        assert _problem(answer) == (409, "/problems/email-taken")
        answer = meeting.reader("PATCH", "/users/minimal", {"email": email.swapcase()})
        assert _problem(answer) == (409, "/problems/email-taken")


def test_creates_are_replayed(meeting: Meeting) -> None:
    assert meeting.remembered
    for first in meeting.remembered:
        answer = _repeat(meeting, first, first.body)
        assert answer.status == 201
        assert answer.headers["idempotency-replayed"] == "true"
        assert meeting.seen(known(answer)) == meeting.seen(first.user)
        answer = _repeat(meeting, first, {**first.body, "username": "another"})
        assert _problem(answer) == (422, "/problems/idempotency-key-reused")


def test_creates_are_not_replayed_once_they_are_to_be_forgotten(
    meeting: Meeting, client: "DynamoDBClient", table: str
) -> None:
    markers = [item for item in meeting.written.items if "expires_at" in item]
    assert len(markers) == len(meeting.written.remembered)
    put([{**marker, "expires_at": {"N": "1767225600"}} for marker in markers], client, table)
    there = {user.document["username"] for user in meeting.users}
    for first in meeting.remembered:
        answer = _repeat(meeting, first, first.body)
        if first.body["username"] in there:
            assert _problem(answer) == (409, "/problems/username-taken")
        else:
            assert answer.status == 201
            assert "idempotency-replayed" not in answer.headers
            assert answer.headers["etag"] != first.user.etag


def test_users_are_patched(meeting: Meeting) -> None:
    for user in meeting.users:
        patch = {"given_name": "Patched"}
        stale = {"if-match": '"another"'}
        assert meeting.reader("PATCH", path_of(user), patch, stale).status == 412
        answer = meeting.reader("PATCH", path_of(user), patch, {"if-match": user.etag})
        meeting.changed(answer, user, **patch)


def test_users_are_replaced(meeting: Meeting) -> None:
    for user in meeting.users:
        body = {**user.document, "state": "Replaced"}
        answer = meeting.reader("PUT", path_of(user), body, {"if-match": user.etag})
        meeting.changed(answer, user, state="Replaced")


def test_a_status_is_changed_and_lists_follow(meeting: Meeting) -> None:
    for user in meeting.users:
        status = "active" if user.document["status"] == "suspended" else "suspended"
        answer = meeting.reader("PATCH", path_of(user), {"status": status})
        meeting.changed(answer, user, status=status)
    for function in (meeting.reader, meeting.other):
        moved = meeting._replace(reader=function).walk(status="active")
        assert [document["username"] for document in moved] == [
            user.document["username"]
            for user in meeting.users
            if user.document["status"] == "suspended"
        ]


def test_users_are_deleted_and_their_emails_freed(meeting: Meeting) -> None:
    for user in meeting.users:
        answer = meeting.reader("DELETE", path_of(user), headers={"if-match": user.etag})
        assert answer.status == 204
        assert meeting.other("GET", path_of(user)).status == 404
    for number, email in enumerate(meeting.emails):
        new = {"username": f"new-{number}", "email": email}
        assert meeting.other("POST", "/users", new).status == 201


def test_a_change_keeps_no_attribute_that_the_code_does_not_know(
    present: Function, written_now: Written, client: "DynamoDBClient", table: str
) -> None:
    # Not a wish: docs/change.md says what follows from it.
    [item] = [i for i in written_now.items if i["sk"]["S"] == "minimal"]
    put([of_a_later_release(item)], client, table)
    assert present("PATCH", "/users/minimal", {"state": "Patched"}).status == 200
    [changed] = client.scan(TableName=table)["Items"]
    assert changed.keys() == {*item, "state"}


def _repeat(meeting: Meeting, first: Remembered, body: Document) -> Response:
    return meeting.reader("POST", "/users", body, {"idempotency-key": first.key})


def _problem(answer: Response) -> tuple[int, str]:
    return answer.status, answer.body["type"]
