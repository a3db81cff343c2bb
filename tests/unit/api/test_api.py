import io
import itertools
import json
import logging
import re
import uuid
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from backend.api.routes import ROUTES
from backend.api.runtime.handler import UserAPI
from backend.users.errors import Unavailable
from backend.users.models import User
from backend.users.repository import UserRepository
from localcloud.events import REQUEST_ID, event
from tests.failing_users import FailingUsers
from tests.in_memory_users import InMemoryUserRepository

CONTEXT = LambdaContext()
ROUTE_KEYS = {route.key for route in ROUTES}
JANE = "/users/jane"
STALE = {"if-match": '"stale"'}
USER_METHODS = ["GET", "HEAD", "PUT", "PATCH", "DELETE"]
MERGE_PATCH = {"content-type": "application/merge-patch+json"}

# One request for each call of the port.
CALLS: list[tuple[str, str, object]] = [
    ("POST", "/users", {"username": "jane"}),
    ("GET", "/users", None),
    ("HEAD", "/users", None),
    ("GET", JANE, None),
    ("HEAD", JANE, None),
    ("PUT", JANE, {}),
    ("PATCH", JANE, {}),
    ("DELETE", JANE, None),
    ("GET", "/health", None),
    ("HEAD", "/health", None),
]
every_call = pytest.mark.parametrize(("method", "path", "body"), CALLS)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str

    @property
    def document(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self.text)
        return decoded

    @property
    def problem(self) -> str:
        assert self.headers["Content-Type"] == "application/problem+json"
        assert self.document["status"] == self.status
        return str(self.document["type"]).removeprefix("/problems/")

    @property
    def faults(self) -> list[str]:
        return sorted(fault["pointer"] for fault in self.document["errors"])


def metrics() -> EphemeralMetrics:
    return EphemeralMetrics(namespace="Tests", service="users")


class Client:
    """Sends requests as the gateway would, and keeps what the function logs."""

    def __init__(self, users: UserRepository) -> None:
        self._log = io.StringIO()
        # Powertools shares one logger among all that have one service name.
        logger = Logger(service=uuid.uuid4().hex, stream=self._log)
        self._api = UserAPI(users, logger, metrics())

    def send(self, method: str, path: str, body: object = None, **request: Any) -> Answer:
        sent = event(method, path, body, **request)
        if sent["routeKey"] not in ROUTE_KEYS:
            sent |= {"routeKey": "$default", "pathParameters": None}
            sent["requestContext"]["routeKey"] = "$default"
        return self.receive(sent, {"sub": "somebody"})

    def receive(self, request: dict[str, Any], claims: dict[str, str] | None = None) -> Answer:
        if claims is not None:
            request["requestContext"]["authorizer"] = {"jwt": {"claims": claims}}
        answer = self._api(request, CONTEXT)
        json.dumps(answer)  # Lambda has to
        assert not answer.get("isBase64Encoded")
        return Answer(answer["statusCode"], answer["headers"], answer["body"])

    def create(self, **members: Any) -> Answer:
        answer = self.send("POST", "/users", {"username": "jane", **members})
        assert answer.status == 201, answer.text
        return answer

    @property
    def log(self) -> str:
        return self._log.getvalue()

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.splitlines()]


@pytest.fixture
def client() -> Client:
    return Client(InMemoryUserRepository())


class ContendedUsers(InMemoryUserRepository):
    """Another writer's `interfere` always comes between reading a user and writing it."""

    def __init__(self, interfere: Callable[[User], User]) -> None:
        super().__init__()
        self._interfere = interfere

    def update(self, username: str, change: Callable[[User], User]) -> User:
        change(self.get(username))
        super().update(username, self._interfere)
        return super().update(username, change)


# Creating


def test_creates_a_user(client: Client) -> None:
    answer = client.send("POST", "/users", {"username": "jane", "email": "Jane@Example.com"})
    assert answer.status == 201
    assert answer.headers["Location"] == JANE
    assert answer.headers["Content-Type"] == "application/json"
    created = answer.document
    assert created.pop("created_at") == created.pop("updated_at")
    assert created == {
        "username": "jane",
        "email": "Jane@Example.com",
        "status": "active",
        "version": 1,
    }


def test_what_was_created_is_what_is_read(client: Client) -> None:
    created = client.create(given_name="Jané", attributes={"a": 1.0})
    read = client.send("GET", JANE)
    assert (read.status, read.text) == (200, created.text)
    assert read.headers["ETag"] == created.headers["ETag"]


def test_the_location_leads_to_the_user(client: Client) -> None:
    created = client.create(username="Jane.Doe+1@Example.com")
    assert created.headers["Location"] == "/users/jane.doe+1@example.com"
    assert client.send("GET", created.headers["Location"]).text == created.text


@pytest.mark.parametrize("username", ["jane", "JANE"])
def test_a_username_is_taken_once(client: Client, username: str) -> None:
    client.create()
    answer = client.send("POST", "/users", {"username": username})
    assert (answer.status, answer.problem) == (409, "username-taken")
    assert client.send("GET", JANE).document["version"] == 1


def test_an_email_is_taken_once(client: Client) -> None:
    client.create(email="jane@example.com")
    answer = client.send("POST", "/users", {"username": "john", "email": "JANE@example.COM"})
    assert (answer.status, answer.problem) == (409, "email-taken")
    assert "jane" not in answer.text.lower()
    assert client.send("GET", "/users/john").status == 404


def test_an_invalid_user_is_not_created(client: Client) -> None:
    document = {"username": "jane", "email": "x", "emial": "y", "version": 1}
    answer = client.send("POST", "/users", document)
    assert (answer.status, answer.problem) == (422, "invalid-user")
    assert answer.faults == ["/email", "/emial", "/version"]
    assert client.send("GET", JANE).status == 404


