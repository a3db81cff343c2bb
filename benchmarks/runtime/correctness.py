"""Proves that a subject works: it creates, reads, changes and lists users of a real engine.

What the engine responds meanwhile is recorded, and replayed when the subject is measured.
"""

import json
from typing import Any, Final

from benchmarks.runtime import calls
from benchmarks.runtime.function import Function
from benchmarks.runtime.subjects import Subject
from tooling.progress import Failure

_OK: Final = range(200, 300)
_REFUSED: Final = range(400, 500)


def prove(function: Function, subject: Subject) -> None:
    """Make each call.

    Raises:
        Failure: A response is wrong.
    """
    title = subject.title

    def respond(call: calls.Call, expected: range = _OK, scene: str | None = None) -> Any:
        response = function.invoke(call, scene).response
        if response["statusCode"] not in expected:
            raise Failure(f"{title}: the response to {call.name} was {response}")
        return json.loads(response["body"])

    def expect(what: str, document: dict[str, Any], members: dict[str, str]) -> None:
        wrong = {name for name, value in members.items() if document.get(name) != value}
        if wrong:
            raise Failure(f"{title}: {what} has {', '.join(sorted(wrong))} wrong: {document}")

    for user in calls.OTHERS:
        respond(calls.create(user))
    # Last, because what was last recorded is replayed.
    expect("the response to create", respond(calls.create(calls.JANE)), calls.JANE)
    respond(calls.create(calls.JANE), _REFUSED, "a user twice")
    expect("the response to get", respond(calls.get()), calls.JANE)
    patched = {**calls.JANE, **calls.PATCH}
    expect("the response to patch", respond(calls.patch()), patched)
    expect("the response to get after a patch", respond(calls.get()), patched)
    if "page" in subject.calls:
        users = respond(calls.page())["users"]
        for listed, kept in zip(users, [patched, *calls.OTHERS], strict=False):
            expect("a list", listed, kept)
        if len(users) != calls.PAGE_SIZE:
            raise Failure(f"{title}: a page has {len(users)} users, not {calls.PAGE_SIZE}.")
