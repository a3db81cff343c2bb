"""A code meets what another one wrote."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

from tests.compatibility.function import Answer, Document, Function
from tests.compatibility.releases import Release, all_releases
from tests.compatibility.written import Item, Known, Remembered, Written, known


class Case(NamedTuple):
    """reads: whose code reads; wrote: what wrote the items."""

    release: Release
    reads: str
    wrote: str

    def __str__(self) -> str:
        return f"{self.reads} reads what {self.wrote} wrote"


def cases() -> Iterator[Case]:
    """Both directions for each release, and what is yet to come."""
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
            assert self.seen(known(function("GET", path_of(before)))) == after

    def walk(self, **filters: str) -> list[Document]:
        """What both codes know of the users in a list, page by page."""
        found: list[Document] = []
        cursor: dict[str, str] = {}
        while True:
            # Some pages each.
            query = filters if "email" in filters else {**filters, "limit": "4", **cursor}
            answer = self.reader("GET", "/users", query=urlencode(query))
            assert answer.status == 200
            found += [self.seen(Known("", user)).document for user in answer.body["users"]]
            if "next_cursor" not in answer.body:
                return found
            cursor = {"cursor": answer.body["next_cursor"]}


def path_of(user: Known) -> str:
    """Where a user is."""
    return f"/users/{user.document['username']}"


def of_a_later_release(item: Item) -> Item:
    """An item as this checkout's code meets it after a roll-back: with what it doesn't know."""
    later = {**item, "of_a_later_release": {"M": {"schema": {"N": "2"}}}}
    if "user" in item:
        later["user"] = {"M": of_a_later_release(item["user"]["M"])}
    return later