def test_attributes_come_back_to_the_letter(client: Client) -> None:
    attributes = (
        '{"a":1,"b":1.0,"c":true,"d":0.1,"e":18446744073709551615,"f":-9223372036854775808,'
        '"g":"é😀\\n","h":18446744073709551616}'
    )
    raw = f'{{"username":"jane","attributes":{attributes}}}'
    assert f'"attributes":{attributes}' in client.send("POST", "/users", raw=raw).text
    assert f'"attributes":{attributes}' in client.send("GET", JANE).text


# Reading


@pytest.mark.parametrize("method", USER_METHODS)
@pytest.mark.parametrize("path", [JANE, "/users/-", "/users/" + "x" * 129])
def test_there_is_no_such_user(client: Client, method: str, path: str) -> None:
    answer = client.send(method, path, {})
    assert answer.status == 404
    if method != "HEAD":
        assert answer.problem == "user-not-found"


def test_the_username_in_the_path_is_case_insensitive(client: Client) -> None:
    created = client.create()
    assert client.send("GET", "/users/JaNe").text == created.text
    assert client.send("PATCH", "/users/JANE", {"state": "x"}).document["version"] == 2
    assert client.send("PUT", "/users/JANE", {"username": "jAnE"}).document["version"] == 3
    assert client.send("DELETE", "/users/JANE").status == 204


