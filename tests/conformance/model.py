"""A model of the API, made from the contract alone: it judges each response.

A server chooses some values (ETags, times, cursors). The model learns them from the first response
that has them, and requires them of every later one.
"""

import copy
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tests.conformance import calls
from tests.conformance.calls import Call, ListCall, Reply
from tests.conformance.values import (
    ATTRIBUTES_MAX,
    ATTRIBUTES_MAX_BYTES,
    BAD_ATTRIBUTE_NAMES,
    BAD_ATTRIBUTE_VALUES,
    BAD_VALUES,
    GOOD_VALUES,
    READ_ONLY,
    as_json,
)

type Document = dict[str, Any]

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_STRONG_TAG: Final = re.compile(r'"[\x21\x23-\x7e]+"')
_TAG: Final = re.compile(r'(W/)?("[^"]*")')
_DEFAULT_LIMIT: Final = 25


class Wrong(AssertionError):
    """A response that the contract doesn't allow."""


class Refusal(NamedTuple):
    """A problem that the contract allows as the response to a call.

    Attributes:
        status: The status code.
        type: The last part of the problem's type.
        pointers: The JSON pointers of the body's faults; None if the problem has none.
    """

    status: int
    type: str
    pointers: frozenset[str] | None = None


class Create(NamedTuple):
    """A create with an Idempotency-Key.

    Attributes:
        body: The request's, as JSON.
        document: The user in the response.
        etag: The ETag of the response.
    """

    body: str
    document: Document
    etag: str


