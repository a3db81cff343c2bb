"""Clients of the deployed API whose address is in API_ENDPOINT."""

from collections.abc import Iterator

import httpx
import pytest

# The longest that the gateway waits for the function, and a little.
_SECONDS = 31


@pytest.fixture(scope="session")
def anonymous(endpoint: str) -> Iterator[httpx.Client]:
    """One without a token. A name that is new in the DNS may take a moment: it tries again."""
    transport = httpx.HTTPTransport(retries=5)
    with httpx.Client(base_url=endpoint, timeout=_SECONDS, transport=transport) as client:
        yield client


@pytest.fixture(scope="session")
def api(endpoint: str, authorization: dict[str, str]) -> Iterator[httpx.Client]:
    """One with a token."""
    with httpx.Client(base_url=endpoint, headers=authorization, timeout=_SECONDS) as client:
        yield client
