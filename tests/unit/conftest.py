"""How property tests run, and what Lambda tells the function."""

import os

import pytest
from hypothesis import HealthCheck, settings


def pytest_configure(config: pytest.Config) -> None:
    # Otherwise each logger adds a filter to pytest's handlers, which live as long as the process.
    os.environ["POWERTOOLS_LOG_DEDUPLICATION_DISABLED"] = "true"
    settings.register_profile(
        "unit",
        max_examples=2000 if config.getoption("long") else 25,
        # How long an example takes says how busy the machine is, and no more.
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("unit")


@pytest.fixture
def in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what Lambda and the template set for the function, and nothing from this machine."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "DYNAMODB_ENDPOINT": "https://dynamodb.us-east-1.amazonaws.com",
    }.items():
        monkeypatch.setenv(name, value)
