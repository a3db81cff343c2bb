"""Users that go with the test that made them."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.deployed import Client


@pytest.fixture
def new_name(api: Client) -> Iterator[Callable[[], str]]:
    """Usernames that nobody has; whoever has one after the test is deleted."""
    names = []

    def make() -> str:
        names.append(f"e2e-{uuid.uuid4()}")
        return names[-1]

    yield make
    for name in names:
        assert api.delete(f"/users/{name}").status_code in {204, 404}


@pytest.fixture
def name(new_name: Callable[[], str]) -> str:
    return new_name()
