import json

import pytest

from localcloud.activity import Activity
from tooling.install import ROOT

HANDLER = "backend/api/runtime/handler.py"
ROUTES = [
    "$default",
    "GET /users/{username}",
    "GET /users/{username}/{member}",
    "GET /users/me",
    "ANY /docs/{proxy+}",
]


@pytest.fixture
def activity() -> Activity:
    activity = Activity()
    activity.know(ROUTES)
    activity.begin()
    return activity


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/users/jane@example.com", "/users/{username}"),
        ("GET", "/users/me", "/users/me"),
        ("GET", "/users/jane/name", "/users/{username}/{member}"),
        ("GET", "/users/jane/", "(no route)"),
        ("PUT", "/users/jane", "(no route)"),
        ("POST", "/docs/a/b.css", "/docs/{proxy+}"),
        ("GET", "/$default", "(no route)"),
    ],
)
def test_a_request_is_its_route(
    activity: Activity, capsys: pytest.CaptureFixture[str], method: str, path: str, route: str
) -> None:
    event = {"method": method, "path": path, "status": 200, "milliseconds": 12.34}
    activity.show(json.dumps(event).encode())
    assert capsys.readouterr().err == f"{method:<7}{route:<20} 200     12 ms\n"


def test_what_the_function_logs_is_readable(
    activity: Activity, capsys: pytest.CaptureFixture[str]
) -> None:
    log = [
        {"level": "WARNING", "message": "unavailable", "reason": "throttled", "request_id": "x"},
        {"level": "INFO", "message": "request", "route": "GET /users/{username}"},
        {"level": "ERROR", "message": "bug", "frames": [f"{HANDLER}:1 module", "elsewhere.py:7 f"]},
        "printed",
        7,
    ]
    lines = [entry if isinstance(entry, str) else json.dumps(entry) for entry in log]
    activity.show(json.dumps({"log": "\n".join(lines), "error": None}).encode())
    first_line = (ROOT / HANDLER).read_text().splitlines()[0]
    assert capsys.readouterr().err.splitlines() == [
        "  WARNING unavailable reason=throttled",
        "  ERROR bug",
        f"    {HANDLER}:1 module",
        f"      {first_line}",
        "    elsewhere.py:7 f",
        "  printed",
        "  7",
    ]


def test_a_function_that_does_not_start_says_why(
    activity: Activity, capsys: pytest.CaptureFixture[str]
) -> None:
    activity.show(json.dumps({"log": "", "error": "Worker init failed: x"}).encode())
    assert capsys.readouterr().err == "  The function failed: Worker init failed: x\n"


def test_a_start_is_not_worth_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    activity = Activity()
    activity.know(ROUTES)
    event = {"method": "GET", "path": "/health", "status": 200, "milliseconds": 1}
    activity.show(json.dumps(event).encode())
    assert capsys.readouterr().err == ""


def test_what_is_for_machines_is_not_shown(
    activity: Activity, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        '{"_aws":{"Timestamp":1,"CloudWatchMetrics":[]},"service":"users","UsersCreated":[1.0]}',
        json.dumps({"level": "WARNING", "message": "slow", "xray_trace_id": "1-2", "reason": "x"}),
    ]
    activity.show(json.dumps({"log": "\n".join(lines), "error": ""}).encode())
    assert capsys.readouterr().err == "  WARNING slow reason=x\n"