@dataclass
class Model:
    """What the API must have stored.

    Attributes:
        users: The users by username.
        etags: Each user's current ETag.
        used_etags: All ETags that were ever seen.
        creates: The creates with an Idempotency-Key, by key.
        cursors: The filters of each cursor, and the username that its page follows.
    """

    users: dict[str, Document] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    used_etags: set[str] = field(default_factory=set)
    creates: dict[str, Create] = field(default_factory=dict)
    cursors: dict[str, tuple[Document, str]] = field(default_factory=dict)

    def copy(self) -> "Model":
        """Return an independent copy. It shares the documents, which are never changed."""
        return Model(*(copy.copy(getattr(self, name)) for name in self.__dataclass_fields__))

    def judge(self, call: Call | ListCall, reply: Reply) -> None:
        """Compare a response with the contract, and apply what the call did.

        Raises:
            Wrong: The contract doesn't allow the response.
        """
        _check_headers(reply)
        JUDGES[call.operation](self, call, reply)

    def holders(self) -> dict[str, str]:
        """Return usernames by their email in lower case."""
        return {
            user["email"].lower(): username
            for username, user in self.users.items()
            if "email" in user
        }

    def _judge_create(self, call: Call, reply: Reply) -> None:
        assert call.body is not None
        if call.key is not None and not re.fullmatch(r"[\x21-\x7e]{1,255}", call.key):
            return _expect(reply, call, Refusal(400, "malformed-request"))
        first = self.creates.get(call.key) if call.key is not None else None
        document = _without_nulls(call.body)
        faults = _faults(document, is_new=True)
        if first and first.body == as_json(call.body):
            _expect_user(reply, 201, first.document, first.etag)
            _same("Location", reply.headers.get("Location"), f"/users/{first.document['username']}")
            return _same("Replayed", reply.headers.get("Idempotency-Replayed"), "true")
        refusals = [Refusal(422, "invalid-user", faults)] if faults else []
        if first:
            refusals.append(Refusal(422, "idempotency-key-reused"))
        if refusals:
            return _expect(reply, call, *refusals)
        username, email = document["username"].lower(), document.get("email", "").lower()
        if username in self.users:
            return _expect(reply, call, Refusal(409, "username-taken"))
        if email in self.holders():
            return _expect(reply, call, Refusal(409, "email-taken"))

        time, etag = self._learn(reply, 201)
        user = {"status": "active", **document, "username": username}
        user |= {"created_at": time, "updated_at": time, "version": 1}
        _expect_user(reply, 201, user, etag)
        _same("Location", reply.headers.get("Location"), f"/users/{username}")
        _same("Replayed", reply.headers.get("Idempotency-Replayed"), None)
        self._set(user, etag)
        if call.key is not None:
            self.creates[call.key] = Create(as_json(call.body), user, etag)
        return None

    def _judge_read(self, call: Call, reply: Reply) -> None:
        username = call.username.lower()
        if refusals := self._bad_conditions(call):
            return _expect(reply, call, *refusals, *self._missing(username))
        if missing := self._missing(username):
            return _expect(reply, call, *missing)
        etag = self.etags[username]
        if not _holds(call.if_match, etag, weakly=False):
            return _expect(reply, call, Refusal(412, "precondition-failed"))
        if call.if_none_match is not None and _holds(call.if_none_match, etag, weakly=True):
            _same("status", reply.status, 304)
            _same("body", reply.text, "")
            return _same("ETag", reply.headers.get("ETag"), etag)
        return _expect_user(reply, 200, self.users[username], etag, has_body=call.method == "GET")

    def _judge_change(self, call: Call, reply: Reply) -> None:
        assert call.body is not None
        username = call.username.lower()
        before = self.users.get(username, {})
        writable = {n: v for n, v in before.items() if n not in {"username", *READ_ONLY}}
        body = {n: v for n, v in call.body.items() if n not in READ_ONLY}
        faults: frozenset[str] = frozenset()
        if call.method == "PATCH":
            faults |= {_pointer(n) for n, v in body.items() if v is None and not _is_known(n)}
            attributes = body.get("attributes")
            if isinstance(attributes, dict):
                names = BAD_ATTRIBUTE_NAMES & set(attributes)
                faults |= {_pointer("attributes", name) for name in names}
            after = _merged(writable, body)
        else:
            after = _without_nulls(body)
        named = after.pop("username", username)
        if str(named).lower() != username:
            faults |= {"/username"}
        after = {"status": "active", **after}
        faults |= _faults(after, is_new=False)

        refusals = self._bad_conditions(call) + self._missing(username)
        if username in self.users and not refusals:
            refusals += self._unmet(call, username)
        if faults:
            refusals.append(Refusal(422, "invalid-user", faults))
        if refusals:
            return _expect(reply, call, *refusals)
        email = after.get("email", "").lower()
        if self.holders().get(email, username) != username:
            return _expect(reply, call, Refusal(409, "email-taken"))

        if as_json(after) == as_json(writable):
            return _expect_user(reply, 200, before, self.etags[username])
        time, etag = self._learn(reply, 200)
        if time < before["updated_at"]:
            raise Wrong(f"updated at {time}, after {before['updated_at']}")
        own = {n: before[n] for n in ("username", *READ_ONLY)}
        user = {**after, **own, "updated_at": time, "version": before["version"] + 1}
        _expect_user(reply, 200, user, etag)
        return self._set(user, etag)

    def _judge_delete(self, call: Call, reply: Reply) -> None:
        username = call.username.lower()
        refusals = self._bad_conditions(call) + self._missing(username)
        if not refusals:
            refusals = self._unmet(call, username)
        if refusals:
            return _expect(reply, call, *refusals)
        _same("status", (reply.status, reply.text), (204, ""))
        del self.users[username], self.etags[username]
        return None

    def _judge_list(self, call: ListCall, reply: Reply) -> None:
        filters, after = call.filters(), ""
        if call.cursor is not None:
            of_filters, after = self.cursors.get(call.cursor, (None, ""))
            # A list by email has one page, and so no cursor.
            if of_filters != filters or "email" in filters:
                return _expect(reply, call, Refusal(400, "malformed-request"))
        if call.is_bad:
            return _expect(reply, call, Refusal(400, "malformed-request"))
        limit = int(call.limit or _DEFAULT_LIMIT)
        left = sorted(n for n, user in self.users.items() if n > after and _fits(user, filters))
        users, more = [self.users[name] for name in left[:limit]], len(left) > limit
        _same("status", (reply.status, reply.text[:500]), (200, reply.text[:500]))
        _same("Content-Type", reply.headers.get("Content-Type"), "application/json")
        if call.method == "HEAD":
            _same("body", reply.text, "")
            return _same("Link", "Link" in reply.headers, more)
        page = reply.json()
        cursor = page.pop("next_cursor", None)
        _same("page", as_json(page), as_json({"users": users}))
        _same("next_cursor", cursor is not None, more)
        if not more:
            return _same("Link", reply.headers.get("Link"), None)
        known = self.cursors.setdefault(cursor, (filters, left[limit - 1]))
        _same("cursor", known, (filters, left[limit - 1]))
        link = ListCall.of_link(reply.headers.get("Link", ""))
        return _same("Link", link, call.next(cursor))

    def _set(self, user: Document, etag: str) -> None:
        self.users[user["username"]] = user
        self.etags[user["username"]] = etag
        self.used_etags.add(etag)

    def _learn(self, reply: Reply, status: int) -> tuple[str, str]:
        """Return the time and the ETag of a new state."""
        _same("status", (reply.status, reply.text[:500]), (status, reply.text[:500]))
        time, etag = str(reply.json().get("updated_at")), reply.headers.get("ETag", "")
        if not _TIME.fullmatch(time):
            raise Wrong(f"{time!r} is no RFC 3339 time with milliseconds in UTC")
        if not _STRONG_TAG.fullmatch(etag) or etag in self.used_etags:
            raise Wrong(f"{etag!r} is no strong ETag, or another state had it")
        return time, etag

    def _missing(self, username: str) -> list[Refusal]:
        return [] if username in self.users else [Refusal(404, "user-not-found")]

    def _bad_conditions(self, call: Call) -> list[Refusal]:
        for header in (call.if_match, call.if_none_match):
            if header not in {None, "*"} and not _TAG.search(str(header)):
                return [Refusal(400, "malformed-request")]
        return []

    def _unmet(self, call: Call, username: str) -> list[Refusal]:
        etag = self.etags[username]
        is_met = _holds(call.if_match, etag, weakly=False) and (
            call.if_none_match is None or not _holds(call.if_none_match, etag, weakly=True)
        )
        return [] if is_met else [Refusal(412, "precondition-failed")]


