"""Which answers docs/openapi.json names for a call."""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from jsonschema_rs import Draft202012Validator

NO_ANSWER: Final = 0


class Call(NamedTuple):
    """A request. name: what it is counted as; template: its path in the contract."""

    name: str
    method: str
    template: str
    path: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None


class Answer(NamedTuple):
    """status: NO_ANSWER when there was none in time; headers: with names in lower case."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Contract:
    """What an OpenAPI document promises of a call's answer: status, media type, schema."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._validators: dict[str, Draft202012Validator] = {}

    def fault(self, call: Call, answer: Answer) -> str | None:
        """What the contract doesn't name in the answer, if there is something."""
        path = f"#/paths/{_escaped(call.template)}/{call.method.lower()}/responses/{answer.status}"
        promised = self._at(path)
        if promised is None:
            return f"{answer.status} is not named"
        if "$ref" in promised:
            path = promised["$ref"]
            promised = self._at(path) or {}
        if "content" not in promised:
            return f"{answer.status} has a body" if answer.body else None
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        if media_type not in promised["content"]:
            return f"{answer.status} as {media_type or 'nothing'} is not named"
        return self._body_fault(f"{path}/content/{_escaped(media_type)}/schema", answer)

    def _body_fault(self, schema: str, answer: Answer) -> str | None:
        if schema not in self._validators:
            # Its references lead into the document.
            whole = {**self._document, "$ref": quote(schema, safe="/#~")}
            self._validators[schema] = Draft202012Validator(whole)
        try:
            body = json.loads(answer.body)
        except ValueError:
            return f"the body of {answer.status} is not JSON"
        found = next(iter(self._validators[schema].iter_errors(body)), None)
        return f"the body of {answer.status}: {found.message}" if found else None

    def _at(self, pointer: str) -> Mapping[str, Any] | None:
        found: Any = self._document
        for part in pointer.removeprefix("#/").split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~"))
            if found is None:
                return None
        assert isinstance(found, Mapping)  # noqa: S101
        return found


def _escaped(name: str) -> str:
    """As a part of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
