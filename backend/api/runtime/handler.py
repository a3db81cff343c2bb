"""The Lambda handler: runs the call of the route that the gateway matched, and logs it."""

import base64
import logging
import random
import time
import traceback
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from backend.api import routes
from backend.api.runtime.calls import Call, Calls, Event, claims, json_response
from backend.api.runtime.errors import MethodNotAllowed, NotModified, PathNotFound
from backend.api.runtime.preconditions import entity_tag
from backend.api.runtime.problems import problem
from backend.api.runtime.response import Response
from backend.users.errors import Unavailable
from backend.users.repository import UserRepository

_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
# The repository's root, or the archive's.
_ROOT: Final = f"{Path(__file__).parents[3]}/"
# The route of requests that match no other. It needs no scope, so it must not run a call.
_DEFAULT: Final = "$default"
# Statuses that the metric Conflicts counts.
_CONFLICTS: Final = (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)


class UserAPI:
    """Handles HTTP API events (payload format 2.0).

    The gateway matches a request to a route and checks the token for that route, so the route's key
    alone decides which call runs. The path doesn't: the gateway decodes it, sometimes twice, and
    cuts it at a decoded question mark. If the path contradicts the route, no call runs.

    Args:
        users: The store of users.
        logger: Writes the log.
        metrics: Collects the metrics.
    """

    def __init__(self, users: UserRepository, logger: Logger, metrics: EphemeralMetrics) -> None:
        self._logger = logger
        self._metrics = metrics
        self._is_cold = True
        self._debug_share = float(logger.sampling_rate or 0)
        # None, because the logger has chosen its first level itself and doesn't say which.
        self._is_debugged: bool | None = None if self._debug_share else False
        self._calls = Calls(users, self._count).by_route()

    def __call__(self, event: Event, _context: object) -> dict[str, Any]:
        """Handle one request and return the response in the gateway's format."""
        started = time.perf_counter()
        self._choose_level()
        route: str = event.get("routeKey", _DEFAULT)
        if route not in self._calls:
            route = _DEFAULT
        request = event["requestContext"]
        try:
            response = self._call_of(route, event)(event)
        except Exception as error:  # noqa: BLE001 bugs are logged, and become 500
            response = self._error_response(error, request["requestId"])
        result = _to_gateway_format(
            response,
            {**_HEADERS, **response.headers, "X-Request-Id": request["requestId"]},
            is_head=request["http"]["method"].upper() == "HEAD",
        )
        self._logger.info(
            "request",
            route=route,  # never the path: a username can be an address
            method=route.rpartition(" ")[0],  # never the client's spelling
            status=response.status,
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
            request_id=request["requestId"],
            subject=claims(event).get("sub", ""),
            cold_start=self._is_cold,
        )
        self._is_cold = False
        if self._metrics.metric_set:
            self._metrics.flush_metrics()
        return result

    def _choose_level(self) -> None:
        """Choose at random whether to log this request at DEBUG.

        setLevel() is called only if the level changes, because it clears all loggers' caches.
        """
        is_debugged = random.random() < self._debug_share  # noqa: S311 it keeps no secret
        if is_debugged is not self._is_debugged:
            level = logging.DEBUG if is_debugged else self._logger.initial_log_level
            self._logger.setLevel(level)
            self._is_debugged = is_debugged

    def _call_of(self, route: str, event: Event) -> Call:
        """Return the route's call.

        Raises:
            PathNotFound: No route has the path, or the path contradicts the route.
            MethodNotAllowed: The path has routes, but none for the method.
        """
        if route == _DEFAULT:
            allowed = routes.methods(event["rawPath"])
            if allowed and event["requestContext"]["http"]["method"] not in allowed:
                raise MethodNotAllowed(allowed)
            raise PathNotFound
        if not _is_consistent(event, route):
            raise PathNotFound
        return self._calls[route]

    def _error_response(self, error: Exception, request_id: str) -> Response:
        if isinstance(error, NotModified):
            return Response(HTTPStatus.NOT_MODIFIED, {"ETag": entity_tag(error.etag)})
        if isinstance(error, Unavailable):
            self._logger.warning("unavailable", reason=error.reason, request_id=request_id)
        found = problem(error, request_id)
        if found.status in _CONFLICTS:
            self._count("Conflicts")
        if found.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self._log_bug(error, request_id)
        return json_response(found.status, found.body, found.headers)

    def _log_bug(self, error: Exception, request_id: str) -> None:
        # Without the exception's text and source lines, which could hold a user's data.
        self._logger.error(
            "bug",
            exception_name=type(error).__qualname__,
            code=getattr(error, "code", None),  # why DynamoDB refused a request
            frames=[
                f"{_source(frame.filename)}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)
            ],
            request_id=request_id,
        )

    def _count(self, metric: str) -> None:
        self._metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)


def _is_consistent(event: Event, route: str) -> bool:
    """Return whether the event's paths and methods all agree with the route and its parameters."""
    method, _, template = route.partition(" ")
    request = event["requestContext"]
    path = routes.filled(template, event.get("pathParameters") or {})
    return (
        # AWS doesn't document whether the gateway decodes each of the two paths.
        all(path in {one, unquote(one)} for one in (event["rawPath"], request["http"]["path"]))
        and request["http"]["method"].upper() == method
        and request.get("routeKey") == route
    )


def _source(filename: str) -> str:
    """Return a file's path in the repository, or only its name if it is from elsewhere."""
    path = filename.removeprefix(_ROOT)
    return path if path != filename else Path(filename).name


def _to_gateway_format(
    response: Response, headers: dict[str, str], *, is_head: bool
) -> dict[str, Any]:
    body = response.body
    if is_head and body:
        # The length of GET's body (RFC 9110, section 8.6); the gateway would send 0.
        octets = body if isinstance(body, bytes) else body.encode()
        headers["Content-Length"] = str(len(octets))
        body = ""
    return {
        "statusCode": int(response.status),
        "headers": headers,
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": isinstance(body, bytes),
    }
