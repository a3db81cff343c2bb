"""The two programs of docs/clients.md do what the page says, as they are printed there."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests import npm
from tests.deployed import Client
from tooling.install import NODE_FOLDER, PYTHON, ROOT

PAGE = (ROOT / "docs" / "clients.md").read_text()
PROGRAMS = {
    "python": ("example.py", PYTHON),
    "ts": ("example.mts", NODE_FOLDER / "node"),
}
WAIT_SECONDS = 1


class Throttling(ThreadingHTTPServer):
    """A gateway before the API that refuses the first request of each method.

    It passes the first POST on, but the response is lost on the way: the client gets 503.

    Attributes:
        seen: The method, the key and the time of each request.
    """

    def __init__(self, api: Client) -> None:
        self.seen: list[tuple[str, str | None, float]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_first = server.note(self)
                response = api.get(self.path)
                self.respond(429 if is_first else response.status_code, response.content)

            def do_POST(self) -> None:
                is_first = server.note(self)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                names = ("Content-Type", "Idempotency-Key")
                headers = {name: self.headers[name] for name in names}
                response = api.post(self.path, content=body, headers=headers)
                self.respond(503 if is_first else response.status_code, response.content)

            def respond(self, status: int, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                if status in {429, 503}:
                    self.send_header("Retry-After", str(WAIT_SECONDS))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    def note(self, request: BaseHTTPRequestHandler) -> bool:
        """Note a request, and return whether it is the first of its method."""
        is_first = request.command not in {method for method, _, _ in self.seen}
        key = request.headers["Idempotency-Key"]
        self.seen.append((request.command, key, time.monotonic()))
        return is_first


@pytest.fixture
def throttling(api: Client) -> Iterator[Throttling]:
    with Throttling(api) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("language", PROGRAMS)
def test_the_program_creates_one_user_and_lists_all(
    language: str,
    throttling: Throttling,
    authorization: dict[str, str],
    api: Client,
    new_name: Callable[[], str],
    tmp_path: Path,
) -> None:
    names = [new_name() for _ in range(3)]
    for name in names[1:]:
        assert api.post("/users", json={"username": name}).status_code == 201
    [code] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    # Another name, which is deleted after the test, and pages so small that there are several.
    for printed, replacement in (('"jane"', f'"{names[0]}"'), ("100", "2")):
        assert code.count(printed) == 1
        code = code.replace(printed, replacement)
    file, interpreter = PROGRAMS[language]
    (tmp_path / file).write_text(code)
    if language == "ts":
        modules = npm.install(ROOT / "tests" / "openapi") / "node_modules"
        (tmp_path / "node_modules").symlink_to(modules)
    done = subprocess.run(
        [str(interpreter), file],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={
            **os.environ,
            "API_ENDPOINT": f"http://127.0.0.1:{throttling.server_port}",
            "API_TOKEN": authorization["Authorization"].removeprefix("Bearer "),
        },
    )
    assert (done.returncode, done.stderr) == (0, "")
    listed = done.stdout.split()
    assert listed == sorted(set(listed))
    assert set(names) <= set(listed)

    (_, key, refused_at), (_, same_key, repeated_at), *_ = throttling.seen
    assert key == same_key is not None
    assert repeated_at - refused_at >= WAIT_SECONDS
    assert [method for method, *_ in throttling.seen].count("GET") > 2
