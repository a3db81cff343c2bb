"""The port's contract, for every store."""

import itertools
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from backend.api.runtime.errors import PreconditionFailed
from backend.users.errors import EmailTaken, IdempotencyKeyReused, UsernameTaken, UserNotFound
from backend.users.models import User
from backend.users.repository import IdempotencyKey, Listing, Page, UserRepository
from tests.integration.conftest import Clock

EVERY_MEMBER: dict[str, Any] = {
    "email": "Jane.Doe@Example.com",
    "status": "suspended",
    "given_name": "Jane",
    "family_name": "Döe",
    "display_name": "🙂",
    "phone_number": "+4930123456",
    "locale": "de-DE",
    "zoneinfo": "Europe/Berlin",
    "country": "DE",
    "state": "Berlin",
    "attributes": {"i": 1, "f": 1.0, "t": True, "s": "\x00", "n": -(2**63), "m": 2**64 - 1},
}


def user(username: str = "jane", **members: Any) -> User:
    return User.new(username, {"status": "active", **members})


def change_to(**members: Any) -> Any:
    return lambda before: before.changed({"status": "active", **members})


def permit(_user: User) -> None:
    pass


def refuse(_user: User) -> None:
    raise PreconditionFailed


def test_what_was_created_can_be_read(users: UserRepository) -> None:
    created = user(**EVERY_MEMBER)
    users.create(created)
    assert users.get("jane") == created


def test_numbers_keep_their_types(users: UserRepository) -> None:
    users.create(user(attributes={"int": 1, "float": 1.0, "bool": True}))
    kept = users.get("jane").members["attributes"]
    assert {name: type(value) for name, value in kept.items()} == {
        "int": int,
        "float": float,
        "bool": bool,
    }


def test_nobody_is_found_under_an_unknown_username(users: UserRepository) -> None:
    with pytest.raises(UserNotFound):
        users.get("jane")


def test_a_username_is_taken_once(users: UserRepository) -> None:
    first = user(email="first@example.com")
    users.create(first)
    with pytest.raises(UsernameTaken):
        users.create(user(email="second@example.com"))
    assert users.get("jane") == first


def test_a_refused_create_holds_no_email(users: UserRepository) -> None:
    users.create(user("jane"))
    with pytest.raises(UsernameTaken):
        users.create(user("jane", email="free@example.com"))
    users.create(user("john", email="free@example.com"))


def test_an_email_is_taken_once_in_any_case(users: UserRepository) -> None:
    users.create(user("jane", email="Jane@Example.com"))
    with pytest.raises(EmailTaken):
        users.create(user("john", email="jane@example.COM"))
    with pytest.raises(UserNotFound):
        users.get("john")


def test_the_username_is_named_when_both_are_taken(users: UserRepository) -> None:
    users.create(user(email="jane@example.com"))
    with pytest.raises(UsernameTaken):
        users.create(user(email="jane@example.com"))


def test_an_update_returns_and_keeps_the_changed_state(users: UserRepository) -> None:
    users.create(user(given_name="Jane"))
    changed = users.update("jane", change_to(given_name="Janet"))
    assert changed.members == {"status": "active", "given_name": "Janet"}
    assert users.get("jane") == changed


def test_an_update_that_changes_nothing_keeps_the_state(users: UserRepository) -> None:
    created = user(given_name="Jane")
    users.create(created)
    assert users.update("jane", change_to(given_name="Jane")) == created
    assert users.get("jane") == created


def test_nobody_is_updated_under_an_unknown_username(users: UserRepository) -> None:
    with pytest.raises(UserNotFound):
        users.update("jane", change_to())


def test_a_refused_update_changes_nothing(users: UserRepository) -> None:
    created = user()
    users.create(created)

    def refuse_change(_before: User) -> User:
        raise PreconditionFailed

    with pytest.raises(PreconditionFailed):
        users.update("jane", refuse_change)
    assert users.get("jane") == created


