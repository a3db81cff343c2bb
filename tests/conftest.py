"""What the suites that need a deployed API share."""

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the runs of ./scripts/verify")


@pytest.fixture(scope="session")
def is_long(request: pytest.FixtureRequest) -> bool:
    """Whether thoroughness counts, not time."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session")
def endpoint() -> str:
    """The address of a deployed API."""
    if "API_ENDPOINT" not in os.environ:
        pytest.fail(
            "Set API_ENDPOINT, or run ./scripts/sandbox -- .venv/bin/pytest ...", pytrace=False
        )
    return os.environ["API_ENDPOINT"]
