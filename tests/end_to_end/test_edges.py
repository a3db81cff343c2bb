"""What clients send by mistake, on purpose, or because a library does; as bytes on a connection."""

import http.client
import json
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest

JSON = {"Content-Type": "application/json"}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def problem(self) -> str:
        assert self.headers["content-type"] == "application/problem+json"
        document = json.loads(self.content)
        assert document["status"] == self.status
        return str(document["type"]).removeprefix("/problems/")


type Send = Callable[..., Answer]


@pytest.fixture
def send(endpoint: str, authorization: dict[str, str]) -> Send:
    """Sends a request target as it is: other clients normalize it."""
    parts = urlsplit(endpoint)

    def request(
        method: str,
        target: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        scheme = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        connection = scheme[parts.scheme](parts.netloc, timeout=31)
        try:
            fields = {**authorization, **(headers or {})}
            connection.request(method, parts.path + target, body, fields)
            answer = connection.getresponse()
            received = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, received, answer.read())
        finally:
            connection.close()

    return request


class TestPaths:
    @pytest.mark.parametrize(
        "encode",
        [
            lambda name: name,
            str.upper,
            lambda name: "".join(f"%{ord(letter):02x}" for letter in name),
            lambda name: "".join(f"%{ord(letter):02X}" for letter in name),
            lambda name: name.replace("-", "%2d"),
        ],
        ids=["plain", "upper case", "all encoded", "all encoded, upper case", "some encoded"],
    )
    def test_a_username_has_many_spellings(
        self, api: httpx.Client, send: Send, name: str, encode: Callable[[str], str]
    ) -> None:
        assert api.post("/users", json={"username": name}).status_code == 201
        answer = send("GET", f"/users/{encode(name)}")
        assert (answer.status, json.loads(answer.content)["username"]) == (200, name)

    @pytest.mark.parametrize(
        "spelling",
        [
            *["%00", "jane%00", "%0a", "jane%0A", "%0d%0a", "%20", "jane%20", "%7f", "%22", "%5C"],
            *["%25", "%256aane", "%ff", "%c0%af", "%ed%a0%80", "%F0%9F%99%82", "j%C3%A4ne"],
            *["%", "%2", "%zz", "%u006a", "*", "~", "jane;v=1", "jane,john", "{username}", "'"],
            *["-jane", "jane-", ".", "..", "%2e%2e", "a" * 129, "a" * 4000],
        ],
    )
    def test_what_can_be_no_username_is_no_users(self, send: Send, spelling: str) -> None:
        answer = send("GET", f"/users/{spelling}")
        # A client or a proxy may resolve the dots, after which another path is asked for.
        expected = {200, 404} if spelling in {".", "..", "%2e%2e"} else {404}
        if spelling == "%":  # not even a request target (RFC 3986)
            expected = {400, 404}
        assert answer.status in expected

    @pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "DELETE"])
    def test_nor_for_any_other_call(self, send: Send, method: str) -> None:
        body = b"{}" if method in {"PUT", "PATCH"} else None
        for spelling in ("%00", "jane%0A", "%22", "%ff", "-jane"):
            answer = send(method, f"/users/{spelling}", body, JSON if body else {})
            assert answer.status == 404

    @pytest.mark.parametrize("path", ["/users/a%2Fb", "/users/a/b", "/Users/jane", "//users/jane"])
    def test_another_path_is_no_users(self, send: Send, path: str) -> None:
        assert send("GET", path).status == 404


class TestHeaders:
    @pytest.mark.parametrize(
        "accept",
        ["*/*", "application/json", "text/html", "application/xml;q=1, */*;q=0.1", "image/*", "?"],
    )
    def test_the_answer_is_json_whatever_is_preferred(
        self, api: httpx.Client, send: Send, name: str, accept: str
    ) -> None:
        # RFC 9110, section 12.5.1: better an answer that was not asked for than none.
        api.post("/users", json={"username": name})
        answer = send("GET", f"/users/{name}", headers={"Accept": accept})
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert send("GET", "/users/-", headers={"Accept": accept}).problem == "user-not-found"

    @pytest.mark.parametrize(
        ("content_type", "status"),
        [
            ("application/json", 201),
            ("application/json; charset=utf-8", 201),
            ('APPLICATION/JSON ;charset="UTF-8"', 201),
            ("application/json; charset=utf8", 201),
            ("application/json; charset=iso-8859-1", 415),
            ("application/json; charset=utf-16", 415),
            ("text/json", 415),
            ("application/x-www-form-urlencoded", 415),
            ("", 415),
        ],
    )
    def test_a_body_is_json_in_utf_8(
        self, send: Send, name: str, content_type: str, status: int
    ) -> None:
        body = json.dumps({"username": name}).encode()
        answer = send("POST", "/users", body, {"Content-Type": content_type})
        assert answer.status == status
        if status == 415:
            assert answer.problem == "unsupported-media-type"
            assert answer.headers["accept"] == "application/json"

    def test_head_is_get_without_a_body(self, api: httpx.Client, send: Send, name: str) -> None:
        api.post("/users", json={"username": name})
        for path in (f"/users/{name}", "/users?limit=1", "/health"):
            get, head = send("GET", path), send("HEAD", path)
            own = {"apigw-requestid", "content-length", "date", "x-request-id"}
            assert (head.status, head.content) == (200, b"")
            assert {n: v for n, v in head.headers.items() if n not in own} == {
                n: v for n, v in get.headers.items() if n not in own
            }
        assert send("HEAD", "/users/-").status == 404


