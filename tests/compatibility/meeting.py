"""One version of the code reads what another one wrote."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

from tests.compatibility.function import Document, Function, Response
from tests.compatibility.releases import Release, all_releases
from tests.compatibility.written import Item, Known, Remembered, Written, known


class Case(NamedTuple):
    """Which code reads the items, and which wrote them.

    Attributes:
        release: The release that is tested.
        reads: The code that reads: "now" or a release.
        wrote: The code that wrote: "now", a release or "a later release".
    """

    release: Release
    reads: str
    wrote: str

    def __str__(self) -> str:
        return f"{self.reads} reads what {self.wrote} wrote"


def cases() -> Iterator[Case]:
    """Yield both directions for each release, and a later release's items."""
    for release in all_releases():
        yield Case(release, "now", str(release))
        if release.code.exists():
            yield Case(release, str(release), "now")
    yield Case(all_releases()[-1], "now", "a later release")


class Meeting(NamedTuple):
    """A table with items that another version of the code wrote.

    Attributes:
        reader: The code that reads the items.
        other: The code that then reads what the reader wrote.
        written: The items, and what the other code returned for them.
        released: What the older code wrote.
    """

    reader: Function
    other: Function
    written: Written
    released: Written

    def seen(self, user: Known) -> Known:
        """Return the members of a user that both versions know."""
        return user.only(self.released.members)

    @property
    def users(self) -> list[Known]:
        """All users, sorted by username."""
        return [self.seen(user) for user in self.written.users]

    @property
    def emails(self) -> dict[str, Known]:
        """Users by their email."""
        return {user.document["email"]: user for user in self.users if "email" in user.document}

    @property
    def remembered(self) -> list[Remembered]:
        """The creates that can be repeated with both versions."""
        return [r for r in self.written.remembered if r.body.keys() <= self.released.members]

    def changed(self, response: Response, before: Known, **members: object) -> None:
        """Fail unless a user got these members, in the response and for both versions."""
        assert response.status == 200
        after = self.seen(known(response))
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
        """List users page by page, with the members that both versions know."""
        found: list[Document] = []
        cursor: dict[str, str] = {}
        while True:
            # A small limit, so that there are several pages.
            query = filters if "email" in filters else {**filters, "limit": "4", **cursor}
            response = self.reader("GET", "/users", query=urlencode(query))
            assert response.status == 200
            found += [self.seen(Known("", user)).document for user in response.body["users"]]
            if "next_cursor" not in response.body:
                return found
            cursor = {"cursor": response.body["next_cursor"]}


def path_of(user: Known) -> str:
    """Return the path of a user."""
    return f"/users/{user.document['username']}"


def of_a_later_release(item: Item) -> Item:
    """Return an item with an unknown attribute, as code finds it after a roll-back."""
    later = {**item, "of_a_later_release": {"M": {"schema": {"N": "2"}}}}
    if "user" in item:
        later["user"] = {"M": of_a_later_release(item["user"]["M"])}
    return later
