"""Hooks and further checks for schemathesis, which schemathesis.toml names."""

import itertools
import os
import re
from importlib.resources import files
from typing import Any, Final

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, GenerationMode, HookContext, Response
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import CoveragePhaseData, ExamplesPhaseData

_ZONES: Final = files("tzdata").joinpath("zones").read_text("utf-8").split()
schemathesis.openapi.format("iana-time-zone", st.sampled_from(_ZONES))

_CONDITIONS: Final = ("If-Match", "If-None-Match")
_EXAMPLES: Final = {"username": "jane", "email": "jane@example.com"}
_AUTHORIZATION: Final = f"Bearer {os.environ['API_TOKEN']}"
_created: Final = itertools.count()
# Why a request that matches the schemas may still be refused.
_REASONS: Final = {
    400: "a cursor",
    412: "a precondition",
    413: "its size",
    422: "a key, a username, attributes, an invisible name",
}
_MAX_BYTES: Final = 64 * 1024


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Change valid requests so that the API accepts them."""
    if case.path == "/health" and case.method not in {"GET", "HEAD"}:
        # The gateway's default route refuses other methods without a token.
        case.headers["Authorization"] = _AUTHORIZATION
    if case.meta is None:
        return
    tried = case.meta.phase.data
    has_body = isinstance(case.body, dict)
    if isinstance(tried, CoveragePhaseData | ExamplesPhaseData):
        _leave_out_examples(case, tried.parameter)
        if case.method == "POST" and has_body and _is_valid(case):
            _rename_the_example(case.body)
    elif case.method in {"PUT", "PATCH"} and has_body and _is_valid(case):
        # A random username is seldom the one in the path.
        body: Any = case.body
        if "username" in body:
            body["username"] = case.path_parameters["username"]


def _leave_out_examples(case: Case[Any], tried: str | None) -> None:
    """Remove examples that belong to another request, except for the parameter that is tried.

    Every case has the examples of all parameters: a key of another body, a cursor of other filters,
    a precondition that fails. With them, no valid body or filter would ever be accepted.
    """
    if tried != "cursor" and (tried or _is_valid(case)):
        case.query.pop("cursor", None)
    for name in ("Idempotency-Key", *_CONDITIONS):
        value = str(case.headers.get(name, ""))
        if tried != name and _is_valid(case, ParameterLocation.HEADER):
            case.headers.pop(name, None)
        elif name in _CONDITIONS and re.fullmatch("[A-Za-z0-9]+", value) and _is_valid(case):
            # schemathesis made it of letters and digits alone: add the quotes.
            case.headers[name] = f'"{value}"'


def _rename_the_example(body: Any) -> None:
    """Give each user its own names, because those of the example are taken after the first."""
    if number := next(_created):
        for name, example in _EXAMPLES.items():
            if body.get(name) == example:
                body[name] = example.replace("jane", f"jane{number}")


@schemathesis.check
def refused_for_what_no_schema_can_say(
    _ctx: CheckContext, response: Response, case: Case[Any]
) -> bool | None:
    """Check that a valid request is refused only for a reason in _REASONS."""
    if response.status_code not in _REASONS or not case.meta or not _is_valid(case):
        return None
    match response.status_code:
        case 400:
            explained = "cursor" in (case.query or {})
        case 412:
            explained = any(name in (case.headers or {}) for name in _CONDITIONS)
        case 413:
            sent: Any = response.request.body
            explained = len(sent or b"") > _MAX_BYTES
        case _:
            explained = _is_explained(response.json(), case)
    reason = _REASONS[response.status_code]
    assert explained, f"{response.status_code} to a valid request is for {reason}"
    return None


@schemathesis.check
def refused_for_its_token_alone(_ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """Check that no request with the token is unauthorized, whatever else is wrong with it."""
    # The local cloud refuses every OPTIONS by itself, unless CORS is configured.
    if case.method != "OPTIONS" and response.request.headers.get("Authorization") == _AUTHORIZATION:
        assert response.status_code not in {401, 403}, f"{response.status_code} with the token"


def _is_explained(problem: dict[str, Any], case: Case[Any]) -> bool:
    if problem["type"] == "/problems/idempotency-key-reused":
        return "Idempotency-Key" in (case.headers or {})
    return all(_is_beyond_schemas(fault["pointer"], case) for fault in problem["errors"])


def _is_beyond_schemas(pointer: str, case: Case[Any]) -> bool:
    body: Any = case.body
    match pointer.split("/")[1:]:
        case ["username"]:
            username = str((case.path_parameters or {}).get("username"))
            return "username" in body and str(body["username"]).lower() != username.lower()
        case ["attributes"]:
            return len(str(body["attributes"]).encode()) > 16 * 1024 or case.method == "PATCH"
        case ["attributes", name]:
            value = body["attributes"][name]
            return isinstance(value, int) and not -(2**63) <= value < 2**64
        case ["given_name" | "family_name" | "display_name" | "state" as name]:
            return not re.search(r"[^\W_]", body[name])  # nothing in it may be visible
    return False


def _is_valid(case: Case[Any], location: ParameterLocation | None = None) -> bool:
    """Return whether the whole request, or its part at a location, is valid."""
    assert case.meta is not None
    part = case.meta.components.get(location) if location else case.meta.generation
    return part is None or part.mode is GenerationMode.POSITIVE
