"""Fixtures for the suites that need a deployed API or AWS's DynamoDB engine."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.deployed import Client
from tooling import environment

# As the scripts do: a hook's GIT_DIR or a shell's NODE_OPTIONS must not reach tests' processes.
environment.enter()

# No proxy reaches this machine's loopback. httpx parses every proxy variable, even if it uses none,
# so they are removed if the API is on the loopback.
_LOOPBACK = ("127.0.0.1", "localhost")
_PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes long and rarely fails; only with --long")
    given = (os.environ.get(name) for name in ("NO_PROXY", "no_proxy"))
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(filter(None, [*given, *_LOOPBACK]))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run as long as ./scripts/verify does")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--long"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def is_long(request: pytest.FixtureRequest) -> bool:
    """Return whether to be thorough rather than fast."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session")
def endpoint() -> str:
    """Return the URL of a deployed API."""
    url = _variable("API_ENDPOINT")
    if urlsplit(url).hostname in _LOOPBACK:
        for name in _PROXIES:
            os.environ.pop(name, None)
            os.environ.pop(name.lower(), None)
    return url


@pytest.fixture(scope="session")
def authorization() -> dict[str, str]:
    """Return headers with a token that allows everything and outlasts the tests."""
    return {"Authorization": f"Bearer {_variable('API_TOKEN')}"}


@pytest.fixture(scope="session")
def api(endpoint: str, authorization: dict[str, str]) -> Iterator[Client]:
    """Yield a client of the deployed API that sends the token."""
    with Client(endpoint, authorization) as client:
        yield client


@pytest.fixture(scope="session")
def anonymous(endpoint: str) -> Iterator[Client]:
    """Yield a client of the deployed API that sends no token."""
    with Client(endpoint) as client:
        yield client


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[str]:
    """Start AWS's DynamoDB engine in memory, and yield its endpoint."""
    # Smoke tests and others don't need what this imports.
    from tests.dynamodb_local import started_engine  # noqa: PLC0415

    with started_engine() as endpoint:
        yield endpoint


def _variable(name: str) -> str:
    if name not in os.environ:
        pytest.fail(f"Set {name}, or run ./scripts/sandbox -- .venv/bin/pytest ...", pytrace=False)
    return os.environ[name]
