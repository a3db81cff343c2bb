"""The calls, as clients make them. Runs against any deployment; leaves nothing behind."""

import json
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.deployed import AT_ONCE, Client

MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
JSON = {"Content-Type": "application/json"}


def test_health(api: Client) -> None:
    answer = api.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_user_lives(api: Client, name: str) -> None:
    email = f"{name}@Example.com"
    created = api.post("/users", json={"username": name.upper(), "email": email})
    assert created.status_code == 201, created.text
    assert created.headers["Location"] == f"/users/{name}"
    user = created.json()
    assert user == {
        "username": name,
        "email": email,
        "status": "active",
        "created_at": user["created_at"],
        "updated_at": user["created_at"],
        "version": 1,
    }

    read = api.get(f"/users/{name.upper()}")
    assert (read.status_code, read.json()) == (200, user)
    assert read.headers["ETag"] == created.headers["ETag"]

    replaced = api.put(f"/users/{name}", json={**user, "given_name": "Zoë", "email": None})
    assert replaced.status_code == 200, replaced.text
    assert replaced.json() == {
        "username": name,
        "status": "active",
        "given_name": "Zoë",
        "created_at": user["created_at"],
        "updated_at": replaced.json()["updated_at"],
        "version": 2,
    }

    patch = {"given_name": None, "email": email, "attributes": {"n": 1, "f": 1.0, "t": True}}
    patched = api.patch(f"/users/{name}", content=json.dumps(patch), headers=MERGE_PATCH)
    assert patched.status_code == 200, patched.text
    assert patched.json()["version"] == 3
    assert "given_name" not in patched.json()
    assert '{"n":1,"f":1.0,"t":true}' in patched.text.replace(" ", "")

    deleted = api.delete(f"/users/{name}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert api.get(f"/users/{name}").status_code == 404
    assert api.delete(f"/users/{name}").status_code == 404


def test_what_a_client_read_it_can_send_back(api: Client, name: str) -> None:
    created = api.post("/users", json={"username": name, "attributes": {"a": 0.1}})
    sent_back = api.put(f"/users/{name}", json=created.json())
    assert sent_back.status_code == 200
    assert sent_back.json()["attributes"] == {"a": 0.1}


@pytest.mark.parametrize("encode", [str, lambda path: quote(path, safe="/")])
def test_an_address_can_be_a_username(api: Client, name: str, encode: Callable[[str], str]) -> None:
    username = f"{name}+a.b_c@example.com"
    created = api.post("/users", json={"username": username})
    path = encode(created.headers["Location"])
    assert api.get(path).json() == created.json()
    assert api.delete(path).status_code == 204


def test_head_is_get_without_a_body(api: Client, name: str) -> None:
    created = api.post("/users", json={"username": name})
    head = api.head(f"/users/{name}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == created.headers["ETag"]
    assert api.head("/health").status_code == 200


def test_a_read_of_what_the_client_has_is_not_modified(api: Client, name: str) -> None:
    etag = api.post("/users", json={"username": name}).headers["ETag"]
    again = api.get(f"/users/{name}", headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)


def test_a_change_of_an_old_state_is_refused(api: Client, name: str) -> None:
    old = {"If-Match": api.post("/users", json={"username": name}).headers["ETag"]}
    first = api.patch(f"/users/{name}", json={"state": "Berlin"}, headers=old)
    assert first.status_code == 200
    assert api.patch(f"/users/{name}", json={"state": "Bonn"}, headers=old).status_code == 412
    assert api.put(f"/users/{name}", json={}, headers=old).status_code == 412
    assert api.delete(f"/users/{name}", headers=old).status_code == 412
    new = {"If-Match": first.headers["ETag"]}
    assert api.delete(f"/users/{name}", headers=new).status_code == 204


def test_a_patch_that_changes_nothing_keeps_the_version(api: Client, name: str) -> None:
    created = api.post("/users", json={"username": name, "state": "Berlin"})
    patched = api.patch(f"/users/{name}", json={"state": "Berlin"})
    assert patched.json() == created.json()
    assert patched.headers["ETag"] == created.headers["ETag"]


# The first seven end in an unhandled exception elsewhere.
BAD_BODIES: list[tuple[str, str, str | None, int]] = [
    ("POST", "/users", '{"email": "jane@example.com"}', 422),  # no username
    ("POST", "/users", "{", 400),
    ("POST", "/users", '{"username": "NAME", "given_name": 1.5}', 422),
    ("POST", "/users", '{"username": ""}', 422),
    ("PUT", "/users/NAME", None, 400),
    ("POST", "/users", '{"username": "NAME", "given name": "Jane"}', 422),
    ("PUT", "/users/NAME", '{"username": "other"}', 422),
    ("POST", "/users", '{"username": "NAME", "attributes": {"n": 1e400}}', 422),
    ("POST", "/users", '{"username": "NAME", "attributes": {"n": NaN}}', 400),
    ("POST", "/users", '{"username": "NAME", "username": "NAME"}', 400),
    ("POST", "/users", '["NAME"]', 400),
    ("POST", "/users", "[" * 50_000, 400),
    ("POST", "/users", '{"username": "NAME", "state": "\\ud800"}', 400),
    ("POST", "/users", '{"username": "NAME", "state": "\\u0000"}', 422),
    ("POST", "/users", " " * (64 * 1024 + 1), 413),
    ("PATCH", "/users/NAME", '{"status": "gone"}', 422),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), BAD_BODIES)
def test_a_bad_body_is_refused_with_a_problem(
    api: Client, name: str, method: str, path: str, body: str | None, status: int
) -> None:
    if method != "POST":
        api.post("/users", json={"username": name})
    content = body.replace("NAME", name) if body else body
    answer = api.request(method, path.replace("NAME", name), content=content, headers=JSON)
    assert_problem(answer, status)


def test_every_fault_is_named_at_once(api: Client, name: str) -> None:
    body = {"username": "-", "email": "x", "nickname": "y", "attributes": {"a b": 1, "c": [1]}}
    answer = api.post("/users", json=body)
    assert_problem(answer, 422)
    assert {error["pointer"] for error in answer.json()["errors"]} == {
        "/username",
        "/email",
        "/nickname",
        "/attributes/a b",
        "/attributes/c",
    }


def test_invalid_utf8_is_refused(api: Client, name: str) -> None:
    body = b'{"username": "' + name.encode() + b'\xff"}'
    assert_problem(api.post("/users", content=body, headers=JSON), 422)
    api.post("/users", json={"username": name})
    patch = api.patch(f"/users/{name}", content=b'{"state": "\xff"}', headers=MERGE_PATCH)
    assert_problem(patch, 400)


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/nowhere", 404, None),
        ("GET", "/users/no%20body", 404, None),
        ("GET", "/users/%22", 404, None),
        ("GET", "/users/a/b", 404, None),
        ("PUT", "/users", 405, "GET, HEAD, POST"),
        ("POST", "/users/jane", 405, "GET, HEAD, PUT, PATCH, DELETE"),
        ("DELETE", "/health", 405, "GET, HEAD"),
    ],
)
def test_what_no_route_has_is_a_problem(
    api: Client, method: str, path: str, status: int, allow: str | None
) -> None:
    answer = api.request(method, path)
    assert_problem(answer, status)
    assert answer.headers.get("Allow") == allow