# How the response to each call is judged. A test asks for every route of the API.
JUDGES: Final[Mapping[str, Callable[[Model, Any, Reply], None]]] = {
    calls.LIST: Model._judge_list,
    calls.LIST_HEADERS: Model._judge_list,
    calls.CREATE: Model._judge_create,
    calls.READ: Model._judge_read,
    calls.READ_HEADERS: Model._judge_read,
    calls.REPLACE: Model._judge_change,
    calls.CHANGE: Model._judge_change,
    calls.DELETE: Model._judge_delete,
}


def _holds(condition: str | None, etag: str, *, weakly: bool) -> bool:
    if condition in {None, "*"}:
        return True
    return any(tag == etag and (weakly or not weak) for weak, tag in _TAG.findall(str(condition)))


def _fits(user: Document, filters: Document) -> bool:
    return (
        user["username"].startswith(filters.get("username_prefix", ""))
        and user["status"] == filters.get("status", user["status"])
        and ("email" not in filters or user.get("email", "").lower() == filters["email"])
    )


def _without_nulls(body: Document) -> Document:
    result = {n: v for n, v in body.items() if v is not None or not _is_known(n)}
    if isinstance(attributes := result.get("attributes"), dict):
        result["attributes"] = {n: v for n, v in attributes.items() if v is not None}
    return result


def _merged(target: Any, patch: Any) -> Any:
    """Apply a merge patch: RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result


def _is_known(name: str) -> bool:
    return name in GOOD_VALUES or name in READ_ONLY


def _faults(document: Document, *, is_new: bool) -> frozenset[str]:
    """Return pointers to the faults, of the kinds that values.py makes."""
    faults = {
        _pointer(name)
        for name, value in document.items()
        if not _is_known(name)
        or name in READ_ONLY
        or as_json(value) in map(as_json, BAD_VALUES.get(name, []))
    }
    if is_new and "username" not in document:
        faults.add("/username")
    if isinstance(attributes := document.get("attributes"), dict):
        bad = {n for n, v in attributes.items() if as_json(v) in map(as_json, BAD_ATTRIBUTE_VALUES)}
        faults |= {_pointer("attributes", n) for n in bad | (BAD_ATTRIBUTE_NAMES & set(attributes))}
        size = len(json.dumps(attributes, ensure_ascii=False).encode())
        if size > ATTRIBUTES_MAX_BYTES or len(attributes) > ATTRIBUTES_MAX:
            faults.add("/attributes")
    return frozenset(faults)


def _pointer(*names: str) -> str:
    """Return a JSON pointer: RFC 6901."""
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)


def _check_headers(reply: Reply) -> None:
    _same("nosniff", reply.headers.get("X-Content-Type-Options"), "nosniff")
    _same("Cache-Control", reply.headers.get("Cache-Control"), "no-store")
    if not reply.headers.get("X-Request-Id"):
        raise Wrong("no X-Request-Id")


def _expect_user(
    reply: Reply, status: int, user: Document, etag: str, *, has_body: bool = True
) -> None:
    _same("status", (reply.status, reply.text[:500]), (status, reply.text[:500]))
    _same("ETag", reply.headers.get("ETag"), etag)
    _same("Content-Type", reply.headers.get("Content-Type"), "application/json")
    if has_body:
        _same("user", as_json(reply.json()), as_json(user))
    else:
        text = json.dumps(user, ensure_ascii=False, separators=(",", ":"))
        _same("Content-Length", reply.headers.get("Content-Length"), str(len(text.encode())))
        _same("body", reply.text, "")


def _expect(reply: Reply, call: Call | ListCall, *refusals: Refusal) -> None:
    """Expect one of several refusals: the contract leaves open which one comes first."""
    _same("Content-Type", reply.headers.get("Content-Type"), "application/problem+json")
    if call.method == "HEAD":
        if reply.status not in {refusal.status for refusal in refusals} or reply.text:
            raise Wrong(f"{reply.status} with the body {reply.text!r} is none of {refusals}")
        return
    problem = reply.json()
    pointers = None
    if "errors" in problem:
        pointers = frozenset(fault["pointer"] for fault in problem["errors"])
        if len(pointers) < len(problem["errors"]):
            raise Wrong(f"a fault is named twice: {problem['errors']}")
    name = problem["type"].removeprefix("/problems/")
    if Refusal(reply.status, name, pointers) not in refusals:
        raise Wrong(f"{reply.status} {reply.text} is none of {refusals}")
    _same("status", problem["status"], reply.status)
    if not problem["title"] or not problem["detail"].endswith("."):
        raise Wrong(f"no title, or no sentence, in {reply.text}")
    if not problem["instance"].endswith(reply.headers["X-Request-Id"]):
        raise Wrong(f"the instance is another request's: {problem['instance']}")


def _same(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Wrong(f"{what} is {found}, but the contract says {wanted}")