def test_an_update_to_a_taken_email_changes_nothing(users: UserRepository) -> None:
    created = user("jane", email="jane@example.com")
    users.create(created)
    users.create(user("john", email="john@example.com"))
    with pytest.raises(EmailTaken):
        users.update("jane", change_to(email="John@example.com"))
    assert users.get("jane") == created
    with pytest.raises(EmailTaken):
        users.create(user("other", email="jane@example.com"))


def test_a_changed_email_frees_the_old_one_and_holds_the_new_one(users: UserRepository) -> None:
    users.create(user("jane", email="old@example.com"))
    users.update("jane", change_to(email="new@example.com"))
    users.create(user("john", email="old@example.com"))
    with pytest.raises(EmailTaken):
        users.create(user("other", email="new@example.com"))


def test_an_email_can_change_its_case(users: UserRepository) -> None:
    users.create(user("jane", email="jane@example.com"))
    assert users.update("jane", change_to(email="Jane@Example.com")).members["email"] == (
        "Jane@Example.com"
    )
    with pytest.raises(EmailTaken):
        users.create(user("john", email="jane@example.com"))


def test_a_removed_email_is_free(users: UserRepository) -> None:
    users.create(user("jane", email="jane@example.com"))
    users.update("jane", change_to())
    users.create(user("john", email="jane@example.com"))


def test_an_added_email_is_held(users: UserRepository) -> None:
    users.create(user("jane"))
    users.update("jane", change_to(email="jane@example.com"))
    with pytest.raises(EmailTaken):
        users.create(user("john", email="jane@example.com"))


def test_a_deleted_user_is_gone_and_its_names_are_free(users: UserRepository) -> None:
    users.create(user(email="jane@example.com"))
    users.delete("jane", permit)
    with pytest.raises(UserNotFound):
        users.get("jane")
    users.create(user(email="jane@example.com"))


def test_nobody_is_deleted_under_an_unknown_username(users: UserRepository) -> None:
    with pytest.raises(UserNotFound):
        users.delete("jane", permit)


def test_a_refused_delete_changes_nothing(users: UserRepository) -> None:
    created = user(email="jane@example.com")
    users.create(created)
    with pytest.raises(PreconditionFailed):
        users.delete("jane", refuse)
    assert users.get("jane") == created


class TestAttempts:
    FIRST = IdempotencyKey("key", "request")

    def test_a_repeat_gives_the_first_answer(self, users: UserRepository) -> None:
        first = user(**EVERY_MEMBER)
        assert users.create(first, self.FIRST) is first
        assert users.create(user(**EVERY_MEMBER), self.FIRST) == first
        assert users.get("jane") == first

    def test_a_repeat_does_not_see_what_became_of_the_user(self, users: UserRepository) -> None:
        first = users.create(user(email="jane@example.com"), self.FIRST)
        users.update("jane", change_to(given_name="Jane"))
        assert users.create(user(email="jane@example.com"), self.FIRST) == first
        users.delete("jane", permit)
        assert users.create(user(email="jane@example.com"), self.FIRST) == first
        with pytest.raises(UserNotFound):
            users.get("jane")

    def test_a_key_is_for_one_request(self, users: UserRepository) -> None:
        users.create(user("jane"), self.FIRST)
        with pytest.raises(IdempotencyKeyReused):
            users.create(user("john"), IdempotencyKey("key", "another request"))
        with pytest.raises(IdempotencyKeyReused):  # before it is said what else is taken
            users.create(user("jane"), IdempotencyKey("key", "another request"))
        with pytest.raises(UserNotFound):
            users.get("john")

    def test_another_key_is_another_request(self, users: UserRepository) -> None:
        users.create(user(), self.FIRST)
        with pytest.raises(UsernameTaken):
            users.create(user(), IdempotencyKey("another key", "request"))

    def test_an_attempt_is_remembered_for_a_day(self, users: UserRepository, clock: Clock) -> None:
        first = users.create(user(), self.FIRST)
        users.delete("jane", permit)
        clock.now += 24 * 60 * 60
        assert users.create(user(), self.FIRST) == first
        clock.now += 1
        second = user()
        for _ in range(2):  # and from then on that one is
            assert users.create(user() if _ else second, self.FIRST) == second
        clock.now += 24 * 60 * 60
        with pytest.raises(IdempotencyKeyReused):
            users.create(user(), IdempotencyKey("key", "another request"))
        clock.now += 1
        with pytest.raises(UsernameTaken):
            users.create(user(), self.FIRST)

    def test_a_refused_attempt_is_not_remembered(self, users: UserRepository) -> None:
        users.create(user("jane", email="jane@example.com"))
        with pytest.raises(UsernameTaken):
            users.create(user("jane"), self.FIRST)
        with pytest.raises(EmailTaken):
            users.create(user("john", email="jane@example.com"), self.FIRST)
        john = user("john")
        assert users.create(john, IdempotencyKey("key", "corrected")) is john