def test_another_media_type_is_refused(api: Client, name: str) -> None:
    api.post("/users", json={"username": name})
    plain = {"Content-Type": "text/plain"}
    patch = api.patch(f"/users/{name}", content="{}", headers=plain)
    assert_problem(patch, 415)
    assert patch.headers["Accept-Patch"] == "application/merge-patch+json, application/json"
    assert_problem(api.post("/users", content="{}", headers=plain), 415)


def test_a_name_and_an_email_are_taken_once(api: Client, new_name: Callable[[], str]) -> None:
    name, other = new_name(), new_name()
    body = {"username": name, "email": f"{name}@example.com"}
    assert api.post("/users", json=body).status_code == 201
    assert assert_problem(api.post("/users", json=body), 409) == "/problems/username-taken"
    same_email = {"username": other, "email": f"{name.upper()}@EXAMPLE.com"}
    assert assert_problem(api.post("/users", json=same_email), 409) == "/problems/email-taken"


@pytest.mark.parametrize("same", ["username", "email"])
def test_many_creates_at_once_make_one_user(
    api: Client, new_name: Callable[[], str], same: str, is_long: bool
) -> None:
    many = 50 if is_long else AT_ONCE
    one = new_name()
    names = [one] * many if same == "username" else [new_name() for _ in range(many)]
    emails = (
        [f"{one}@example.com"] * many
        if same == "email"
        else [f"{n}{i}@example.com" for i, n in enumerate(names)]
    )

    def create(body: dict[str, Any]) -> int:
        # With a key, a repeat also tells a caller who was answered 503 whether the user is its own.
        return api.create(body, key=str(uuid.uuid4()))[-1].status_code

    bodies = [{"username": n, "email": e} for n, e in zip(names, emails, strict=True)]
    with ThreadPoolExecutor(many) as pool:
        statuses = Counter(pool.map(create, bodies))
    assert statuses == {201: 1, 409: many - 1}

    [user] = [a.json() for a in map(api.get, [f"/users/{n}" for n in set(names)]) if a.is_success]
    # What the refused ones asked for is held by nobody.
    assert api.delete(f"/users/{user['username']}").status_code == 204
    with ThreadPoolExecutor(AT_ONCE) as pool:
        again = [{"username": new_name(), "email": email} for email in set(emails)]
        assert set(pool.map(create, again)) == {201}


