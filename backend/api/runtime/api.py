"""The calls: each reads a request, asks the port, and says the answer in HTTP."""

import json
import logging
import random
import re
import time
import traceback
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

import bodies
import idempotency
import parsing
from errors import MethodNotAllowed, NotModified, PathNotFound, Unavailable, UserNotFound
from listing import next_page, read_listing, read_query
from models import Document, User
from preconditions import Preconditions, entity_tag
from problems import problem
from users import Users

type Event = dict[str, Any]
type Answer = dict[str, Any]

_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_USER_PATH: Final = "/users/<username>"
# Another writer was first.
_CONFLICTS: Final = (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)


class UserAPI:
    """The Lambda handler: takes HTTP API events (payload format 2.0), returns answers."""

    def __init__(self, users: Users, logger: Logger, metrics: EphemeralMetrics) -> None:
        self._users = users
        self._logger = logger
        self._metrics = metrics
        self._is_cold = True
        self._debug_share = float(logger.sampling_rate or 0)
        # Unknown where the logger has drawn, too, when it was made.
        self._is_debugged: bool | None = None if self._debug_share else False
        self._app = APIGatewayHttpResolver()
        self._routes: list[tuple[str, tuple[str, ...]]] = []
        self._route("/users", ("POST",), self._create)
        self._route("/users", ("GET", "HEAD"), self._list)
        self._route(_USER_PATH, ("GET", "HEAD"), self._get)
        self._route(_USER_PATH, ("PUT",), self._replace)
        self._route(_USER_PATH, ("PATCH",), self._patch)
        self._route(_USER_PATH, ("DELETE",), self._delete)
        self._route("/health", ("GET", "HEAD"), self._health)
        for path in ("/openapi.json", "/docs", "/docs/<name>", "/problems/<name>"):
            self._route(path, ("GET", "HEAD"), self._page)
        self._app.not_found(self._no_route)
        self._app.exception_handler(Exception)(self._failed)

    def __call__(self, event: Event, context: LambdaContext) -> Answer:
        """Answer one request."""
        started = time.perf_counter()
        self._choose_level()
        # The router's patterns end in $, which a line feed may follow.
        routed = {**event, "rawPath": event["rawPath"].replace("\n", "%0A")}
        answer: Answer = self._app.resolve(routed, context)
        request = event["requestContext"]
        answer["headers"] = {**_HEADERS, **answer["headers"], "X-Request-Id": request["requestId"]}
        if request["http"]["method"] == "HEAD":
            answer["body"] = ""
        self._logger.info(
            "request",
            route=event["routeKey"],  # never the path: a username can be an address
            method=request["http"]["method"],
            status=answer["statusCode"],
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
            request_id=request["requestId"],
            subject=_subject(event),
            cold_start=self._is_cold,
        )
        self._is_cold = False
        if self._metrics.metric_set:
            self._metrics.flush_metrics()
        return answer

    def _choose_level(self) -> None:
        """DEBUG for a share of the requests.

        Only a change is told to the logger: each time all loggers forget what they log.
        """
        is_debugged = random.random() < self._debug_share  # noqa: S311 it keeps no secret
        if is_debugged is not self._is_debugged:
            level = logging.DEBUG if is_debugged else self._logger.initial_log_level
            self._logger.setLevel(level)
            self._is_debugged = is_debugged

    def _route(
        self, path: str, methods: tuple[str, ...], call: Callable[..., Response[str]]
    ) -> None:
        self._app.route(path, method=list(methods))(call)
        self._routes.append((path, methods))

    def _create(self) -> Response[str]:
        self._refuse_query()
        document = self._body(bodies.JSON, refused_with="Accept")
        event = self._app.current_event.raw_event
        attempt = idempotency.read_attempt(event["headers"], _subject(event), document)
        user = parsing.parse_new_user(document)
        created = self._users.create(user, attempt)
        headers = {"Location": f"/users/{created.username}"}
        if created is user:
            self._count("UsersCreated")
        else:
            self._count("Replays")
            headers["Idempotency-Replayed"] = "true"
        return _user_answer(created, status=201, headers=headers)

    def _list(self) -> Response[str]:
        listing = read_listing(self._query())
        page = self._users.list_users(listing)
        document: Document = {"users": [user.to_document() for user in page.users]}
        headers = {}
        if page.more:
            cursor, reference = next_page(listing, page.users[-1].username)
            document["next_cursor"] = cursor
            headers["Link"] = f'<{reference}>; rel="next"'
        return _json_answer(200, document, headers)

    def _get(self, username: str) -> Response[str]:
        self._refuse_query()
        preconditions = self._preconditions()
        user = self._users.get(_known(username))
        preconditions.check(user, safe=True)
        return _user_answer(user)

    def _replace(self, username: str) -> Response[str]:
        self._refuse_query()
        preconditions = self._preconditions()
        username = _known(username)
        document = self._body(bodies.JSON, refused_with="Accept")
        members = parsing.parse_replacement(document, username=username)

        def replace(user: User) -> User:
            preconditions.check(user, safe=False)
            return user.changed(members)

        return _user_answer(self._update(username, replace))

    def _patch(self, username: str) -> Response[str]:
        self._refuse_query()
        preconditions = self._preconditions()
        username = _known(username)
        patch = self._body(bodies.MERGE_PATCH, refused_with="Accept-Patch")

        def merge(user: User) -> User:
            preconditions.check(user, safe=False)
            members = parsing.parse_merge_patch(patch, user.members, username=username)
            return user.changed(members)

        return _user_answer(self._update(username, merge))

    def _update(self, username: str, change: Callable[[User], User]) -> User:
        before: User | None = None

        def observed(user: User) -> User:
            nonlocal before
            before = user
            return change(user)

        after = self._users.update(username, observed)
        if after is not before:
            self._count("UsersChanged")
        return after

    def _delete(self, username: str) -> Response[str]:
        self._refuse_query()
        preconditions = self._preconditions()

        def permit(user: User) -> None:
            preconditions.check(user, safe=False)

        self._users.delete(_known(username), permit)
        self._count("UsersDeleted")
        return Response(204, body="")

    def _health(self) -> Response[str]:
        self._users.check()
        return _json_answer(200, {"status": "ok"}, {})

    def _page(self, **_: str) -> Response[str]:
        import pages  # noqa: PLC0415 what only people ask for costs no other call anything

        return pages.answer(self._app.current_event.path, self._app.current_event.headers)

    def _no_route(self, _error: Exception) -> Response[str]:
        event = self._app.current_event
        allowed = [
            method
            for path, methods in self._routes
            if re.fullmatch(re.sub("<[a-z]+>", "[^/]+", re.escape(path)), event.path)
            for method in methods
        ]
        # The router finds no route for characters that no username has.
        if event.http_method in allowed:
            is_user = event.path.startswith("/users/")
            return self._failed(UserNotFound() if is_user else PathNotFound())
        return self._failed(MethodNotAllowed(tuple(allowed)) if allowed else PathNotFound())

    def _failed(self, error: Exception) -> Response[str]:
        request_id = self._app.current_event.request_context.request_id
        if isinstance(error, NotModified):
            return Response(304, body="", headers={"ETag": entity_tag(error.etag)})
        if isinstance(error, Unavailable):
            self._logger.warning("unavailable", reason=error.reason, request_id=request_id)
        answer = problem(error, request_id)
        if answer.status in _CONFLICTS:
            self._count("Conflicts")
        if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self._log_bug(error, request_id)
        return _json_answer(answer.status, answer.body, answer.headers)

    def _log_bug(self, error: Exception, request_id: str) -> None:
        # Neither the exception's text nor any source line: both could hold a user's data.
        self._logger.error(
            "bug",
            exception_name=type(error).__qualname__,
            frames=[
                f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)
            ],
            request_id=request_id,
        )

    def _query(self) -> str:
        # The gateway joins repeated parameters with commas everywhere else.
        query: str = self._app.current_event.raw_event.get("rawQueryString", "")
        return query

    def _refuse_query(self) -> None:
        read_query(self._query())

    def _count(self, metric: str) -> None:
        self._metrics.add_metric(name=metric, unit=MetricUnit.Count, value=1)

    def _body(self, accepted: tuple[str, ...], *, refused_with: str) -> Document:
        return bodies.read_object(self._app.current_event.raw_event, accepted, header=refused_with)

    def _preconditions(self) -> Preconditions:
        # Their names are lower-case. What Powertools makes of them costs more than reading them.
        return Preconditions.of(self._app.current_event.raw_event["headers"])


def _subject(event: Event) -> str:
    """The token's: who calls. The same for all where nobody needs a token."""
    authorizer = event["requestContext"].get("authorizer", {})
    return str(authorizer.get("jwt", {}).get("claims", {}).get("sub", ""))


def _known(username: str) -> str:
    """The username as it is stored; what can't be one is no user's."""
    normalized = parsing.normalized_username(username)
    if normalized is None:
        raise UserNotFound
    return normalized


def _user_answer(
    user: User, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response[str]:
    return _json_answer(
        status,
        user.to_document(),
        {"Content-Type": "application/json", "ETag": entity_tag(user.etag), **(headers or {})},
    )


def _json_answer(status: int, body: Document, headers: dict[str, str]) -> Response[str]:
    return Response(
        status,
        content_type=headers.get("Content-Type", "application/json"),
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        headers=headers,
    )
