"""While a deployment shifts traffic, a client's calls reach this checkout's code and a release's.

So they do again after a roll-back.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.compatibility.function import Document, Function, Response
from tests.compatibility.releases import Release, all_releases

type Pair = tuple[Function, Function]


@pytest.fixture(
    params=[
        (release, is_first)
        for release in all_releases()
        if release.code.exists()
        for is_first in (True, False)
    ],
    ids=lambda param: f"{param[0]} and now" if param[1] else f"now and {param[0]}",
)
def pair(
    request: pytest.FixtureRequest, run: Callable[[Path], Function], present: Function, table: str
) -> Pair:
    release: Release
    release, is_first = request.param
    old = run(release.code)
    return (old, present) if is_first else (present, old)


def test_each_changes_what_the_other_changed(pair: Pair) -> None:
    answer = pair[0]("POST", "/users", {"username": "jane", "attributes": {}})
    assert answer.status == 201
    for number, writer in zip(range(1, 7), cycle(reversed(pair)), strict=False):
        last, user = answer.headers["etag"], answer.body
        patch: Document
        match number % 3:
            case 1:
                patch = {"attributes": {str(number): number}}
                answer = writer("PATCH", "/users/jane", patch, {"if-match": last})
            case 2:
                body = {**user, "status": "suspended", "email": f"{number}@example.com"}
                answer = writer("PUT", "/users/jane", body, {"if-match": last})
            case _:
                patch = {"status": "active", "email": None}
                answer = writer("PATCH", "/users/jane", patch, {"if-match": last})
        assert answer.status == 200
        assert answer.body["version"] == number + 1
        for function in pair:
            read = function("GET", "/users/jane")
            assert (read.headers["etag"], read.body) == (answer.headers["etag"], answer.body)
            again = function("PATCH", "/users/jane", {"state": "x"}, {"if-match": last})
            assert again.status == 412
    assert answer.body["attributes"] == {"1": 1, "4": 4}
    assert pair[1]("DELETE", "/users/jane", headers={"if-match": last}).status == 412
    assert pair[1]("DELETE", "/users/jane").status == 204
    assert pair[0]("GET", "/users/jane").status == 404


def test_changes_at_the_same_time_are_all_kept(pair: Pair) -> None:
    pair[0]("POST", "/users", {"username": "jane"})

    def change(function: Function, name: str) -> list[int]:
        return [
            function("PATCH", "/users/jane", {"attributes": {f"{name}-{i}": i}}).status
            for i in range(10)
        ]

    with ThreadPoolExecutor() as pool:
        statuses = [*pool.map(change, pair, ("a", "b"))]
    assert statuses == [[200] * 10] * 2
    user = pair[0]("GET", "/users/jane").body
    assert user["attributes"] == {f"{name}-{i}": i for name in "ab" for i in range(10)}
    assert user["version"] == 21


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"username_prefix": "User-1"},
        {"status": "suspended"},
        {"status": "active", "username_prefix": "user"},
    ],
    ids=urlencode,
)
def test_a_walk_goes_on_in_the_other(pair: Pair, filters: dict[str, str]) -> None:
    users = [
        {"username": f"user-{n:02}", "status": ("active", "suspended")[n % 2]} for n in range(20)
    ]
    for user, writer in zip(users, cycle(pair), strict=False):
        assert writer("POST", "/users", user).status == 201
    prefix = filters.get("username_prefix", "").lower()
    expected = [
        user["username"]
        for user in users
        if user["username"].startswith(prefix) and filters.get("status") in {None, user["status"]}
    ]
    query = urlencode({**filters, "limit": "3"})
    seen = []
    for function in cycle(pair):
        page = function("GET", "/users", query=query)
        assert page.status == 200, page.body
        seen += [user["username"] for user in page.body["users"]]
        if "next_cursor" not in page.body:
            break
        query = _next(page)
    assert seen == expected


def test_a_key_creates_once_wherever_it_is_sent(pair: Pair) -> None:
    first, second = pair
    user: Document = {"username": "jane", "email": "jane@example.com", "attributes": {"n": 1.0}}
    key = {"idempotency-key": "key"}
    created = first("POST", "/users", user, key)
    assert created.status == 201
    assert second("PATCH", "/users/jane", {"given_name": "Jane"}).status == 200
    replayed = second("POST", "/users", user, key)
    assert replayed.status == 201
    assert replayed.headers["idempotency-replayed"] == "true"
    assert (replayed.body, replayed.headers["etag"]) == (created.body, created.headers["etag"])
    reused = second("POST", "/users", {**user, "attributes": {"n": 1}}, key)
    assert reused.body["type"] == "/problems/idempotency-key-reused"


def test_a_key_that_is_sent_to_both_at_once_creates_once(pair: Pair) -> None:
    for number in range(10):
        user: Document = {"username": f"jane-{number}"}
        answers = _at_once(pair, ("POST", "/users", user, {"idempotency-key": f"key-{number}"}))
        assert [answer.status for answer in answers] == [201, 201]
        assert answers[0].headers["etag"] == answers[1].headers["etag"]
        assert sorted("idempotency-replayed" in a.headers for a in answers) == [False, True]


def test_an_email_is_held_against_the_other_until_it_is_freed(pair: Pair) -> None:
    first, second = pair
    john: Document = {"username": "john", "email": "jane@EXAMPLE.com"}
    assert first("POST", "/users", {"username": "jane", "email": "Jane@example.com"}).status == 201
    refused = second("POST", "/users", john)
    assert (refused.status, refused.body["type"]) == (409, "/problems/email-taken")
    [found] = second("GET", "/users", query="email=JANE%40example.com").body["users"]
    assert found["username"] == "jane"
    assert second("PATCH", "/users/jane", {"email": "new@example.com"}).status == 200
    assert first("POST", "/users", john).status == 201
    assert second("DELETE", "/users/john").status == 204
    assert first("PATCH", "/users/jane", {"email": "jane@example.com"}).status == 200


def test_an_email_that_both_give_away_at_once_is_one_users(pair: Pair) -> None:
    for number in range(10):
        email = f"{number}@example.com"
        users: list[Document] = [{"username": f"{n}-{number}", "email": email} for n in "ab"]
        answers = _at_once(pair, *[("POST", "/users", user, {}) for user in users])
        assert sorted(answer.status for answer in answers) == [201, 409]
        [holder] = pair[0]("GET", "/users", query=urlencode({"email": email})).body["users"]
        [created] = [answer.body for answer in answers if answer.status == 201]
        assert holder == created


def _at_once(pair: Pair, *requests: tuple[str, str, Document, dict[str, str]]) -> list[Response]:
    """The answers of both, each to its request, or to the one that there is."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda function, r: function(*r), pair, cycle(requests)))


def _next(page: Response) -> str:
    """The query of the next page: what the Link says, which has the cursor of the body."""
    reference = page.headers["link"].partition("<")[2].partition(">")[0]
    query = urlsplit(reference).query
    assert dict(parse_qsl(query))["cursor"] == page.body["next_cursor"]
    return query