def test_pages_lead_through_all_users_with_a_prefix(
    api: Client, name: str, new_name: Callable[[], str]
) -> None:
    # The uuid in it is nobody else's, whoever writes beside this test.
    names = [f"{name}.{number}" for number in range(7)]
    for number, username in enumerate(names):
        status = "suspended" if number % 3 == 0 else "active"
        body = {"username": username, "status": status, "email": f"{username}@example.com"}
        assert api.post("/users", json=body).status_code == 201
    try:
        path, seen = f"/users?limit=3&username_prefix={name.upper()}", []
        while path:
            answer = api.get(path)
            assert answer.status_code == 200, answer.text
            seen.append([user["username"] for user in answer.json()["users"]])
            assert ("next_cursor" in answer.json()) == ("next" in answer.links)
            path = answer.links.get("next", {}).get("url", "")
        assert seen == [names[:3], names[3:6], names[6:]]
        query = {"username_prefix": name, "status": "suspended", "limit": "2"}
        # A list by status may lag behind the writes: it reads an index.
        for _ in range(30):
            if len(api.get("/users", params={**query, "limit": "3"}).json()["users"]) == 3:
                break
            time.sleep(1)
        first = api.get("/users", params=query).json()
        second = api.get("/users", params={**query, "cursor": first["next_cursor"]}).json()
        found = [user["username"] for page in (first, second) for user in page["users"]]
        assert found == [names[0], names[3], names[6]]
        [user] = api.get("/users", params={"email": f"{names[1].upper()}@Example.COM"}).json()[
            "users"
        ]
        assert user == api.get(f"/users/{names[1]}").json()
        other = {**query, "status": "active", "cursor": first["next_cursor"]}
        assert_problem(api.get("/users", params=other), 400)
    finally:
        for username in names:
            api.delete(f"/users/{username}")


def test_a_create_with_a_key_happens_once(api: Client, name: str) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"username": name, "email": f"{name}@example.com"}
    first = api.post("/users", json=body, headers=key)
    assert (first.status_code, "Idempotency-Replayed" in first.headers) == (201, False)
    api.patch(f"/users/{name}", json={"state": "Berlin"})
    for _ in range(2):
        again = api.post("/users", json=dict(reversed(body.items())), headers=key)
        assert (again.status_code, again.json()) == (201, first.json())
        for header in ("ETag", "Location"):
            assert again.headers[header] == first.headers[header]
        assert again.headers["Idempotency-Replayed"] == "true"
        api.delete(f"/users/{name}")
    other = api.post("/users", json={**body, "state": "Bonn"}, headers=key)
    assert assert_problem(other, 422) == "/problems/idempotency-key-reused"
    assert api.get(f"/users/{name}").status_code == 404
    assert_problem(api.post("/users", json=body, headers={"Idempotency-Key": "a b"}), 400)


def assert_problem(answer: httpx.Response, status: int) -> str:
    """Whether the answer is a problem as the contract has it; returns its type."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"].endswith(".")
    assert problem["instance"].endswith(answer.headers["X-Request-Id"])
    return str(problem["type"])
