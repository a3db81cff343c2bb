"""Logs hold nothing personal and no token: looks at all that the function logged until now.

It comes last, so that the other suites, when they ran before it against the same sandbox, are what
it looks at; alone, it looks at its own calls.
"""

import os
import re
import uuid
from collections.abc import Iterator
from typing import Final

import boto3

from tests.conformance.values import GOOD_VALUES
from tests.deployed import Client

_REPEATS: Final = 20
_PERSONAL: Final = ("given_name", "family_name", "display_name", "phone_number", "state")
# What the suites use, and whatever looks like it.
_PATTERNS: Final = {
    "an email address": r"[\w.+-]+@[\w-]+\.\w+",
    "a username": r"\be2e-[0-9a-f]{8}-",
    "a phone number": r"\+[1-9]\d{6,14}\b",
    "a token": r"\beyJ[\w-]{8,}|\bBearer\b",
    "a query": r"\b(?:username_prefix|cursor|email)=",
    "a name": r"Zoë|Giovanna",
}


def test_nothing_personal_was_logged(endpoint: str, api: Client, closing_lines: list[str]) -> None:
    # Never the logs of an AWS account, whatever credentials the machine has.
    assert os.environ.get("AWS_ENDPOINT_URL") == endpoint, "run it by ./scripts/sandbox -- COMMAND"
    own_requests = set(_calls_with_personal_data(api))
    for _ in range(_REPEATS):
        lines = list(_logged())
        missing = own_requests - {m for line in lines for m in re.findall(r"[\w=-]{16,}", line)}
        if not missing:
            break
        # The emulator waits 50 ms for what a function logs; the rest comes with the next request.
        api.get("/health")
    assert missing == set()
    values = {
        value
        for name in _PERSONAL
        for value in GOOD_VALUES[name]
        if isinstance(value, str) and len(value) > 3
    }
    patterns = {**_PATTERNS, "a value": "|".join(map(re.escape, sorted(values)))}
    found = {
        f"{what}: {match.group()} in {line[:300]}"
        for what, pattern in patterns.items()
        for line in lines
        if (match := re.search(pattern, line))
    }
    closing_lines.append(
        f"logs: {len(lines)} lines, {len(patterns)} patterns and {len(values)} values, "
        f"{len(found)} hits"
    )
    assert found == set()


def _calls_with_personal_data(api: Client) -> Iterator[str]:
    """The requests' ids."""
    name = f"e2e-{uuid.uuid4()}"
    person = {"username": name, "email": f"{name}@example.com", "given_name": "Giovanna"}
    for method, path, body in (
        ("POST", "/users", person),
        ("POST", "/users", person),
        ("POST", "/users", {**person, "phone_number": "+49 30 1234567", "mail": "x"}),
        ("GET", f"/users/{name}@example.com", None),
        ("GET", f"/users?email={name}@example.com", None),
        ("GET", f"/users?email={name}@example.com&nickname=Giovanna", None),
        ("PATCH", f"/users/{name}", {"family_name": "Zoë", "phone_number": "+49301234567"}),
        ("DELETE", f"/users/{name}", None),
    ):
        answer = api.request(method, path, json=body)
        assert answer.status_code < 500
        yield answer.headers["X-Request-Id"]


def _logged() -> Iterator[str]:
    logs = boto3.client("logs")
    for groups in logs.get_paginator("describe_log_groups").paginate():
        for group in groups["logGroups"]:
            start = 0
            # The emulator gives the first 10,000 and no token that leads on.
            while events := logs.filter_log_events(
                logGroupName=group["logGroupName"], startTime=start
            )["events"]:
                yield from (event["message"] for event in events)
                # Some of the last millisecond come twice, unless it holds all of them.
                last = events[-1]["timestamp"]
                start = last if len(events) > 1 and last > start else last + 1
