"""One user comes, is read and changed, and goes: all parts of a deployment have to work together.

Nobody else's user is touched, and nothing stays: the create has no Idempotency-Key, of which a
marker would.
"""

import uuid
from collections.abc import Iterator

import pytest

from tests.deployed import Client


@pytest.fixture
def name(api: Client) -> Iterator[str]:
    """A username that nobody has; whoever has it after the test is deleted."""
    name = f"smoke-test-{uuid.uuid4()}"
    yield name
    assert api.delete(f"/users/{name}").status_code in {204, 404}


def test_a_user_comes_and_goes(api: Client, name: str) -> None:
    path = f"/users/{name}"
    created = api.post("/users", json={"username": name})
    assert (created.status_code, created.json().get("username")) == (201, name)
    assert created.headers["Location"] == path

    read = api.get(path)
    assert (read.status_code, read.json()) == (200, created.json())
    assert read.headers["ETag"] == created.headers["ETag"]

    changed = api.patch(
        path,
        json={"status": "suspended"},
        headers={
            "Content-Type": "application/merge-patch+json",
            "If-Match": created.headers["ETag"],
        },
    )
    assert (changed.status_code, changed.json().get("status")) == (200, "suspended")

    listed = api.get("/users", params={"username_prefix": name})
    assert (listed.status_code, listed.json().get("users")) == (200, [changed.json()])

    assert api.delete(path).status_code == 204
    gone = api.get(path)
    # Not the gateway's 404, which is no problem document.
    assert (gone.status_code, gone.headers["Content-Type"]) == (404, "application/problem+json")
