"""What all calls are made of."""

from collections.abc import Iterable
from typing import Any, Final

from backend.api import routes
from backend.api.openapi import responses
from backend.api.openapi.responses import Response
from backend.api.routes import Access

type Operation = dict[str, Any]

# What a call needs unless it says otherwise.
SECURITY: Final[list[dict[str, list[str]]]] = [{"bearer": [routes.READ]}]

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
    route: str,
    operation_id: str,
    summary: str,
    description: str,
    answers: dict[str, Response | str],
    *,
    parameters: Iterable[str] = (),
    body: dict[str, Any] | None = None,
    tag: str,
) -> Operation:
    """Describe a call.

    Args:
        route: Its key, such as "GET /users".
        operation_id: Its name in generated clients.
        summary: What it does, in a few words.
        description: What it does, in a few sentences.
        answers: Its responses by status; a name is one of responses.components().
        parameters: Names of parameters.components().
        body: What it takes.
        tag: The group that it belongs to.
    """
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
    if (security := _security(route)) != SECURITY:
        result["security"] = security
    result["responses"] = {
        status: {"$ref": f"#/components/responses/{answer}"} if isinstance(answer, str) else answer
        for status, answer in sorted(answers.items())
    }
    return result


def _security(key: str) -> list[dict[str, list[str]]]:
    """Return what a call needs, as alternatives."""
    [route] = [route for route in routes.ROUTES if route.key == key]
    with_token = [{"bearer": [route.scope]}]
    return {
        Access.TOKEN: with_token,
        Access.OPEN: [],
        Access.DOCS: [{}, *with_token],  # a deployment may open it
    }[route.access]


def parameter(name: str, place: str, description: str, example: str | int) -> dict[str, Any]:
    """A parameter without its schema."""
    return {"name": name, "in": place, "description": description, "example": example}


def ref_to_parameter(name: str) -> dict[str, str]:
    """A reference to one of parameters.components()."""
    return {"$ref": f"#/components/parameters/{name}"}
