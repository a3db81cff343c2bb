import re
from collections.abc import Iterator

import pytest

from backend.api.runtime.errors import (
    ContentTooLarge,
    MalformedRequest,
    MethodNotAllowed,
    NotModified,
    PathNotFound,
    PreconditionFailed,
    RequestError,
    UnsupportedMediaType,
)
from backend.api.runtime.problems import PROBLEM_TYPES, Problem, problem
from backend.users.errors import (
    DomainError,
    EmailTaken,
    Fault,
    IdempotencyKeyReused,
    InvalidUser,
    Unavailable,
    UsernameTaken,
    UserNotFound,
)

REQUEST_ID = "JKJaXmPLvHcESHA="

# Clients depend on these: a new one is fine, another spelling of one is a breaking change.
PUBLISHED = [
    (MalformedRequest("Send it."), 400, "/problems/malformed-request"),
    (UserNotFound(), 404, "/problems/user-not-found"),
    (PathNotFound(), 404, "/problems/path-not-found"),
    (MethodNotAllowed(("GET",)), 405, "/problems/method-not-allowed"),
    (UsernameTaken(), 409, "/problems/username-taken"),
    (EmailTaken(), 409, "/problems/email-taken"),
    (PreconditionFailed(), 412, "/problems/precondition-failed"),
    (ContentTooLarge("Send less."), 413, "/problems/content-too-large"),
    (UnsupportedMediaType(("a/b",), "Accept"), 415, "/problems/unsupported-media-type"),
    (InvalidUser([Fault("/email", "must be one")]), 422, "/problems/invalid-user"),
    (IdempotencyKeyReused(), 422, "/problems/idempotency-key-reused"),
    (Unavailable("Throttled"), 503, "/problems/unavailable"),
    (ValueError("a bug"), 500, "/problems/internal-error"),
]

every_problem = pytest.mark.parametrize(
    ("error", "status", "type_"), PUBLISHED, ids=[type(p[0]).__name__ for p in PUBLISHED]
)


def subclasses(of: type[Exception]) -> Iterator[type[Exception]]:
    for subclass in of.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def test_every_error_that_reaches_a_client_has_a_problem_type() -> None:
    never_answered = {NotModified}  # no error to the client
    errors = {*subclasses(DomainError), *subclasses(RequestError)}
    assert errors - never_answered == set(PROBLEM_TYPES) - {Exception}


def test_every_problem_type_is_published_here() -> None:
    assert {type(error) for error, _, _ in PUBLISHED} == set(PROBLEM_TYPES) - {Exception} | {
        ValueError
    }


def test_names_and_titles_are_unique() -> None:
    kinds = PROBLEM_TYPES.values()
    assert len({kind.name for kind in kinds}) == len(kinds)
    assert len({kind.title for kind in kinds}) == len(kinds)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.name) for kind in kinds)


@every_problem
def test_is_published_and_has_the_members_of_rfc_9457(
    error: Exception, status: int, type_: str
) -> None:
    answer = problem(error, REQUEST_ID)
    assert (answer.status, answer.body["status"], answer.body["type"]) == (status, status, type_)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["title"]
    assert re.fullmatch(r"[A-Z][^.]*\.", answer.body["detail"])
    assert answer.body["instance"] == f"/requests/{REQUEST_ID}"
    assert ("errors" in answer.body) == isinstance(error, InvalidUser)


def test_lists_every_fault_in_order() -> None:
    faults = [Fault("/email", "must be an address"), Fault("/a~1b", "must be left out")]
    assert problem(InvalidUser(faults), REQUEST_ID).body["errors"] == [
        {"pointer": "/email", "detail": "must be an address"},
        {"pointer": "/a~1b", "detail": "must be left out"},
    ]


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (MethodNotAllowed(("GET", "HEAD", "PUT")), {"Allow": "GET, HEAD, PUT"}),
        (MethodNotAllowed(("POST",)), {"Allow": "POST"}),
        (Unavailable("Throttled"), {"Retry-After": "1"}),
        (
            UnsupportedMediaType(("a/b", "c/d"), "Accept-Patch"),
            {"Accept-Patch": "a/b, c/d"},
        ),
        (UnsupportedMediaType(("a/b",), "Accept"), {"Accept": "a/b"}),
        (UserNotFound(), {}),
        (InvalidUser([]), {}),
        (ValueError(), {}),
    ],
)
def test_has_the_headers_that_belong_to_it(error: Exception, headers: dict[str, str]) -> None:
    assert problem(error, REQUEST_ID).headers == {
        "Content-Type": "application/problem+json",
        **headers,
    }


@pytest.mark.parametrize(
    "bug", [ValueError("s3cret"), KeyError("s3cret"), type("S3cret", (Exception,), {})("s3cret")]
)
def test_an_unknown_exception_says_nothing_of_itself(bug: Exception) -> None:
    answer = problem(bug, REQUEST_ID)
    assert answer == problem(Exception(), REQUEST_ID)
    assert "s3cret" not in repr(answer).lower()


def test_the_reason_of_unavailability_stays_inside() -> None:
    assert "s3cret" not in repr(problem(Unavailable("s3cret"), REQUEST_ID))


def test_answers_share_no_state() -> None:
    def answer() -> Problem:
        return problem(UserNotFound(), REQUEST_ID)

    first, untouched = answer(), answer()
    first.body["detail"] = first.headers["Allow"] = "changed"
    assert answer() == untouched
