"""No page in a developer's browser reaches the cloud behind the door, whatever it sends."""

import functools
import http.client
import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from localcloud.emulator import HOST
from tests.browser import browser
from tests.sandbox.conftest import aws_client, variables_of

_ARRIVAL_SECONDS = 120


@dataclass
class Exchange:
    """What a browser sent to the door for an attempt of the page, and what came back."""

    attempt: str
    line: str
    headers: dict[str, str]
    status: int


@dataclass
class Attacker:
    """Serves the hostile page, and stands before the door to see all that a browser sends there.

    The browser connects here for every name that has the door's port, and each request goes on from
    here as it came: it is the door that judges it, by the Host that the browser sent. A name that
    leads to the attacker's page first and to the door later is DNS rebinding.
    """

    door: int
    port: int = 0
    exchanges: list[Exchange] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, exchange: Exchange) -> None:
        """Remember what the door was asked, and what it answered."""
        with self.changed:
            self.exchanges.append(exchange)
            self.changed.notify_all()

    def wait_for(self, attempts: list[str]) -> list[str]:
        """Wait until these are answered. Returns those that did not arrive."""

        def missing() -> list[str]:
            return sorted(set(attempts) - {exchange.attempt for exchange in self.exchanges})

        with self.changed:
            self.changed.wait_for(lambda: not missing(), timeout=_ARRIVAL_SECONDS)
            return missing()


class _Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, attacker: Attacker, *arguments: Any) -> None:
        self._attacker = attacker
        super().__init__(*arguments)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        match url.path:
            case "/attacker/page":
                page = Path(__file__).with_name("hostile_page.html").read_bytes()
                headers = {"Content-Type": "text/html"}
                if "report" in query:
                    policy = f"default-src 'none'; report-uri {query['report']}"
                    headers["Content-Security-Policy-Report-Only"] = policy
                self._answer(200, headers, page)
            case "/attacker/worker.js":
                script = f"fetch({json.dumps(query['to'])}, {{ method: 'POST', mode: 'no-cors' }})"
                self._answer(200, {"Content-Type": "text/javascript"}, script.encode())
            case "/attacker/redirect":
                self._answer(int(query["status"]), {"Location": query["to"]}, b"")
            case "/attacker/arrived":
                missing = self._attacker.wait_for(json.loads(body))
                self._answer(200, {}, json.dumps(missing).encode())
            case _:
                self._pass_on(body, query.get("attempt", ""))

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = _handle  # noqa: N815 http.server's names

    def _pass_on(self, body: bytes, attempt: str) -> None:
        head = [self.requestline, *(": ".join(pair) for pair in self.headers.items()), "", ""]
        with socket.create_connection((HOST, self._attacker.door)) as connection:
            connection.sendall("\r\n".join(head).encode("latin-1") + body)
            with http.client.HTTPResponse(connection, method=self.command) as answer:
                answer.begin()
                content = answer.read()
        if attempt:  # else it is the browser's own, like that for an icon
            sent = dict(self.headers.items())
            self._attacker.add(Exchange(attempt, self.requestline, sent, answer.status))
        ours = ("connection", "content-length", "transfer-encoding")
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in ours}
        self._answer(answer.status, kept, content)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128  # the page opens some hundred connections at once


@pytest.fixture
def attacker(cloud: httpx.Client) -> Iterator[Attacker]:
    attacker = Attacker(door=cloud.base_url.port or 0)
    handler = functools.partial(_Handler, attacker)
    with _Server((HOST, 0), handler) as server:
        attacker.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield attacker
        server.shutdown()


@pytest.fixture
def inventory(cloud: httpx.Client, folder: Path) -> Callable[[], dict[str, Any]]:
    """Tells what is in the cloud, as the tools of AWS see it."""
    variables = variables_of(folder)

    def client(service: str) -> Any:
        return aws_client(service, variables)

    def take() -> dict[str, Any]:
        tables = client("dynamodb").list_tables()["TableNames"]
        stacks = client("cloudformation").describe_stacks()["Stacks"]
        return {
            "tables": tables,
            "items": [client("dynamodb").scan(TableName=table)["Items"] for table in tables],
            "stacks": [(stack["StackName"], stack["StackStatus"]) for stack in stacks],
            "functions": client("lambda").list_functions()["Functions"],
            "buckets": [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]],
            "queues": client("sqs").list_queues().get("QueueUrls", []),
        }

    return take


@pytest.mark.parametrize(
    ("label", "origin"),
    [
        ("cross-site", "http://evil.example:{attacker}"),
        ("same-site", "http://127.0.0.1:{attacker}"),
        ("rebound", "http://evil.example:{door}"),
    ],
)
def test_no_page_reaches_the_cloud(
    label: str,
    origin: str,
    cloud: httpx.Client,
    attacker: Attacker,
    inventory: Callable[[], dict[str, Any]],
    tmp_path: Path,
) -> None:
    cloud.post("/users", json={"username": label}).raise_for_status()
    before = inventory()
    page = httpx.URL(
        origin.format(attacker=attacker.port, door=attacker.door) + "/attacker/page",
        params={
            "label": label,
            "port": str(attacker.door),
            "stack": next(name for name, _ in before["stacks"] if name != "CDKToolkit"),
            "table": before["tables"][0],
        },
    )

    result = browser.run(
        "await page.goto(values.page); return await page.evaluate(() => attack());",
        tmp_path,
        # The door also knows a browser by its name, which would hide what else it goes by.
        "--user-agent=nobody",
        f"--host-resolver-rules=MAP evil.example {HOST}:{attacker.port}, "
        f"MAP *:{attacker.door} {HOST}:{attacker.port}",
        page=str(page),
    )

    assert result["missing"] == []
    # These are for the API, and show that what else the page sent would have arrived as well.
    assert {x.attempt: x.status for x in attacker.exchanges if x.status != 403} == {
        f"{label} {host} {attempt}": status
        for host in ("127.0.0.1", "localhost")
        for attempt, status in (("harmless", 200), ("unsigned", 401))
    }
    assert set(result["learnt"]) <= {"nothing", 403}
    assert inventory() == before
