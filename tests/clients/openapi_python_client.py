"""Uses the client that openapi-python-client makes, for mypy to check."""

from collections.abc import Iterator
from typing import Never

from client.api.users import create_user, get_user, list_users, patch_user
from client.client import AuthenticatedClient
from client.models import (
    AttributesInput,
    GatewayMessage,
    NewUser,
    Problem,
    User,
    UserPage,
    UserPatch,
    UserStatus,
)
from client.types import UNSET, Unset

client = AuthenticatedClient("https://api.example.com", "token")


def fail(error: Problem | GatewayMessage | None) -> Never:
    if isinstance(error, Problem):
        faults = [f"{fault.pointer}: {fault.detail}" for fault in error.errors or []]
        raise RuntimeError("; ".join([error.detail, *faults]))
    raise RuntimeError(error.message if error else "no content")


def create(username: str, key: str) -> User:
    body = NewUser(username=username)
    user = create_user.sync(client=client, body=body, idempotency_key=key)
    return user if isinstance(user, User) else fail(user)


def read(username: str, etag: str | Unset = UNSET) -> User | None:
    answer = get_user.sync_detailed(username, client=client, if_none_match=etag)
    if answer.status_code == 304:
        return None
    return answer.parsed if isinstance(answer.parsed, User) else fail(answer.parsed)


def walk() -> Iterator[User]:
    cursor: str | Unset = UNSET
    while True:
        page = list_users.sync(client=client, status=UserStatus.ACTIVE, limit=100, cursor=cursor)
        if not isinstance(page, UserPage):
            fail(page)
        yield from page.users
        if not page.next_cursor:
            break
        cursor = page.next_cursor


def forget_email(username: str, etag: str) -> UserStatus:
    body = UserPatch(email=None, attributes=AttributesInput.from_dict({"badge": None}))
    user = patch_user.sync(username, client=client, body=body, if_match=etag)
    return user.status if isinstance(user, User) else fail(user)


def wrong() -> NewUser:
    return NewUser(username="jane", status="invited")  # type: ignore[arg-type]  # no such status