@pytest.mark.parametrize("etag", ["{}", "W/{}", '"other", {}', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_says_that_a_user_has_not_changed(client: Client, method: str, etag: str) -> None:
    tag = client.create().headers["ETag"]
    answer = client.send(method, JANE, headers={"if-none-match": etag.format(tag)})
    assert (answer.status, answer.text) == (304, "")
    assert answer.headers["ETag"] == tag
    assert "Content-Length" not in answer.headers


def test_reads_a_user_that_has_changed(client: Client) -> None:
    tag = client.create().headers["ETag"]
    changed = client.send("PATCH", JANE, {"state": "x"})
    read = client.send("GET", JANE, headers={"if-none-match": tag})
    assert (read.status, read.text) == (200, changed.text)


def test_a_user_that_is_gone_has_not_just_not_changed(client: Client) -> None:
    assert client.send("GET", JANE, headers={"if-none-match": "*"}).status == 404


@pytest.mark.parametrize("path", [JANE, "/users/john", "/health", "/nowhere"])
def test_head_is_get_without_a_body(client: Client, path: str) -> None:
    client.create(given_name="Jané")
    get, head = client.send("GET", path), client.send("HEAD", path)
    assert get.text
    length = {"Content-Length": str(len(get.text.encode()))}
    assert (head.status, head.headers, head.text) == (get.status, {**get.headers, **length}, "")


# Replacing


def test_replaces_every_writable_member(client: Client) -> None:
    before = client.create(email="jane@example.com", status="suspended", attributes={"a": 1})
    answer = client.send("PUT", JANE, {"given_name": "Jane"})
    assert answer.status == 200
    after = answer.document
    assert after.pop("updated_at") >= before.document["updated_at"]
    assert after == {
        "username": "jane",
        "given_name": "Jane",
        "status": "active",
        "created_at": before.document["created_at"],
        "version": 2,
    }
    assert answer.headers["ETag"] != before.headers["ETag"]
    assert client.send("GET", JANE).text == answer.text


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_sending_back_what_was_read_changes_nothing(client: Client, method: str) -> None:
    created = client.create(email="jane@example.com", attributes={"a": 1.0})
    answer = client.send(method, JANE, raw=created.text)
    assert (answer.status, answer.text) == (200, created.text)
    assert answer.headers["ETag"] == created.headers["ETag"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_invalid_change_changes_nothing(client: Client, method: str) -> None:
    created = client.create()
    document = {"username": "john", "email": "x", "emial": "y", "state": "fine", "version": 9}
    answer = client.send(method, JANE, document)
    assert (answer.status, answer.problem) == (422, "invalid-user")
    assert answer.faults == ["/email", "/emial", "/username"]
    assert client.send("GET", JANE).text == created.text


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_change_to_a_taken_email_changes_nothing(client: Client, method: str) -> None:
    client.create(username="john", email="john@example.com")
    created = client.create()
    answer = client.send(method, JANE, {"email": "JOHN@example.com", "state": "x"})
    assert (answer.status, answer.problem) == (409, "email-taken")
    assert client.send("GET", JANE).text == created.text


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PUT", {}),
        ("PUT", {"email": "other@example.com"}),
        ("PATCH", {"email": None}),
        ("PATCH", {"email": "other@example.com"}),
        ("DELETE", None),
    ],
)
def test_an_email_that_is_given_up_is_free(client: Client, method: str, body: object) -> None:
    client.create(email="jane@example.com")
    assert client.send(method, JANE, body).status in (200, 204)
    client.create(username="john", email="Jane@Example.com")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_email_may_change_its_case(client: Client, method: str) -> None:
    client.create(email="jane@example.com")
    answer = client.send(method, JANE, {"email": "Jane@Example.com"})
    assert answer.document["email"] == "Jane@Example.com"
    assert answer.document["version"] == 2


# Patching


@pytest.mark.parametrize("headers", [{}, MERGE_PATCH])
def test_merges_a_patch(client: Client, headers: dict[str, str]) -> None:
    client.create(given_name="Jane", state="x", attributes={"a": 1, "b": 2})
    patch = {"state": None, "family_name": "Doe", "attributes": {"a": None, "c": True}}
    answer = client.send("PATCH", JANE, patch, headers=headers)
    after = answer.document
    assert answer.status == 200
    assert "state" not in after
    assert (after["given_name"], after["family_name"]) == ("Jane", "Doe")
    assert (after["attributes"], after["version"]) == ({"b": 2, "c": True}, 2)
    assert client.send("GET", JANE).text == answer.text


@pytest.mark.parametrize(
    "patch", [{}, {"status": None}, {"attributes": {"b": None}}, {"state": "x"}]
)
def test_a_patch_that_changes_nothing_keeps_version_and_etag(
    client: Client, patch: dict[str, Any]
) -> None:
    created = client.create(state="x", attributes={"a": 1})
    answer = client.send("PATCH", JANE, patch)
    assert (answer.status, answer.text) == (200, created.text)
    assert answer.headers["ETag"] == created.headers["ETag"]


@pytest.mark.parametrize("value", [1, 1.0, True])
def test_one_and_true_are_different_values(client: Client, value: object) -> None:
    client.create(attributes={"a": "something else"})
    tags = {
        client.send("PATCH", JANE, {"attributes": {"a": other}}).headers["ETag"]
        for other in (1, 1.0, True, value)
    }
    assert len(tags) == (3 if value is True else 4)


# Deleting


def test_deletes_a_user(client: Client) -> None:
    client.create()
    answer = client.send("DELETE", JANE)
    assert (answer.status, answer.text) == (204, "")
    assert client.send("GET", JANE).status == 404
    assert client.send("DELETE", JANE).problem == "user-not-found"


def test_a_user_that_is_created_again_is_in_another_state(client: Client) -> None:
    first = client.create()
    client.send("DELETE", JANE)
    again = client.create()
    assert again.document["version"] == 1
    assert again.headers["ETag"] != first.headers["ETag"]


# Writes that meet

WRITES: list[tuple[str, object, int]] = [
    ("PUT", {"state": "x"}, 200),
    ("PATCH", {"state": "x"}, 200),
    ("DELETE", None, 204),
]
every_write = pytest.mark.parametrize(("method", "body", "status"), WRITES)


@every_write
@pytest.mark.parametrize("etag", ["{}", '"other", {}', "*"])
def test_if_match_lets_a_write_pass(
    client: Client, method: str, body: object, status: int, etag: str
) -> None:
    headers = {"if-match": etag.format(client.create().headers["ETag"])}
    assert client.send(method, JANE, body, headers=headers).status == status


@every_write
def test_if_match_stops_a_write_to_a_user_that_has_changed(
    client: Client, method: str, body: object, status: int
) -> None:
    headers = {"if-match": client.create().headers["ETag"]}
    changed = client.send("PATCH", JANE, {"given_name": "Jane"})
    answer = client.send(method, JANE, body, headers=headers)
    assert (answer.status, answer.problem) == (412, "precondition-failed")
    assert client.send("GET", JANE).text == changed.text


@every_write
@pytest.mark.parametrize("etag", ["W/{}", '"other"'])
def test_if_match_compares_strongly(
    client: Client, method: str, body: object, status: int, etag: str
) -> None:
    headers = {"if-match": etag.format(client.create().headers["ETag"])}
    assert client.send(method, JANE, body, headers=headers).status == 412


@every_write
def test_if_none_match_stops_a_write(
    client: Client, method: str, body: object, status: int
) -> None:
    client.create()
    assert client.send(method, JANE, body, headers={"if-none-match": "*"}).status == 412


@every_write
def test_if_match_finds_no_user(client: Client, method: str, body: object, status: int) -> None:
    assert client.send(method, JANE, body, headers=STALE).status == 404
    assert client.send(method, JANE, body, headers={"if-match": "*"}).status == 404


@pytest.mark.parametrize("method", USER_METHODS)
@pytest.mark.parametrize("header", ["if-match", "if-none-match"])
def test_refuses_a_malformed_precondition(client: Client, method: str, header: str) -> None:
    created = client.create()
    assert client.send(method, JANE, {"state": "x"}, headers={header: "stale"}).status == 400
    assert client.send("GET", JANE).text == created.text


def test_a_patch_merges_into_what_another_writer_left() -> None:
    client = Client(ContendedUsers(lambda user: user.changed({"status": "suspended"})))
    client.create()
    after = client.send("PATCH", JANE, {"state": "x"}).document
    assert (after["status"], after["state"], after["version"]) == ("suspended", "x", 3)


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_precondition_holds_for_what_another_writer_left(method: str) -> None:
    client = Client(ContendedUsers(lambda user: user.changed({"status": "suspended"})))
    headers = {"if-match": client.create().headers["ETag"]}
    assert client.send(method, JANE, {"state": "x"}, headers=headers).status == 412
    assert client.send("GET", JANE).document["version"] == 2


# Bodies

BODIES = [("POST", "/users"), ("PUT", JANE), ("PATCH", JANE)]
every_body = pytest.mark.parametrize(("method", "path"), BODIES)


@every_body
@pytest.mark.parametrize(
    ("raw", "status", "problem"),
    [
        (None, 400, "malformed-request"),
        ("{", 400, "malformed-request"),
        ("[]", 400, "malformed-request"),
        ('{"state":NaN}', 400, "malformed-request"),
        (b'{"state":"\xff"}', 400, "malformed-request"),
        (r'{"state":"\ud800"}', 400, "malformed-request"),
        ("[" * 60_000, 400, "malformed-request"),
        (" " * 2**16 + "{}", 413, "content-too-large"),
        (b" " * 2**16 + b"{}", 413, "content-too-large"),
        ('{"state":1e400}', 422, "invalid-user"),
        (f'{{"state":{"9" * 5000}}}', 422, "invalid-user"),
    ],
)
def test_refuses_a_body(
    client: Client, method: str, path: str, raw: str | bytes | None, status: int, problem: str
) -> None:
    client.create()
    answer = client.send(method, path, raw=raw)
    assert (answer.status, answer.problem) == (status, problem)


@every_body
@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json-patch+json"])
def test_refuses_another_media_type(
    client: Client, method: str, path: str, content_type: str
) -> None:
    client.create()
    document = {"username": "jane", "state": "x"}
    answer = client.send(method, path, document, headers={"content-type": content_type})
    assert (answer.status, answer.problem) == (415, "unsupported-media-type")
    assert client.send("GET", JANE).document["version"] == 1


def test_a_refused_patch_says_what_patches_are(client: Client) -> None:
    answer = client.send("PATCH", JANE, {}, headers={"content-type": "text/plain"})
    assert answer.headers["Accept-Patch"] == "application/merge-patch+json, application/json"


@pytest.mark.parametrize(("method", "path"), [("POST", "/users"), ("PUT", JANE)])
def test_only_a_patch_is_a_merge_patch(client: Client, method: str, path: str) -> None:
    answer = client.send(method, path, {"username": "jane"}, headers=MERGE_PATCH)
    assert answer.status == 415
    assert answer.headers["Accept"] == "application/json"
    assert "Accept-Patch" not in answer.headers


@every_body
def test_refuses_a_compressed_body(client: Client, method: str, path: str) -> None:
    answer = client.send(method, path, {}, headers={"content-encoding": "gzip"})
    assert answer.status == 415
    assert answer.headers["Accept-Encoding"] == "identity"
    assert answer.document["detail"] == "Send the body as it is, without Content-Encoding."


@every_body
def test_takes_a_base64_encoded_body(client: Client, method: str, path: str) -> None:
    if method != "POST":
        client.create()
    raw = '{"username":"jane","given_name":"Jané 😀"}'.encode()
    answer = client.send(method, path, raw=raw)
    assert answer.status in (200, 201)
    assert answer.document["given_name"] == "Jané 😀"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_ignores_a_body_where_none_is_meant(client: Client, method: str) -> None:
    client.create()
    answer = client.send(method, JANE, raw="{", headers={"content-type": "text/plain"})
    assert answer.status in (200, 204)


@every_body
@pytest.mark.parametrize(
    "raw",
    [
        json.dumps({"attributes": {f"~{n}": [] for n in range(6000)}}),
        json.dumps({"attributes": {f"~{n}": [] for n in range(6000)}}, separators=(",", ":")),
        json.dumps({f"~/{n}": 1 for n in range(5000)}),
        json.dumps({"~" * 65_000: 1}),
        json.dumps({"\x7f" * 10: {}, **{'"' * 300 + str(n): n for n in range(90)}}),
    ],
)
def test_a_refusal_is_not_much_larger_than_the_body(
    client: Client, method: str, path: str, raw: str
) -> None:
    client.create()
    answer = client.send(method, path, raw=raw[: 2**16])
    assert answer.status in (400, 422)
    answer = client.send(method, path, raw=raw)
    assert len(answer.text.encode()) < 3 * 2**16
    assert answer.status in (413, 422)


@every_body
@pytest.mark.parametrize("depth", [100, 300, 1_100, 9_900])
def test_no_depth_is_too_much(client: Client, method: str, path: str, depth: int) -> None:
    client.create()
    for member in ("attributes", "email", "version", "unheard"):
        raw = f'{{"{member}":' + '{"x":' * depth + "1" + "}" * (depth + 1)
        assert client.send(method, path, raw=raw).status in (200, 400, 422), member


# Paths


@pytest.mark.parametrize(
    "path",
    [
        *("", "//", "/user", "/users/", "//users/jane", "/users//jane", "/users/jane/", "/Users"),
        *("/users/jane/email", "/users/a/b", "/USERS/jane", "/healthy", "/health/", "/nowhere"),
        *("/users\n", "/health\n", "\n/users", "/users/\n/jane", "/favicon.ico"),
    ],
)
def test_there_is_no_such_path(client: Client, path: str) -> None:
    client.create()
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        answer = client.send(method, path, {"username": "john"})
        assert (answer.status, answer.problem) == (404, "path-not-found"), method
        assert "Allow" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", JANE, {*USER_METHODS}),
        ("OPTIONS", JANE, {*USER_METHODS}),
        ("TRACE", JANE, {*USER_METHODS}),
        ("POST", "/users/no such user", {*USER_METHODS}),
        ("POST", '/users/"', {*USER_METHODS}),
        ("POST", "/health", {"GET", "HEAD"}),
        ("DELETE", "/health", {"GET", "HEAD"}),
    ],
)
def test_says_which_methods_a_path_has(
    client: Client, method: str, path: str, allowed: set[str]
) -> None:
    answer = client.send(method, path, {"username": "jane"})
    assert (answer.status, answer.problem) == (405, "method-not-allowed")
    assert sorted(answer.headers["Allow"].split(", ")) == sorted(allowed)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_all_users_at_once_can_not_be_changed(client: Client, method: str) -> None:
    answer = client.send(method, "/users", {})
    assert (answer.status, answer.problem) == (405, "method-not-allowed")
    assert "POST" in answer.headers["Allow"].split(", ")


