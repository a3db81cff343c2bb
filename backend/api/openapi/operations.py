"""What all calls are made of."""

from collections.abc import Iterable
from typing import Any, Final

from backend.api.openapi import responses
from backend.api.openapi.responses import Response

type Operation = dict[str, Any]

READ: Final[list[dict[str, list[str]]]] = [{"bearer": ["users/read"]}]
WRITE: Final[list[dict[str, list[str]]]] = [{"bearer": ["users/write"]}]
# {}: a deployment may open it.
READ_UNLESS_OPEN: Final[list[dict[str, list[str]]]] = [{}, *READ]
NO_TOKEN: Final[list[dict[str, list[str]]]] = []

# Names of responses.components(), by status: what the gateway can answer to every call.
BY_THE_GATEWAY: Final = {"401": "Unauthorized", "403": "Forbidden", "429": "TooManyRequests"}


def path(*, get: Operation, **others: Operation) -> dict[str, Any]:
    """A path's calls, HEAD beside GET, and what it answers to every other method."""
    return {
        "get": get,
        "head": _head(get),
        **others,
        # OpenAPI has no place for it: an operation that exists never gives this answer.
        "x-other-methods": {"405": {"$ref": "#/components/responses/MethodNotAllowed"}},
    }


def _head(get: Operation) -> Operation:
    everywhere = responses.components()
    answers = {
        status: responses.without_content(
            everywhere[answer["$ref"].rsplit("/", 1)[1]] if "$ref" in answer else answer
        )
        for status, answer in get["responses"].items()
    }
    return {
        **get,
        "operationId": "head" + get["operationId"].removeprefix("get").removeprefix("list"),
        "summary": f"{get['summary']} (headers only)",
        "description": "Same as GET, without the content.",
        "responses": answers,
    }


def operation(
    operation_id: str,
    summary: str,
    description: str,
    answers: dict[str, Response | str],
    *,
    parameters: Iterable[str] = (),
    body: dict[str, Any] | None = None,
    tag: str,
    security: list[dict[str, list[str]]] = READ,
) -> Operation:
    """answers: by status; a name is one of responses.components(). security: any of these."""
    result: Operation = {
        "operationId": operation_id,
        "summary": summary,
        "description": description,
        "tags": [tag],
    }
    if names := list(parameters):
        result["parameters"] = [ref_to_parameter(name) for name in names]
    if body:
        result["requestBody"] = body
    if security != READ:  # which is the document's own
        result["security"] = security
    result["responses"] = {
        status: {"$ref": f"#/components/responses/{answer}"} if isinstance(answer, str) else answer
        for status, answer in sorted(answers.items())
    }
    return result


def parameter(name: str, place: str, description: str, example: str | int) -> dict[str, Any]:
    """A parameter without its schema."""
    return {"name": name, "in": place, "description": description, "example": example}


def ref_to_parameter(name: str) -> dict[str, str]:
    """A reference to one of parameters.components()."""
    return {"$ref": f"#/components/parameters/{name}"}
