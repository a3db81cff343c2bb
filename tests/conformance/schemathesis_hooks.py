"""What schemathesis has to be told, and one check more than it has. Named in schemathesis.toml."""

import re
from importlib.resources import files
from typing import Any, Final

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, GenerationMode, HookContext, Response

_ZONES: Final = files("tzdata").joinpath("zones").read_text("utf-8").split()
schemathesis.openapi.format("iana-time-zone", st.sampled_from(_ZONES))

_CONDITIONS: Final = ("If-Match", "If-None-Match")
# Statuses that some problems give to a request which is valid by itself.
_REASONS: Final = {400: "a cursor", 412: "a precondition", 422: "a key, a username, attributes"}


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Give preconditions their quotes.

    The coverage phase makes headers of letters and digits alone, and sends one that the pattern
    of these doesn't allow as if it were valid.
    """
    for name in _CONDITIONS:
        if re.fullmatch("[A-Za-z0-9]+", str(case.headers.get(name, ""))) and _is_valid(case):
            case.headers[name] = f'"{case.headers[name]}"'


@schemathesis.check
def refused_for_what_no_schema_can_say(
    _ctx: CheckContext, response: Response, case: Case[Any]
) -> bool | None:
    """A valid request is refused for a reason that schemathesis.toml gives, and for no other."""
    if response.status_code not in _REASONS or not _is_valid(case):
        return None
    match response.status_code:
        case 400:
            explained = "cursor" in (case.query or {})
        case 412:
            explained = any(name in (case.headers or {}) for name in _CONDITIONS)
        case _:
            explained = _is_explained(response.json(), case)
    reason = _REASONS[response.status_code]
    assert explained, f"{response.status_code} to a valid request is for {reason}"
    return None


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
    return False


def _is_valid(case: Case[Any]) -> bool:
    return case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