class TestBodies:
    @pytest.mark.parametrize(
        ("members", "status"),
        [
            (rb'"state": "a", "state": "a"', 400),
            (rb'"attributes": {"a": 1, "a": 1}', 400),
            (b'"attributes": ' + b'{"a":' * 40 + b"1" + b"}" * 40, 400),
            (b'"attributes": {"a": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", 400),
            (b'"attributes": {"a": ' + b"9" * 30_000 + b"}", 422),
            (b'"attributes": {"a": 1' + b"0" * 308 + b"}", 422),
            (b'"attributes": {"a": 1e400}', 422),
            (b'"attributes": {"a": 18446744073709551615}', 201),
            (b'"attributes": {"a": 1e-400}', 422),
            (b'"attributes": {"a": 1e308, "b": 5e-324, "c": -0.0}', 201),
            (b'"attributes": {"a": NaN}', 400),
            (b'"attributes": {"a": -Infinity}', 400),
            (rb'"state": "\ud800"', 400),
            (rb'"state": "\udc00\ud800"', 400),
            (rb'"state": "\ud83d\ude42"', 201),
            (rb'"state": "\u0000"', 422),
            (rb'"attributes": {"a": "\u0000"}', 201),
            (b'"state": "\x00"', 400),
            ('"state": "🙂"'.encode(), 201),
            ('"given_name": "\u200b "'.encode(), 422),
            (b'"version": 7', 422),
            (b'"__proto__": {}', 422),
        ],
    )
    def test_a_member_is_taken_or_refused(
        self, send: Send, name: str, members: bytes, status: int
    ) -> None:
        body = b'{"username": "' + name.encode() + b'", ' + members + b"}"
        answer = send("POST", "/users", body, JSON)
        assert answer.status == status, answer.content
        if status == 201:
            sent = json.loads(body)
            read = json.loads(send("GET", f"/users/{name}").content)
            assert {member: read[member] for member in sent} == sent

    @pytest.mark.parametrize("size", [64 * 1024, 64 * 1024 + 1])
    @pytest.mark.parametrize(
        ("method", "content_type"),
        [
            ("POST", "application/json"),
            ("PUT", "application/json"),
            ("PATCH", "application/json"),
            ("PATCH", "application/merge-patch+json"),  # which the gateway sends on in base64
        ],
    )
    def test_64_kib_are_taken_and_no_byte_more(
        self, api: httpx.Client, send: Send, name: str, method: str, content_type: str, size: int
    ) -> None:
        body = json.dumps({"username": name, "state": "ä"}, ensure_ascii=False).encode()
        path = "/users" if method == "POST" else f"/users/{name}"
        if method != "POST":
            api.post("/users", json={"username": name})
        answer = send(method, path, body.ljust(size), {"Content-Type": content_type})
        if size > 64 * 1024:
            assert (answer.status, answer.problem) == (413, "content-too-large")
        else:
            assert answer.status in {200, 201}
            assert json.loads(answer.content)["state"] == "ä"

    @pytest.mark.parametrize("body", [b"\xff", b'"\xc0\x80"', b"\xef\xbb\xbf{}", b"{}\x00", b""])
    def test_what_is_no_utf_8_or_no_json_is_refused(
        self, api: httpx.Client, send: Send, name: str, body: bytes
    ) -> None:
        api.post("/users", json={"username": name})
        for content_type in ("application/json", "application/merge-patch+json"):
            answer = send("PATCH", f"/users/{name}", body, {"Content-Type": content_type})
            assert (answer.status, answer.problem) == (400, "malformed-request")


class TestQueries:
    @pytest.mark.parametrize(
        "query",
        [
            *[
                "limit=1&limit=1",
                "limit=1,2",
                "limit=0",
                "limit=101",
                "limit=1.0",
                "limit=",
                "limit",
            ],
            *["page=1", "Limit=1", "limit=1&=", "%", "status=%ff", "status=%00", "status="],
            *["status=active&status=suspended", "username_prefix=%F0%9F%99%82", "email=jane"],
            *[
                "email=jane+x@example.com",
                "cursor=x",
                "cursor=" + "A" * 5000,
                "cursor=AAAAAAAAAAAA",
            ],
        ],
    )
    def test_a_list_refuses_what_it_does_not_take(self, send: Send, query: str) -> None:
        answer = send("GET", f"/users?{query}")
        assert (answer.status, answer.problem) == (400, "malformed-request")

    @pytest.mark.parametrize("query", ["limit=1&", "&limit=1", "limit=1&&status=active"])
    def test_an_empty_pair_says_nothing(self, send: Send, query: str) -> None:
        assert send("GET", f"/users?{query}").status == 200

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
    def test_calls_on_a_user_take_none(
        self, api: httpx.Client, send: Send, name: str, method: str
    ) -> None:
        api.post("/users", json={"username": name})
        body = b"{}" if method in {"PUT", "PATCH"} else None
        assert send(method, f"/users/{name}?dry_run=1", body, JSON if body else {}).status == 400
        assert send("GET", f"/users/{name}").status == 200
