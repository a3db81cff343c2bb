"""Whether a subject works: it creates, reads, changes and lists users of a real engine.

What the engine answers meanwhile is what the measurements give again.
"""

import json
from typing import Any, Final

from benchmarks.runtime import calls
from benchmarks.runtime.function import Function
from benchmarks.runtime.runtime_api import Result
from tooling.progress import Failure

_OK: Final = range(200, 300)
_REFUSED: Final = range(400, 500)


def prove(function: Function, names: tuple[str, ...], title: str) -> None:
    """Raises Failure when an answer isn't right."""

    def answer(call: calls.Call, expected: range = _OK, scene: str | None = None) -> Any:
        result = function.invoke(call, scene)
        status = result.answer["statusCode"]
        if status not in expected:
            raise Failure(f"{title}: {call.name} answered {status}: {result.answer.get('body')}")
        return json.loads(result.answer["body"])

    def expect(what: str, document: dict[str, Any], **members: str) -> None:
        wrong = {name for name, value in members.items() if document.get(name) != value}
        if wrong:
            raise Failure(f"{title}: {what} has {', '.join(sorted(wrong))} wrong: {document}")

    others = calls.others()
    for user in others:
        answer(calls.create(user))
    # Last, because what was last recorded is given again.
    expect("what create says", answer(calls.create(calls.JANE)), **calls.JANE)
    answer(calls.create(calls.JANE), _REFUSED, "a user twice")
    expect("what get says", answer(calls.get()), **calls.JANE)
    patched = {**calls.JANE, **calls.PATCH}
    expect("what patch says", answer(calls.patch()), **patched)
    expect("what get says after a patch", answer(calls.get()), **patched)
    if "list" in names:
        users = answer(calls.page())["users"]
        for said, kept in zip(users, [patched, *others], strict=False):
            expect("a list", said, **kept)
        if len(users) != calls.PAGE_SIZE:
            raise Failure(f"{title}: a page has {len(users)} users, not {calls.PAGE_SIZE}.")


def check(result: Result, title: str) -> None:
    """Raises Failure unless a measured answer was a success."""
    if result.answer["statusCode"] not in _OK:
        raise Failure(f"{title}: a measured call answered {result.answer}")