# Routes

DELETE_USER = "DELETE /users/{username}"


def route_event(route: str | None, path: str, username: str | None, method: str) -> dict[str, Any]:
    """What the gateway could send: the parts of an event need not come from one reading."""
    body = {"username": "new"} if method.upper() == "POST" else {"state": "x"}
    result = event(method, path, body)
    result["pathParameters"] = None if username is None else {"username": username}
    result["routeKey"] = result["requestContext"]["routeKey"] = route
    if route is None:
        del result["routeKey"], result["requestContext"]["routeKey"]
    return result


def unreached() -> Client:
    """A client of which a call that reaches the store fails: 500."""
    return Client(FailingUsers(AssertionError("reached")))


def test_every_route_has_a_call() -> None:
    api = UserAPI(
        InMemoryUserRepository(), Logger(service=uuid.uuid4().hex, stream=io.StringIO()), metrics()
    )
    assert api._calls.keys() == ROUTE_KEYS


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *[(method, JANE, 404) for method in USER_METHODS],
        *[(method, JANE, 405) for method in ("POST", "delete", "Delete", "patch", "OPTIONS", "x")],
        *[("POST", "/users", 404), ("GET", "/users", 404), ("HEAD", "/users", 404)],
        *[("post", "/users", 405), ("PUT", "/users", 405), ("DELETE", "/users", 405)],
        *[("GET", "/health", 404), ("POST", "/health", 405), ("GET", "/openapi.json", 404)],
        *[("GET", "/nowhere", 404), ("DELETE", "/users/", 404), ("GET", "", 404)],
    ],
)
def test_what_no_route_has_runs_no_call(method: str, path: str, status: int) -> None:
    client = unreached()
    routes = ("$default", "OPTIONS /{proxy+}", "ANY /{proxy+}", "", None)
    for route, scope in itertools.product(routes, ("users/read", "users/write", "")):
        request = route_event(route, path, None, method)
        answer = client.receive(request, {"sub": "somebody", "scope": scope})
        assert answer.status == status, (route, scope)
        assert ("Allow" in answer.headers) is (status == 405)
    assert {(line["route"], line["method"]) for line in client.log_lines} == {("$default", "")}


