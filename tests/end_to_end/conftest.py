"""A client of the deployed API whose address is in API_ENDPOINT."""

import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest


@pytest.fixture(scope="session")
def api(endpoint: str, authorization: dict[str, str]) -> Iterator[httpx.Client]:
    # The longest that the gateway waits for the function, and a little.
    with httpx.Client(base_url=endpoint, headers=authorization, timeout=31) as client:
        yield client


@pytest.fixture
def new_name(api: httpx.Client) -> Iterator[Callable[[], str]]:
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