class TestLists:
    def test_users_are_listed_by_username(self, users: UserRepository) -> None:
        members = {name: value for name, value in EVERY_MEMBER.items() if name != "email"}
        made = {name: user(name, **members) for name in ["z9", "a.b", "0", "a", "a-b"]}
        for one in made.values():
            users.create(one)
        listed = users.list_users(Listing(limit=10))
        assert listed == Page([made[name] for name in ["0", "a", "a-b", "a.b", "z9"]], more=False)

    def test_nobody_is_listed_where_nobody_is(self, users: UserRepository) -> None:
        assert users.list_users(Listing(limit=1)) == Page([], more=False)

    def test_pages_are_full_and_each_user_is_on_one(self, users: UserRepository) -> None:
        names = _create_many(users)
        filters: list[tuple[dict[str, str], str]] = [
            ({}, r".*"),
            ({"status": "suspended"}, r".*[05]"),
            ({"status": "active"}, r".*[^05]"),
            ({"username_prefix": "user1"}, "user1.*"),
            ({"username_prefix": "user1", "status": "suspended"}, "user1.*[05]"),
            ({"username_prefix": "user12"}, "user12"),
            ({"username_prefix": "v"}, "v.*"),
            ({"username_prefix": "nobody"}, "nobody"),
        ]
        for (chosen, pattern), limit in itertools.product(filters, [1, 2, 7, 25, 40, 100]):
            pages = walk(users, Listing(limit, **chosen))
            expected = [name for name in names if re.fullmatch(pattern, name)]
            assert [name for page in pages for name in page] == expected, (chosen, limit)
            assert {len(page) for page in pages[:-1]} <= {limit}, (chosen, limit)

    def test_a_user_is_found_by_email_in_any_case(self, users: UserRepository) -> None:
        jane = users.create(user("jane", email="Jane@Example.com"))
        users.create(user("john", email="john@example.com"))
        listing = Listing(limit=1, email="jANE@example.com")
        assert users.list_users(listing) == Page([jane], more=False)
        for listed, other in [
            (True, listing._replace(username_prefix="ja", status="active")),
            (False, listing._replace(username_prefix="jo")),
            (False, listing._replace(status="suspended")),
            (False, listing._replace(email="nobody@example.com")),
        ]:
            assert users.list_users(other).users == [jane] * listed

    def test_a_changed_status_moves_a_user(self, users: UserRepository) -> None:
        users.create(user())
        suspended = users.update("jane", change_to(status="suspended"))
        assert users.list_users(Listing(1, status="active")).users == []
        assert users.list_users(Listing(1, status="suspended")).users == [suspended]
        users.delete("jane", permit)
        assert users.list_users(Listing(1, status="suspended")).users == []

    def test_a_list_has_the_newest_states(self, users: UserRepository) -> None:
        users.create(user())
        changed = users.update("jane", change_to(given_name="Jane"))
        for listing in (Listing(1), Listing(1, status="active")):
            assert users.list_users(listing).users == [changed]

    def test_a_page_may_begin_after_a_user_who_is_gone(self, users: UserRepository) -> None:
        names = _create_many(users)
        users.delete(names[3], permit)
        assert _names(users, Listing(2, after=names[3])) == names[4:6]
        listing = Listing(2, after=names[3], username_prefix="user", status="active")
        assert _names(users, listing) == ["user04", "user06"]