@pytest.mark.parametrize(
    ("route", "path", "username", "method"),
    [
        # The gateway cuts the path at a decoded question mark, and decodes it twice.
        (DELETE_USER, JANE, "jane?x", "DELETE"),
        (DELETE_USER, JANE, "%6aane", "DELETE"),
        (DELETE_USER, JANE, "jane%3Fx", "DELETE"),
        (DELETE_USER, JANE, "john", "DELETE"),
        (DELETE_USER, JANE, "JANE", "DELETE"),
        (DELETE_USER, JANE, "jane\n", "DELETE"),
        (DELETE_USER, "/users/jane\n", "jane", "DELETE"),
        (DELETE_USER, "/users/john", "jane", "DELETE"),
        (DELETE_USER, "//users/jane", "jane", "DELETE"),
        (DELETE_USER, "/users/jane/", "jane", "DELETE"),
        (DELETE_USER, "/prod/users/jane", "jane", "DELETE"),
        (DELETE_USER, "/users/jane/x", "jane%2Fx", "DELETE"),
        (DELETE_USER, "/users/", "", "DELETE"),
        (DELETE_USER, JANE, None, "DELETE"),
        # Another method than the route's.
        (DELETE_USER, JANE, "jane", "GET"),
        ("GET /users/{username}", JANE, "jane", "DELETE"),
        ("GET /health", JANE, None, "DELETE"),
        ("GET /health", JANE, "jane", "GET"),
        ("GET /users", "/users/", None, "GET"),
        ("GET /users", "//users", None, "GET"),
        ("POST /users", "/users", None, "PUT"),
        ("GET /problems/{name}", "/problems/unavailable", None, "GET"),
    ],
)
def test_a_request_whose_parts_do_not_agree_runs_no_call(
    route: str, path: str, username: str | None, method: str
) -> None:
    client = unreached()
    answer = client.receive(route_event(route, path, username, method))
    assert answer.status == 404
    if method != "HEAD":
        assert answer.problem in {"path-not-found", "user-not-found"}


@pytest.mark.parametrize("part", ["path", "method"])
def test_both_places_of_an_event_count(part: str) -> None:
    client = unreached()
    request = route_event(DELETE_USER, JANE, "jane", "DELETE")
    request["requestContext"]["http"][part] = "/users/john" if part == "path" else "PATCH"
    assert client.receive(request).status == 404
    request = route_event(DELETE_USER, JANE, "jane", "DELETE")
    request["requestContext"]["routeKey"] = "$default"
    assert client.receive(request).status == 404


@pytest.mark.parametrize(
    "username", ["jane", "JANE", "a+b@x.y", "A+B@X.Y", "a.b-c_d", "0", "x" * 128]
)
def test_a_request_whose_parts_agree_runs_the_routes_call(client: Client, username: str) -> None:
    client.create(username=username)
    route = "GET /users/{username}"
    for method in ("GET", "get", "Get"):
        answer = client.receive(route_event(route, f"/users/{username}", username, method))
        assert (answer.status, answer.document["username"]) == (200, username.lower())
        assert client.log_lines[-1]["method"] == "GET"  # the route's, not the client's spelling
        assert client.log_lines[-1]["route"] == route


def test_a_path_agrees_whether_or_not_the_gateway_decoded_it(client: Client) -> None:
    client.create(username="a+b@x.y")
    request = route_event("GET /users/{username}", "/users/a%2Bb%40x.y", "a+b@x.y", "GET")
    assert client.receive(request).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_no_user_has_odd_characters(client: Client, method: str) -> None:
    client.create()
    for username in (
        *("jane\n", "\njane", "ja\nne", " jane", "jane ", "ja ne", "jane\x00", "\x7f", "jane\r"),
        *("jané", "\uff4aane", "\N{KELVIN SIGN}", "😀", "\u202ejane", "\ufeffjane", "\ud800"),
        *('"', "\\", "`", "#", "?", "%", "%6aane", "jane%0a", "{username}", "<username>", "a;b"),
        *(".", "..", "jane.", "[jane]", "a|b", "^", "~jane", "jane$", "a,b", "(jane)", "*", "'"),
    ):
        answer = client.send(method, f"/users/{username}", {"state": "x"})
        assert (answer.status, answer.problem) == (404, "user-not-found"), username
    assert client.send("GET", JANE).document["version"] == 1


