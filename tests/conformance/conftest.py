"""Tests with tools from elsewhere, and with a model that is made from the contract alone."""

import pytest

_LINES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def closing_lines(request: pytest.FixtureRequest) -> list[str]:
    """Return lines to print at the end of the run."""
    return request.config.stash.setdefault(_LINES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in terminalreporter.config.stash.get(_LINES, []):
        terminalreporter.write_line(line)
