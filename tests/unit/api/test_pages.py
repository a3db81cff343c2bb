import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend.api.runtime import pages
from backend.api.runtime.problems import PROBLEM_TYPES, ProblemType
from backend.users.errors import Unavailable
from tests.unit.api.page import Answer, Client, Page
from tooling.install import ROOT

pytestmark = pytest.mark.usefixtures("shipped")

TYPES = list(PROBLEM_TYPES.values())
GZIP = {"accept-encoding": "gzip, deflate, br"}
DOCUMENT = "/openapi.json"
PATHS = list(pages._FILES)
COMPRESSED = [path for path, file in pages._FILES.items() if file.name.endswith(".gz")]
PROBLEMS = [f"/problems/{kind.name}" for kind in TYPES]

every_path = pytest.mark.parametrize("path", PATHS)
every_problem = pytest.mark.parametrize("kind", TYPES, ids=[kind.name for kind in TYPES])


@every_path
def test_every_file_is_served(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status == 200
    assert answer.content
    types = {"json": "application/json", "css": "text/css", "js": "text/javascript"}
    types |= {"docs": "text/html", "txt": "text/plain"}
    assert answer.headers["Content-Type"].split(";")[0] == types[re.split(r"[./]", path)[-1]]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-Id"]


def test_the_document_is_the_committed_one(client: Client) -> None:
    committed = (ROOT / "docs" / "openapi.json").read_bytes()
    assert client.get("/openapi.json").content == committed
    assert client.get("/openapi.json", GZIP).content == committed
    assert json.loads(committed)["openapi"].startswith("3.1.")


@pytest.mark.parametrize("path", [*PATHS, *PROBLEMS])
def test_a_page_is_only_read(client: Client, path: str) -> None:
    for headers in ({}, GZIP):
        get, head = client.get(path, headers), client.send("HEAD", path, headers)
        assert (head.status, head.body) == (200, b"")
        assert head.headers == {**get.headers, "Content-Length": str(len(get.body))}
        assert get.size < 6_000_000  # Lambda's limit
    answer = client.send("POST", path)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    [
        "/problems",
        "/problems/",
        "/problems/nothing",
        "/problems/problem.html",
        "/problems/../api.py",
        "/problems/%2e%2e%2fapi.py",
        "/problems//etc/passwd",
        "/problems/ä\x00",
        "/problems/unavailable\n",
        "/problems/Invalid-User",
        "/openapi.json/",
    ],
)
def test_nothing_else_is_served(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")
    assert json.loads(answer.body)["type"] == "/problems/path-not-found"


# Caches


@every_path
def test_a_file_may_be_kept_and_is_asked_for_each_time(client: Client, path: str) -> None:
    first = client.get(path, GZIP)
    assert first.headers["Cache-Control"] == "no-cache"
    for tag in (first.headers["ETag"], f'"other", W/{first.headers["ETag"]}', "*"):
        again = client.get(path, {**GZIP, "if-none-match": tag})
        assert (again.status, again.body) == (304, b"")
        for name in ("ETag", "Cache-Control", "Vary"):
            assert again.headers.get(name) == first.headers.get(name)
    assert client.get(path, {**GZIP, "if-none-match": '"other"'}).status == 200


def test_a_changed_file_has_another_tag(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = client.get(DOCUMENT).headers["ETag"]
    monkeypatch.setattr(pages, "FOLDER", tmp_path)
    (tmp_path / "openapi.json.gz").write_bytes(gzip.compress(b"changed"))
    assert client.get(DOCUMENT, {"if-none-match": before}).body == b"changed"


def test_a_tag_that_cannot_be_read_is_a_bad_request(client: Client) -> None:
    assert client.get(DOCUMENT, {"if-none-match": "no quotes"}).status == 400


@pytest.mark.parametrize("path", COMPRESSED)
def test_what_is_large_is_compressed_for_those_who_take_it(client: Client, path: str) -> None:
    plain, compressed = client.get(path), client.get(path, GZIP)
    assert "Content-Encoding" not in plain.headers
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert plain.headers["Vary"] == compressed.headers["Vary"] == "Accept-Encoding"
    assert plain.content == compressed.content
    assert len(compressed.body) < len(plain.body) / 2
    # One tag for two sequences of bytes would let a cache join their parts.
    assert plain.headers["ETag"] != compressed.headers["ETag"]


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [
        ("gzip", True),
        ("GZIP;q=0.5, identity", True),
        ("br;q=1.0, *;q=0.1", True),
        ("x-gzip", True),
        ("deflate", False),
        ("", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
        (";;,,=", False),
    ],
)
def test_the_coding_is_the_clients_choice(
    client: Client, accepted: str, *, is_compressed: bool
) -> None:
    answer = client.get(DOCUMENT, {"accept-encoding": accepted})
    assert ("Content-Encoding" in answer.headers) == is_compressed


# Problems


@every_problem
def test_every_problem_has_a_page(client: Client, kind: ProblemType) -> None:
    answer = client.get(f"/problems/{kind.name}")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "script" not in policy
    text = _text(answer)
    assert f"<title>{kind.title}</title>" in text
    for part in (str(kind.status), kind.meaning, kind.remedy):
        assert part in text


@every_problem
def test_the_page_of_a_problem_shows_an_answer_with_it(client: Client, kind: ProblemType) -> None:
    example = _text(client.get(f"/problems/{kind.name}")).split("<pre>")[1].split("</pre>")[0]
    head, body = example.split("\n\n")
    document = json.loads(body)
    assert document["type"] == f"/problems/{kind.name}"
    assert (document["title"], document["status"]) == (kind.title, kind.status)
    assert document["detail"]
    assert head.startswith(f"HTTP/1.1 {kind.status} ")
    assert "Content-Type: application/problem+json" in head.splitlines()


@every_problem
def test_the_page_of_a_problem_needs_nothing_that_may_be_closed(
    client: Client, kind: ProblemType
) -> None:
    page = Page(client.get(f"/problems/{kind.name}").content.decode())
    assert page.inline == []
    assert page.references == ["page.css"]
    style = client.get("/problems/page.css")
    assert (style.status, style.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert style.content == (pages.FOLDER / "page.css").read_bytes()


def test_the_type_of_an_answer_leads_to_its_page(client: Client) -> None:
    for method, path in [("GET", "/users/jane"), ("GET", "/nothing"), ("PUT", DOCUMENT)]:
        refused = json.loads(client.send(method, path).body)
        assert refused["title"] in client.get(refused["type"]).content.decode()


def test_an_explanation_is_text_and_not_markup(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = PROBLEM_TYPES[Unavailable]._replace(meaning="<script>$title & more")
    monkeypatch.setitem(pages._PROBLEM_PAGES, "/problems/unavailable", kind)
    html = client.get("/problems/unavailable").content.decode()
    assert "&lt;script&gt;$title &amp; more" in html


# What other calls pay


def test_no_other_call_imports_what_serves_pages() -> None:
    program = """
import json, sys
from backend.api.runtime import lambda_function
from aws_lambda_powertools.utilities.typing import LambdaContext
from localcloud.events import event
def imported():
    print([n for n in ("pages",) if f"backend.api.runtime.{n}" in sys.modules])
def send(method, path, body=None):
    print(lambda_function.handler(event(method, path, body), LambdaContext())["statusCode"])
send("POST", "/users", [])
send("GET", "/users/not--a--user-")
send("GET", "/nothing")
imported()
send("GET", "/problems/unavailable")
imported()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={
            "PYTHONPATH": str(ROOT),
            "TABLE_NAME": "users",
            "METRICS_NAMESPACE": "Tests",
            "LOG_LEVEL": "INFO",
            "DEBUG_SHARE": "0",
            "AWS_REGION": "eu-west-1",
            "DYNAMODB_ENDPOINT": "https://dynamodb.eu-west-1.amazonaws.com",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        },
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith("{")]
    assert lines == [
        "400",
        "404",
        "404",
        "[]",
        "200",
        "['pages']",
    ]


def _text(answer: Answer) -> str:
    """A page as a person reads it, but for its tags."""
    html = answer.content.decode()
    return html.replace("&quot;", '"').replace("&#x27;", "'").replace("&lt;", "<")