def test_the_store_can_be_reached(users: UserRepository) -> None:
    users.check()


class TestAtOnce:
    def test_one_of_many_creates_of_a_username_succeeds(self, users: UserRepository) -> None:
        assert _succeeded(users, [user("jane") for _ in range(20)]) == 1

    def test_one_of_many_creates_with_an_email_succeeds(self, users: UserRepository) -> None:
        many = [user(f"jane{i}", email="jane@example.com") for i in range(20)]
        assert _succeeded(users, many) == 1

    def test_no_update_is_lost(self, users: UserRepository) -> None:
        users.create(user(attributes={"count": 0}))

        def count(before: User) -> User:
            value = before.members["attributes"]["count"] + 1
            return before.changed({**before.members, "attributes": {"count": value}})

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: users.update("jane", count), range(40)))
        after = users.get("jane")
        assert (after.members["attributes"], after.version) == ({"count": 40}, 41)

    def test_first_tries_at_once_make_one_user_and_one_answer(self, users: UserRepository) -> None:
        def create(_: int) -> User:
            return users.create(user(email="jane@example.com"), IdempotencyKey("key", "request"))

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(create, range(20)))
        assert answers == [users.get("jane")] * 20

    def test_a_walk_sees_everyone_who_exists_throughout_once(self, users: UserRepository) -> None:
        lasting = [f"user{number:03}" for number in range(0, 200, 2)]
        for name in lasting:
            users.create(user(name))
        stop = threading.Event()

        def come_and_go(first: int) -> None:
            for number in itertools.cycle(range(first, 200, 8)):
                if stop.is_set():
                    return
                users.create(user(f"user{number:03}"))
                users.delete(f"user{number:03}", permit)

        with ThreadPoolExecutor(4) as pool:
            visitors = [pool.submit(come_and_go, first) for first in (1, 3, 5, 7)]
            try:
                for listing in (Listing(7), Listing(7, status="active")):
                    seen = [name for page in walk(users, listing) for name in page]
                    assert [name for name in seen if name in lasting] == lasting
                    assert seen == sorted(set(seen))
            finally:
                stop.set()
            for visitor in visitors:
                visitor.result()

    def test_users_who_take_emails_from_each_other_never_share_one(
        self, users: UserRepository
    ) -> None:
        for name in ("jane", "john"):
            users.create(user(name, email=f"{name}@example.com"))

        def move(number: int) -> None:
            name, email = ("jane", "john")[number % 2], f"{number % 3}@example.com"
            with suppress(EmailTaken):  # the other user may have it now
                users.update(name, change_to(email=email))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(move, range(60)))
        held = {users.get(name).members["email"] for name in ("jane", "john")}
        assert len(held) == 2
        free = {f"{i}@example.com" for i in range(3)} - held
        for number, email in enumerate(free):
            users.create(user(f"other{number}", email=email))
        for email in held:
            with pytest.raises(EmailTaken):
                users.create(user("one-more", email=email))


def _create_many(users: UserRepository) -> list[str]:
    """Every fifth is suspended."""
    names = [f"user{number:02}" for number in range(40)] + ["v", "v5"]
    for name in sorted(names, reverse=True):
        users.create(user(name, status="suspended" if name[-1] in "05" else "active"))
    return names


def walk(users: UserRepository, listing: Listing) -> list[list[str]]:
    """The usernames on each page, the last of which may be empty only when it is the first."""
    pages = []
    while True:
        page = users.list_users(listing)
        pages.append([one.username for one in page.users])
        if not page.more:
            assert page.users or len(pages) == 1
            return pages
        listing = listing._replace(after=page.users[-1].username)


def _names(users: UserRepository, listing: Listing) -> list[str]:
    return [one.username for one in users.list_users(listing).users]


def _succeeded(users: UserRepository, candidates: list[User]) -> int:
    def create(candidate: User) -> bool:
        try:
            users.create(candidate)
        except (UsernameTaken, EmailTaken):
            return False
        return True

    with ThreadPoolExecutor(len(candidates)) as pool:
        return sum(pool.map(create, candidates))
