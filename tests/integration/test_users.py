"""The port's contract, for every store."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from dynamodb import DynamoDBUsers
from errors import EmailTaken, PreconditionFailed, UsernameTaken, UserNotFound
from models import User
from tests.in_memory_users import InMemoryUsers
from users import Users

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


def test_what_was_created_can_be_read(users: Users) -> None:
    created = user(**EVERY_MEMBER)
    users.create(created)
    assert users.get("jane") == created


def test_numbers_keep_their_types(users: Users) -> None:
    users.create(user(attributes={"int": 1, "float": 1.0, "bool": True}))
    kept = users.get("jane").members["attributes"]
    assert {name: type(value) for name, value in kept.items()} == {
        "int": int,
        "float": float,
        "bool": bool,
    }


def test_nobody_is_found_under_an_unknown_username(users: Users) -> None:
    with pytest.raises(UserNotFound):
        users.get("jane")


def test_a_username_is_taken_once(users: Users) -> None:
    first = user(email="first@example.com")
    users.create(first)
    with pytest.raises(UsernameTaken):
        users.create(user(email="second@example.com"))
    assert users.get("jane") == first


def test_a_refused_create_holds_no_email(users: Users) -> None:
    users.create(user("jane"))
    with pytest.raises(UsernameTaken):
        users.create(user("jane", email="free@example.com"))
    users.create(user("john", email="free@example.com"))


def test_an_email_is_taken_once_in_any_case(users: Users) -> None:
    users.create(user("jane", email="Jane@Example.com"))
    with pytest.raises(EmailTaken):
        users.create(user("john", email="jane@example.COM"))
    with pytest.raises(UserNotFound):
        users.get("john")


def test_the_username_is_named_when_both_are_taken(users: Users) -> None:
    users.create(user(email="jane@example.com"))
    with pytest.raises(UsernameTaken):
        users.create(user(email="jane@example.com"))


def test_an_update_returns_and_keeps_the_changed_state(users: Users) -> None:
    users.create(user(given_name="Jane"))
    changed = users.update("jane", change_to(given_name="Janet"))
    assert changed.members == {"status": "active", "given_name": "Janet"}
    assert users.get("jane") == changed


def test_an_update_that_changes_nothing_keeps_the_state(users: Users) -> None:
    created = user(given_name="Jane")
    users.create(created)
    assert users.update("jane", change_to(given_name="Jane")) == created
    assert users.get("jane") == created


def test_nobody_is_updated_under_an_unknown_username(users: Users) -> None:
    with pytest.raises(UserNotFound):
        users.update("jane", change_to())


def test_a_refused_update_changes_nothing(users: Users) -> None:
    created = user()
    users.create(created)

    def refuse_change(_before: User) -> User:
        raise PreconditionFailed

    with pytest.raises(PreconditionFailed):
        users.update("jane", refuse_change)
    assert users.get("jane") == created


def test_an_update_to_a_taken_email_changes_nothing(users: Users) -> None:
    created = user("jane", email="jane@example.com")
    users.create(created)
    users.create(user("john", email="john@example.com"))
    with pytest.raises(EmailTaken):
        users.update("jane", change_to(email="John@example.com"))
    assert users.get("jane") == created
    with pytest.raises(EmailTaken):
        users.create(user("other", email="jane@example.com"))


def test_a_changed_email_frees_the_old_one_and_holds_the_new_one(users: Users) -> None:
    users.create(user("jane", email="old@example.com"))
    users.update("jane", change_to(email="new@example.com"))
    users.create(user("john", email="old@example.com"))
    with pytest.raises(EmailTaken):
        users.create(user("other", email="new@example.com"))


def test_an_email_can_change_its_case(users: Users) -> None:
    users.create(user("jane", email="jane@example.com"))
    assert users.update("jane", change_to(email="Jane@Example.com")).members["email"] == (
        "Jane@Example.com"
    )
    with pytest.raises(EmailTaken):
        users.create(user("john", email="jane@example.com"))


def test_a_removed_email_is_free(users: Users) -> None:
    users.create(user("jane", email="jane@example.com"))
    users.update("jane", change_to())
    users.create(user("john", email="jane@example.com"))


def test_an_added_email_is_held(users: Users) -> None:
    users.create(user("jane"))
    users.update("jane", change_to(email="jane@example.com"))
    with pytest.raises(EmailTaken):
        users.create(user("john", email="jane@example.com"))


def test_a_deleted_user_is_gone_and_its_names_are_free(users: Users) -> None:
    users.create(user(email="jane@example.com"))
    users.delete("jane", permit)
    with pytest.raises(UserNotFound):
        users.get("jane")
    users.create(user(email="jane@example.com"))


def test_nobody_is_deleted_under_an_unknown_username(users: Users) -> None:
    with pytest.raises(UserNotFound):
        users.delete("jane", permit)


def test_a_refused_delete_changes_nothing(users: Users) -> None:
    created = user(email="jane@example.com")
    users.create(created)
    with pytest.raises(PreconditionFailed):
        users.delete("jane", refuse)
    assert users.get("jane") == created


def test_the_store_can_be_reached(users: Users) -> None:
    users.check()


class TestAtOnce:
    """moto isn't made for several threads, so it has no part here."""

    @pytest.fixture(params=["in_memory", "dynamodb_local"])
    def users(self, request: pytest.FixtureRequest) -> InMemoryUsers | DynamoDBUsers:
        if request.param == "in_memory":
            return InMemoryUsers()
        made: DynamoDBUsers = request.getfixturevalue("dynamodb_users")
        return made

    def test_one_of_many_creates_of_a_username_succeeds(self, users: Users) -> None:
        assert _succeeded(users, [user("jane") for _ in range(20)]) == 1

    def test_one_of_many_creates_with_an_email_succeeds(self, users: Users) -> None:
        many = [user(f"jane{i}", email="jane@example.com") for i in range(20)]
        assert _succeeded(users, many) == 1

    def test_no_update_is_lost(self, users: Users) -> None:
        users.create(user(attributes={"count": 0}))

        def count(before: User) -> User:
            value = before.members["attributes"]["count"] + 1
            return before.changed({**before.members, "attributes": {"count": value}})

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: users.update("jane", count), range(40)))
        after = users.get("jane")
        assert (after.members["attributes"], after.version) == ({"count": 40}, 41)

    def test_users_who_take_emails_from_each_other_never_share_one(self, users: Users) -> None:
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


def _succeeded(users: Users, candidates: list[User]) -> int:
    def create(candidate: User) -> bool:
        try:
            users.create(candidate)
        except (UsernameTaken, EmailTaken):
            return False
        return True

    with ThreadPoolExecutor(len(candidates)) as pool:
        return sum(pool.map(create, candidates))