# Health, bugs and unavailability


def test_is_healthy(client: Client) -> None:
    answer = client.send("GET", "/health")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"


@every_call
def test_is_unavailable(method: str, path: str, body: object) -> None:
    client = Client(FailingUsers(Unavailable("ThrottlingException")))
    answer = client.send(method, path, body)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert "ThrottlingException" not in answer.text
    if method != "HEAD":
        assert answer.problem == "unavailable"


def test_logs_why_it_is_unavailable() -> None:
    client = Client(FailingUsers(Unavailable("ThrottlingException")))
    client.send("GET", JANE)
    warning, request = client.log_lines
    assert (warning["level"], warning["reason"]) == ("WARNING", "ThrottlingException")
    assert warning["request_id"] == request["request_id"] == REQUEST_ID


def bug() -> Exception:
    error = ValueError("s3cret of jane@example.com in table-1")
    error.__cause__ = KeyError("s3cret cause")
    error.add_note("s3cret note")
    return error


@every_call
def test_a_bug_says_nothing_but_the_id(method: str, path: str, body: object) -> None:
    answer = Client(FailingUsers(bug())).send(method, path, body)
    assert answer.status == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    if method != "HEAD":
        assert answer.document == {
            "type": "/problems/internal-error",
            "title": "Internal error",
            "status": 500,
            "detail": answer.document["detail"],
            "instance": f"/requests/{REQUEST_ID}",
        }
        assert "report it with the id" in answer.document["detail"]
    assert not [w for w in ("s3cret", "jane", "ValueError", "table-1") if w in answer.text]


@every_call
def test_the_log_says_where_a_bug_is_but_nothing_of_the_user(
    method: str, path: str, body: object
) -> None:
    client = Client(FailingUsers(bug()))
    client.send(method, path, body)
    logged, request = client.log_lines
    assert (logged["level"], logged["exception_name"]) == ("ERROR", "ValueError")
    assert logged["request_id"] == REQUEST_ID
    assert re.fullmatch(r"tests/failing_users\.py:\d+ _fail", logged["frames"][-1])
    # A source line could hold a value.
    assert all(re.fullmatch(r"\S+\.py:\d+ \S+", frame) for frame in logged["frames"])
    assert request["status"] == 500
    assert not [word for word in ("s3cret", "jane", "example.com") if word in client.log]


def test_works_on_after_a_bug() -> None:
    class BuggyOnce(InMemoryUserRepository):
        bugs = [bug()]  # noqa: RUF012 no other test has this class

        def check(self) -> None:
            if self.bugs:
                raise self.bugs.pop()

    client = Client(BuggyOnce())
    assert [client.send("GET", "/health").status for _ in range(2)] == [500, 200]


# What every answer and every request has

REQUESTS: list[tuple[str, str, object, dict[str, str], int]] = [
    ("POST", "/users", {"username": "john"}, {}, 201),
    ("GET", JANE, None, {}, 200),
    ("HEAD", JANE, None, {}, 200),
    ("GET", JANE, None, {"if-none-match": "*"}, 304),
    ("PUT", JANE, {}, {}, 200),
    ("PATCH", JANE, {}, {}, 200),
    ("DELETE", JANE, None, {}, 204),
    ("GET", "/health", None, {}, 200),
    ("POST", "/users", None, {}, 400),
    ("GET", "/users/john", None, {}, 404),
    ("HEAD", "/users/john", None, {}, 404),
    ("GET", "/nowhere", None, {}, 404),
    ("POST", JANE, None, {}, 405),
    ("POST", "/users", {"username": "jane"}, {}, 409),
    ("PUT", JANE, {}, STALE, 412),
    ("PATCH", JANE, {}, {"content-type": "text/plain"}, 415),
    ("POST", "/users", {"username": "?"}, {}, 422),
]
every_request = pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    REQUESTS,
    ids=[f"{status}-{method}-{path}" for method, path, _, _, status in REQUESTS],
)


@every_request
def test_every_answer_has_these_headers(
    client: Client, method: str, path: str, body: object, headers: dict[str, str], status: int
) -> None:
    client.create()
    answer = client.send(method, path, body, headers=headers)
    assert answer.status == status
    assert answer.headers["X-Request-Id"] == REQUEST_ID
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert bool(answer.text) == (method != "HEAD" and status not in (204, 304))


@every_request
def test_a_request_is_one_line_of_the_log(
    client: Client, method: str, path: str, body: object, headers: dict[str, str], status: int
) -> None:
    if status != 201:
        client.create()
    before = len(client.log_lines)
    client.send(method, path, body, headers=headers)
    (line,) = client.log_lines[before:]
    assert line["message"] == "request"
    is_routed = event(method, path)["routeKey"] in ROUTE_KEYS
    assert (line["method"], line["status"]) == (method if is_routed else "", status)
    assert line["request_id"] == REQUEST_ID
    assert line["milliseconds"] >= 0


def test_a_share_of_the_requests_is_logged_at_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)  # what the logger draws when it is made
    logger = Logger(service=uuid.uuid4().hex, stream=io.StringIO(), level="INFO", sampling_rate=0.5)
    api = UserAPI(InMemoryUserRepository(), logger, metrics())
    set_levels: list[int | str] = []
    monkeypatch.setattr(logger, "setLevel", set_levels.append)
    for drawn in (0.6, 0.6, 0.4, 0.4, 0.6):
        monkeypatch.setattr("random.random", lambda drawn=drawn: drawn)
        api(event("GET", "/health"), CONTEXT)
    # Not again where nothing changes.
    assert set_levels == ["INFO", logging.DEBUG, "INFO"]


