"""Builds the operations of the document."""

from collections.abc import Iterable
from typing import Any, Final

from backend.api import routes
from backend.api.openapi import responses
from backend.api.openapi.responses import Response
from backend.api.routes import Access

type Operation = dict[str, Any]

# What a call needs by default.
SECURITY: Final[list[dict[str, list[str]]]] = [{"bearer": [routes.READ]}]

# The gateway's own responses to any call: names of responses.components() by status.
BY_THE_GATEWAY: Final = {"401": "Unauthorized", "403": "Forbidden", "429": "TooManyRequests"}


def path(*, get: Operation | None = None, **others: Operation) -> dict[str, Any]:
    """Describe a path: its calls, and HEAD like GET."""
    reads = {"get": get, "head": _head(get)} if get else {}
    return {**reads, **others}


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
        answers: Its responses by status. A string names one of responses.components().
        parameters: Names of parameters.components().
        body: Its request body.
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
    """Return the alternative security requirements of a route."""
    [route] = [route for route in routes.ROUTES if route.key == key]
    with_token = [{"bearer": [route.scope]}]
    return {
        Access.TOKEN: with_token,
        Access.OPEN: [],
        Access.DOCS: [{}, *with_token],  # a deployment may open it
    }[route.access]


def parameter(name: str, place: str, description: str, example: str | int) -> dict[str, Any]:
    """Describe a parameter, without its schema."""
    return {"name": name, "in": place, "description": description, "example": example}


def ref_to_parameter(name: str) -> dict[str, str]:
    """Return a reference to one of parameters.components()."""
    return {"$ref": f"#/components/parameters/{name}"}
