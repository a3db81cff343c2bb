"""Builds the events that API Gateway sends to a function: HTTP APIs, payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import json
import re
from typing import Any

from backend.api.routes import ROUTES

REQUEST_ID = "JKJaXmPLvHcESHA="
# The routes with parameters, as patterns.
_TEMPLATES = {
    route.path: re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path))
    for route in ROUTES
    if "{" in route.path
}


def event(
    method: str,
    path: str,
    body: object = None,
    *,
    query: str = "",
    raw: str | bytes | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return the event of a request.

    Args:
        method: The request's method.
        path: The path, decoded, as the gateway sends it.
        body: The body, to be sent as JSON.
        query: The query, as the client sends it.
        raw: The body as it is; the gateway encodes bytes in base64.
        headers: Header fields in addition to the content type.
    """
    if body is not None:
        raw = json.dumps(body)
    route, parameters = _matched(path)
    result: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} {route}",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"content-type": "application/json", **(headers or {})},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "api-id.execute-api.us-east-1.amazonaws.com",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "test",
            },
            "requestId": REQUEST_ID,
            "routeKey": f"{method} {route}",
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "isBase64Encoded": isinstance(raw, bytes),
    }
    if parameters:
        result["pathParameters"] = parameters
    if raw is not None:
        result["body"] = base64.b64encode(raw).decode() if isinstance(raw, bytes) else raw
    return result


def _matched(path: str) -> tuple[str, dict[str, str]]:
    """Return the matching route's path and parameters; without a match, the path itself."""
    for template, pattern in _TEMPLATES.items():
        if found := pattern.fullmatch(path):
            return template, found.groupdict()
    return path, {}