def test_the_first_request_of_the_share_is_logged_at_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.6)  # the logger draws otherwise
    logger = Logger(service=uuid.uuid4().hex, stream=io.StringIO(), level="INFO", sampling_rate=0.5)
    api = UserAPI(InMemoryUserRepository(), logger, metrics())
    monkeypatch.setattr("random.random", lambda: 0.4)
    api(event("GET", "/health"), CONTEXT)
    assert logger.log_level == logging.DEBUG


def test_without_a_share_no_level_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = Logger(service=uuid.uuid4().hex, stream=io.StringIO())
    api = UserAPI(InMemoryUserRepository(), logger, metrics())
    monkeypatch.setattr(logger, "setLevel", pytest.fail)
    api(event("GET", "/health"), CONTEXT)


def test_the_log_says_who_called_and_whether_the_function_had_just_started(client: Client) -> None:
    request = event("GET", JANE)
    client.receive(request)
    request["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": "a-program"}}}
    client.receive(request)
    first, second = client.log_lines
    assert (first["subject"], first["cold_start"]) == ("", True)
    assert (second["subject"], second["cold_start"]) == ("a-program", False)


class TestMetrics:
    @pytest.fixture
    def counted(self, capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
        """What was counted since the last time."""

        def names() -> list[str]:
            found = []
            for line in capsys.readouterr().out.splitlines():
                document = json.loads(line)
                [directive] = document["_aws"]["CloudWatchMetrics"]
                assert (directive["Namespace"], directive["Dimensions"]) == ("Tests", [["service"]])
                assert document["service"] == "users"
                for metric in directive["Metrics"]:
                    assert (metric["Unit"], document[metric["Name"]]) == ("Count", [1.0])
                    found.append(metric["Name"])
            return found

        return names

    @pytest.mark.parametrize(
        ("method", "path", "body", "counts"),
        [
            ("POST", "/users", {"username": "john"}, ["UsersCreated"]),
            ("POST", "/users", {"username": "jane"}, ["Conflicts"]),
            ("POST", "/users", {"username": "-"}, []),
            ("GET", JANE, None, []),
            ("GET", "/users", None, []),
            ("PUT", JANE, {"state": "Bonn"}, ["UsersChanged"]),
            ("PATCH", JANE, {"state": "Bonn"}, ["UsersChanged"]),
            ("PATCH", JANE, {"state": None}, []),
            ("DELETE", JANE, None, ["UsersDeleted"]),
            ("DELETE", "/users/john", None, []),
        ],
    )
    def test_a_call_counts_what_it_did(
        self,
        client: Client,
        counted: Callable[[], list[str]],
        method: str,
        path: str,
        body: object,
        counts: list[str],
    ) -> None:
        client.create()
        assert counted() == ["UsersCreated"]
        client.send(method, path, body)
        assert counted() == counts

    def test_a_stale_write_is_a_conflict(
        self, client: Client, counted: Callable[[], list[str]]
    ) -> None:
        client.create()
        client.send("DELETE", JANE, headers=STALE)
        assert counted() == ["UsersCreated", "Conflicts"]

    def test_a_repeat_is_no_create(self, client: Client, counted: Callable[[], list[str]]) -> None:
        for _ in range(2):
            client.send("POST", "/users", {"username": "jane"}, headers={"idempotency-key": "k"})
        assert counted() == ["UsersCreated", "Replays"]


@pytest.mark.parametrize("status", [500, 503])
def test_a_failed_request_is_one_line_too(status: int) -> None:
    client = Client(FailingUsers(bug() if status == 500 else Unavailable("x")))
    client.send("GET", JANE)
    lines = [line for line in client.log_lines if line["message"] == "request"]
    assert [line["status"] for line in lines] == [status]


def test_the_log_holds_the_route(client: Client) -> None:
    client.receive(event("GET", JANE))
    assert client.log_lines[0]["route"] == "GET /users/{username}"


PERSONAL = {
    "username": "Jane.Doe@example.com",
    "email": "jane@example.org",
    "given_name": "Giovanna",
    "family_name": "Rossi",
    "display_name": "Gio R.",
    "phone_number": "+4915112345678",
    "locale": "it-CH",
    "zoneinfo": "Europe/Zurich",
    "state": "Ticino",
    "attributes": {"hobby": "chess"},
}


def test_the_log_holds_nothing_personal(client: Client) -> None:
    path = f"/users/{PERSONAL['username']}"
    headers = {"authorization": "Bearer t0ken", "cookie": "session=t0ken"}
    requests: list[tuple[str, str, object]] = [
        ("POST", "/users", PERSONAL),
        ("POST", "/users", PERSONAL),
        ("POST", "/users", {**PERSONAL, "username": "other"}),
        *[(method, path, PERSONAL) for method in ("GET", "PUT", "PATCH")],
        ("PATCH", path, {**PERSONAL, "country": "Ticino"}),
        ("POST", path, PERSONAL),
        ("GET", path + "/x", None),
        ("DELETE", path, None),
        ("GET", path, None),
        ("GET", "/users", None),
    ]
    statuses = []
    for method, target, body in requests:
        request = event(method, target, body, headers=headers)
        if target == "/users" and method == "GET":
            request["rawQueryString"] = "email=jane@example.org"
            request["queryStringParameters"] = {"email": "jane@example.org"}
        statuses.append(client.receive(request).status)
    assert statuses == [201, 409, 409, 200, 200, 200, 422, 405, 404, 204, 404, 200]
    values = [str(value).lower() for value in PERSONAL.values() if isinstance(value, str)]
    held = [v for v in (*values, "hobby", "chess", "t0ken", "email=") if v in client.log.lower()]
    assert held == []


class TestLists:
    def create(self, client: Client, *names: str) -> None:
        for name in names:
            assert client.send("POST", "/users", {"username": name}).status == 201

    def test_the_last_page_leads_nowhere(self, client: Client) -> None:
        self.create(client, "b", "a")
        answer = client.send("GET", "/users")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/json"
        assert list(answer.document) == ["users"]
        users = [client.send("GET", f"/users/{name}").document for name in "ab"]
        assert answer.document["users"] == users
        assert "Link" not in answer.headers

    def test_a_page_leads_to_the_next(self, client: Client) -> None:
        self.create(client, "a", "b", "c")
        first = client.send("GET", "/users", query="limit=2")
        cursor = first.document["next_cursor"]
        assert [user["username"] for user in first.document["users"]] == ["a", "b"]
        assert first.headers["Link"] == f'</users?limit=2&cursor={cursor}>; rel="next"'
        query = first.headers["Link"].partition("?")[2].partition(">")[0]
        second = client.send("GET", "/users", query=query)
        assert [user["username"] for user in second.document["users"]] == ["c"]
        assert "next_cursor" not in second.document
        assert "Link" not in second.headers

    def test_head_has_the_header_but_no_body(self, client: Client) -> None:
        self.create(client, "a", "b")
        get = client.send("GET", "/users", query="limit=1")
        head = client.send("HEAD", "/users", query="limit=1")
        length = {"Content-Length": str(len(get.text))}
        assert (head.status, head.text, head.headers) == (200, "", {**get.headers, **length})

    @pytest.mark.parametrize("query", ["limit=0", "cursor=abc", "page=1", "limit=1&limit=1"])
    def test_a_bad_query_is_a_problem(self, client: Client, query: str) -> None:
        answer = client.send("GET", "/users", query=query)
        assert (answer.status, answer.problem) == (400, "malformed-request")

    def test_repeated_parameters_are_seen_though_the_gateway_joins_them(
        self, client: Client
    ) -> None:
        request = event("GET", "/users", query="status=active&status=active")
        request["queryStringParameters"] = {"status": "active,active"}
        assert client.receive(request).problem == "malformed-request"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        call
        for call in CALLS
        if call[1] != "/health" and call[:2] not in {("GET", "/users"), ("HEAD", "/users")}
    ],
)
def test_other_calls_on_users_take_no_query(
    client: Client, method: str, path: str, body: object
) -> None:
    if path == JANE:
        client.create()
    answer = client.send(method, path, body, query="dry_run=true")
    assert answer.status == 400
    assert client.send("GET", JANE).status == (200 if path == JANE else 404)


