"""The smoke tests pass where the API works, fail where it doesn't, and leave nothing behind."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TOKEN = "header.payload.signature"  # noqa: S105 nobody checks it
JSON = "application/json"
PROBLEM = "application/problem+json"

type Answer = tuple[int, dict[str, Any] | None, dict[str, str]]


class Deployed:
    """What is deployed: one that works, unless `faults` has another answer for a call."""

    def __init__(self, faults: dict[str, Answer]) -> None:
        self.faults = faults
        self.users: dict[str, dict[str, Any]] = {}

    def answer(self, method: str, path: str, token: str | None, body: Any) -> Answer:
        path = path.partition("?")[0]
        name = path.removeprefix("/users/") if path.startswith("/users/") else ""
        call = f"{method} {path.removesuffix(name)}"
        if path == "/health":
            works: Answer = (200, {"status": "ok"}, {})
        elif token != f"Bearer {TOKEN}":
            call += " without a token"
            works = (401, {"message": "Unauthorized"}, {})
        elif method == "GET" and not name:
            works = (200, {"users": list(self.users.values())}, {})
        elif method == "POST":
            name = body["username"]
            self.users[name] = {**body, "status": "active"}
            works = (201, self.users[name], {"ETag": '"1"', "Location": f"/users/{name}"})
        elif name not in self.users:
            call += " of nobody"
            works = (404, {"status": 404}, {"Content-Type": PROBLEM})
        elif method == "PATCH":
            self.users[name] |= body
            works = (200, self.users[name], {"ETag": '"2"'})
        elif method == "DELETE":
            if call not in self.faults:
                del self.users[name]
            works = (204, None, {})
        else:
            works = (200, self.users[name], {"ETag": '"1"'})
        return self.faults.get(call, works)


def test_they_pass_where_it_works_and_leave_nothing() -> None:
    deployed = Deployed({})
    done = run(deployed)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout
    assert deployed.users == {}


CRASHED: Answer = (500, {"message": "Internal Server Error"}, {})


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("GET /health", CRASHED),
        ("GET /health", (200, {"status": "failing"}, {})),
        ("GET /users without a token", (200, {"users": []}, {})),
        ("GET /users without a token", (403, {"message": "Forbidden"}, {})),
        ("GET /users without a token", (404, {"status": 404}, {"Content-Type": PROBLEM})),
        ("POST /users", CRASHED),
        ("POST /users", (401, {"message": "Unauthorized"}, {})),
        ("GET /users/", CRASHED),
        ("GET /users/", (200, {"username": "somebody"}, {"ETag": '"1"'})),
        ("GET /users", (200, {"users": []}, {})),
        ("PATCH /users/", (200, {"status": "active"}, {"ETag": '"2"'})),
        ("PATCH /users/", CRASHED),
        ("GET /users/ of nobody", (404, {"message": "Not Found"}, {})),
        ("GET /users/ of nobody", (200, {}, {})),
    ],
)
def test_they_fail_where_it_does_not_and_leave_nothing(call: str, answer: Answer) -> None:
    deployed = Deployed({call: answer})
    done = run(deployed)
    assert done.returncode == 1, done.stdout
    assert deployed.users == {}


def test_they_fail_where_their_user_stays() -> None:
    assert run(Deployed({"DELETE /users/": CRASHED})).returncode == 1


def test_they_fail_where_nobody_says_what_to_test() -> None:
    done = pytest_smoke({})
    assert done.returncode == 1
    assert "Set API_ENDPOINT" in done.stdout


def run(deployed: Deployed) -> subprocess.CompletedProcess[str]:
    with served(deployed) as endpoint:
        return pytest_smoke({"API_ENDPOINT": endpoint, "API_TOKEN": TOKEN})


def pytest_smoke(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/smoke"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": os.defpath, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables},
    )


@contextmanager
def served(deployed: Deployed) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, document, fields = deployed.answer(
                self.command, self.path, self.headers["Authorization"], json.loads(body or b"null")
            )
            content = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            for field, value in {"Content-Type": JSON, **fields}.items():
                self.send_header(field, value)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 as the library has them

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
