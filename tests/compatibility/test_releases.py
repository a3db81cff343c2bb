"""This checkout's code takes over what a release's code wrote, and that what this one's writes.

The latter is what a release's code meets while both serve, and after a roll-back.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import pytest

from tests.compatibility.function import Answer, Document, Function
from tests.compatibility.releases import Release, all_releases
from tests.compatibility.written import Item, Known, Remembered, Written, known, put

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


class Case(NamedTuple):
    """reads: whose code reads; wrote: what wrote the items."""

    release: Release
    reads: str
    wrote: str

    def __str__(self) -> str:
        return f"{self.reads} reads what {self.wrote} wrote"


def _cases() -> Iterator[Case]:
    for release in all_releases():
        yield Case(release, "now", str(release))
        if release.code.exists():
            yield Case(release, str(release), "now")
    yield Case(all_releases()[-1], "now", "a later release")


class Meeting(NamedTuple):
    """A table with items that another code wrote.

    reader: the code that meets them; other: that which then meets what the reader wrote;
    written: the items, and what is known of them; released: what the older of the codes wrote.
    """

    reader: Function
    other: Function
    written: Written
    released: Written

    def seen(self, user: Known) -> Known:
        """What both codes know of a user."""
        return user.only(self.released.members)

    @property
    def users(self) -> list[Known]:
        """All users, sorted by username."""
        return [self.seen(user) for user in self.written.users]

    @property
    def emails(self) -> dict[str, Known]:
        """Who has which email."""
        return {user.document["email"]: user for user in self.users if "email" in user.document}

    @property
    def remembered(self) -> list[Remembered]:
        """The creates that both codes can be asked for again."""
        return [r for r in self.written.remembered if r.body.keys() <= self.released.members]

    def changed(self, answer: Answer, before: Known, **members: object) -> None:
        """Fails unless the user was changed to have these members, and both codes say so."""
        assert answer.status == 200
        after = self.seen(known(answer))
        expected = {
            **before.document,
            **members,
            "updated_at": after.document["updated_at"],
            "version": before.document["version"] + 1,
        }
        assert after.document == expected
        assert after.document["updated_at"] >= before.document["updated_at"]
        assert after.etag != before.etag
        for function in (self.reader, self.other):
            assert self.seen(known(function("GET", _path(before)))) == after


@pytest.fixture(params=_cases(), ids=str)
def meeting(
    request: pytest.FixtureRequest,
    run: Callable[[Path], Function],
    present: Function,
    written_now: Written,
    client: "DynamoDBClient",
    table: str,
) -> Meeting:
    case: Case = request.param
    released = case.release.written()
    old = run(case.release.code) if case.release.code.exists() else present
    match case.wrote:
        case "now":
            meeting = Meeting(old, present, written_now, released)
        case "a later release":
            later = released._replace(items=[_of_a_later_release(i) for i in released.items])
            meeting = Meeting(present, old, later, released)
        case _:
            meeting = Meeting(present, old, released, released)
    put(meeting.written.items, client, table)
    return meeting


def test_each_user_is_read(meeting: Meeting) -> None:
    for user in meeting.users:
        assert meeting.seen(known(meeting.reader("GET", _path(user)))) == user
        unchanged = meeting.reader("GET", _path(user), headers={"if-none-match": user.etag})
        assert unchanged.status == 304


def test_all_users_are_listed_in_order(meeting: Meeting) -> None:
    assert _walk(meeting) == [user.document for user in meeting.users]


def test_the_users_with_a_status_are_listed_in_order(meeting: Meeting) -> None:
    for status in {user.document["status"] for user in meeting.released.users}:
        expected = [u.document for u in meeting.users if u.document["status"] == status]
        assert expected
        assert _walk(meeting, status=status) == expected


def test_the_users_with_a_prefix_are_listed_in_order(meeting: Meeting) -> None:
    for prefix in ("a", "A.", "key-", "l", "suspended"):
        expected = [
            user.document
            for user in meeting.users
            if user.document["username"].startswith(prefix.lower())
        ]
        assert expected
        assert _walk(meeting, username_prefix=prefix) == expected


def test_users_are_found_by_their_emails(meeting: Meeting) -> None:
    for email, user in meeting.emails.items():
        assert _walk(meeting, email=email.swapcase()) == [user.document]


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
        assert meeting.reader("PATCH", _path(user), patch, stale).status == 412
        answer = meeting.reader("PATCH", _path(user), patch, {"if-match": user.etag})
        meeting.changed(answer, user, **patch)


def test_users_are_replaced(meeting: Meeting) -> None:
    for user in meeting.users:
        body = {**user.document, "state": "Replaced"}
        answer = meeting.reader("PUT", _path(user), body, {"if-match": user.etag})
        meeting.changed(answer, user, state="Replaced")


def test_a_status_is_changed_and_lists_follow(meeting: Meeting) -> None:
    for user in meeting.users:
        status = "active" if user.document["status"] == "suspended" else "suspended"
        answer = meeting.reader("PATCH", _path(user), {"status": status})
        meeting.changed(answer, user, status=status)
    for function in (meeting.reader, meeting.other):
        moved = _walk(meeting._replace(reader=function), status="active")
        assert [document["username"] for document in moved] == [
            user.document["username"]
            for user in meeting.users
            if user.document["status"] == "suspended"
        ]


def test_users_are_deleted_and_their_emails_freed(meeting: Meeting) -> None:
    for user in meeting.users:
        answer = meeting.reader("DELETE", _path(user), headers={"if-match": user.etag})
        assert answer.status == 204
        assert meeting.other("GET", _path(user)).status == 404
    for number, email in enumerate(meeting.emails):
        new = {"username": f"new-{number}", "email": email}
        assert meeting.other("POST", "/users", new).status == 201


def _walk(meeting: Meeting, **filters: str) -> list[Document]:
    """What both codes know of the users in a list, page by page."""
    found: list[Document] = []
    cursor: dict[str, str] = {}
    while True:
        # As many as no number of users here is a multiple of.
        query = filters if "email" in filters else {**filters, "limit": "4", **cursor}
        answer = meeting.reader("GET", "/users", query=urlencode(query))
        assert answer.status == 200
        found += [meeting.seen(Known("", user)).document for user in answer.body["users"]]
        if "next_cursor" not in answer.body:
            return found
        cursor = {"cursor": answer.body["next_cursor"]}


def _repeat(meeting: Meeting, first: Remembered, body: Document) -> Answer:
    return meeting.reader("POST", "/users", body, {"idempotency-key": first.key})


def _path(user: Known) -> str:
    return f"/users/{user.document['username']}"


def _problem(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["type"]


def _of_a_later_release(item: Item) -> Item:
    """An item as this checkout's code meets it after a roll-back: with what it doesn't know."""
    later = {**item, "of_a_later_release": {"M": {"schema": {"N": "2"}}}}
    if "user" in item:
        later["user"] = {"M": _of_a_later_release(item["user"]["M"])}
    return later
