"""What clients send by mistake, on purpose, or because a library does; as bytes on a connection."""

import json
from collections.abc import Callable

import httpx
import pytest

from tests.deployed import Client, assert_refused

JSON = {"Content-Type": "application/json"}


def problem(response: httpx.Response) -> str:
    """Return the name of the problem that the response is."""
    assert response.headers["Content-Type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == response.status_code
    return str(document["type"]).removeprefix("/problems/")


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
        self, api: Client, name: str, encode: Callable[[str], str]
    ) -> None:
        assert api.post("/users", json={"username": name}).status_code == 201
        answer = api.send_raw("GET", f"/users/{encode(name)}")
        assert (answer.status_code, answer.json()["username"]) == (200, name)

    @pytest.mark.parametrize(
        "spelling",
        [
            *["%00", "jane%00", "%0a", "jane%0A", "%0d%0a", "%20", "jane%20", "%7f", "%22", "%5C"],
            *["%25", "%256aane", "%ff", "%c0%af", "%ed%a0%80", "%F0%9F%99%82", "j%C3%A4ne"],
            *["%", "%2", "%zz", "%u006a", "*", "~", "jane;v=1", "jane,john", "{username}", "'"],
            # The longest targets here leave room for the header fields: API Gateway takes 10,240
            # bytes of both together.
            *["-jane", "jane-", ".", "..", "%2e%2e", "a" * 129, "a" * 4000],
        ],
    )
    def test_what_can_be_no_username_is_no_users(self, api: Client, spelling: str) -> None:
        answer = api.send_raw("GET", f"/users/{spelling}")
        # A client or a proxy may resolve the dots, after which another path is asked for.
        if spelling not in {".", "..", "%2e%2e"} or answer.status_code != 200:
            assert_refused(answer, 404)

    @pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "DELETE"])
    def test_nor_for_any_other_call(self, api: Client, method: str) -> None:
        body = b"{}" if method in {"PUT", "PATCH"} else None
        for spelling in ("%00", "jane%0A", "%22", "%ff", "-jane"):
            answer = api.send_raw(method, f"/users/{spelling}", body, JSON if body else {})
            assert_refused(answer, 404)

    @pytest.mark.parametrize("path", ["/users/a%2Fb", "/users/a/b", "/Users/jane", "//users/jane"])
    def test_another_path_is_no_users(self, api: Client, path: str) -> None:
        assert_refused(api.send_raw("GET", path), 404)


class TestHeaders:
    @pytest.mark.parametrize(
        "accept",
        ["*/*", "application/json", "text/html", "application/xml;q=1, */*;q=0.1", "image/*", "?"],
    )
    def test_the_answer_is_json_whatever_is_preferred(
        self, api: Client, name: str, accept: str
    ) -> None:
        # RFC 9110, section 12.5.1: better an answer that was not asked for than none.
        api.post("/users", json={"username": name})
        answer = api.send_raw("GET", f"/users/{name}", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        nobody = api.send_raw("GET", "/users/-", headers={"Accept": accept})
        assert problem(nobody) == "user-not-found"

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
        self, api: Client, name: str, content_type: str, status: int
    ) -> None:
        body = json.dumps({"username": name}).encode()
        answer = api.send_raw("POST", "/users", body, {"Content-Type": content_type})
        assert answer.status_code == status
        if status == 415:
            assert problem(answer) == "unsupported-media-type"
            assert answer.headers["accept"] == "application/json"

    def test_head_is_get_without_a_body(self, api: Client, name: str) -> None:
        api.post("/users", json={"username": name})
        for path in (f"/users/{name}", "/users?limit=1", "/health"):
            get, head = api.send_raw("GET", path), api.send_raw("HEAD", path)
            own = {"apigw-requestid", "content-length", "date", "x-request-id"}
            assert (head.status_code, head.content) == (200, b"")
            assert {n: v for n, v in head.headers.items() if n not in own} == {
                n: v for n, v in get.headers.items() if n not in own
            }
        assert api.send_raw("HEAD", "/users/-").status_code == 404


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
        self, api: Client, name: str, members: bytes, status: int
    ) -> None:
        body = b'{"username": "' + name.encode() + b'", ' + members + b"}"
        answer = api.send_raw("POST", "/users", body, JSON)
        assert answer.status_code == status, answer.content
        if status == 201:
            sent = json.loads(body)
            read = api.send_raw("GET", f"/users/{name}").json()
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
        self, api: Client, name: str, method: str, content_type: str, size: int
    ) -> None:
        body = json.dumps({"username": name, "state": "ä"}, ensure_ascii=False).encode()
        path = "/users" if method == "POST" else f"/users/{name}"
        if method != "POST":
            api.post("/users", json={"username": name})
        answer = api.send_raw(method, path, body.ljust(size), {"Content-Type": content_type})
        if size > 64 * 1024:
            assert (answer.status_code, problem(answer)) == (413, "content-too-large")
        else:
            assert answer.status_code in {200, 201}
            assert answer.json()["state"] == "ä"

    @pytest.mark.parametrize("body", [b"\xff", b'"\xc0\x80"', b"\xef\xbb\xbf{}", b"{}\x00", b""])
    def test_what_is_no_utf_8_or_no_json_is_refused(
        self, api: Client, name: str, body: bytes
    ) -> None:
        api.post("/users", json={"username": name})
        for content_type in ("application/json", "application/merge-patch+json"):
            answer = api.send_raw("PATCH", f"/users/{name}", body, {"Content-Type": content_type})
            assert (answer.status_code, problem(answer)) == (400, "malformed-request")


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
    def test_a_list_refuses_what_it_does_not_take(self, api: Client, query: str) -> None:
        assert_refused(api.send_raw("GET", f"/users?{query}"), 400)

    @pytest.mark.parametrize("query", ["limit=1&", "&limit=1", "limit=1&&status=active"])
    def test_an_empty_pair_says_nothing(self, api: Client, query: str) -> None:
        assert api.send_raw("GET", f"/users?{query}").status_code == 200

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
    def test_calls_on_a_user_take_none(self, api: Client, name: str, method: str) -> None:
        api.post("/users", json={"username": name})
        body = b"{}" if method in {"PUT", "PATCH"} else None
        assert (
            api.send_raw(method, f"/users/{name}?dry_run=1", body, JSON if body else {}).status_code
            == 400
        )
        assert api.send_raw("GET", f"/users/{name}").status_code == 200