def test_whoever_asks_for_the_health_may_add_what_they_want(client: Client) -> None:
    assert client.send("GET", "/health", query="_=1").status == 200


class TestIdempotencyKey:
    KEY: ClassVar = {"idempotency-key": "7c1d8a5e"}
    JANE_DOE: ClassVar = {"username": "jane", "email": "jane@example.com"}

    def create(self, client: Client, body: object = JANE_DOE, **headers: str) -> Answer:
        return client.send("POST", "/users", body, headers={**self.KEY, **headers})

    def test_a_repeat_gets_the_first_answer(self, client: Client) -> None:
        first = self.create(client)
        assert (first.status, first.headers.get("Idempotency-Replayed")) == (201, None)
        client.send("DELETE", JANE)
        again = self.create(client, {"email": "jane@example.com", "username": "jane"})
        assert (again.status, again.text) == (201, first.text)
        assert again.headers == {**first.headers, "Idempotency-Replayed": "true"}
        assert client.send("GET", JANE).status == 404

    def test_another_body_is_a_problem(self, client: Client) -> None:
        self.create(client)
        answer = self.create(client, {**self.JANE_DOE, "status": "active"})
        assert (answer.status, answer.problem) == (422, "idempotency-key-reused")

    def test_a_refused_create_can_be_corrected(self, client: Client) -> None:
        client.create(email="jane@example.com")
        assert self.create(client).status == 409
        assert self.create(client, {"username": "-"}).problem == "invalid-user"
        assert self.create(client, {"username": "john"}).status == 201

    def test_without_a_key_every_create_is_one_of_its_own(self, client: Client) -> None:
        client.create()
        assert client.send("POST", "/users", {"username": "jane"}).status == 409

    @pytest.mark.parametrize("key", ["", "a b", "k" * 256, "ä"])
    def test_a_bad_key_is_a_problem(self, client: Client, key: str) -> None:
        answer = self.create(client, **{"idempotency-key": key})
        assert (answer.status, answer.problem) == (400, "malformed-request")
        assert client.send("GET", JANE).status == 404

    def test_a_key_belongs_to_the_tokens_subject(self, client: Client) -> None:
        def create(subject: str, username: str) -> Answer:
            request = event("POST", "/users", {"username": username}, headers=self.KEY)
            return client.receive(request, {"sub": subject})

        first = create("one", "jane")
        assert create("another", "john").status == 201
        assert create("one", "jane").text == first.text
        assert create("another", "jane").problem == "idempotency-key-reused"

    def test_a_token_that_names_nobody_has_none(self, client: Client) -> None:
        request = event("POST", "/users", {"username": "jane"}, headers=self.KEY)
        answer = client.receive(request, {"scope": "users/write"})
        assert (answer.status, answer.problem) == (400, "malformed-request")
        assert "claim" in answer.document["detail"]
        del request["headers"]["idempotency-key"]
        assert client.receive(request, {"scope": "users/write"}).status == 201

    def test_other_calls_have_no_use_for_it(self, client: Client) -> None:
        client.create()
        for _ in range(2):
            answer = client.send("PATCH", JANE, {}, headers={"idempotency-key": "a b"})
            assert answer.status == 200
