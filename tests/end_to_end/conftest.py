"""A deployed API: the one whose address is in API_ENDPOINT, and a token for it in API_TOKEN."""

import os
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest


@pytest.fixture(scope="session")
def endpoint() -> str:
    return _variable("API_ENDPOINT")


@pytest.fixture(scope="session")
def token() -> str:
    """One with every scope, which is good until the last test."""
    return _variable("API_TOKEN")


@pytest.fixture(scope="session")
def api(endpoint: str, token: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {token}"}
    # The longest that the gateway waits for the function, and a little.
    with httpx.Client(base_url=endpoint, headers=headers, timeout=31) as client:
        yield client


def _variable(name: str) -> str:
    if name not in os.environ:
        pytest.fail(f"Set {name}, or run ./scripts/sandbox -- .venv/bin/pytest ...", pytrace=False)
    return os.environ[name]


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
