"""The API's calls: each reads a request, calls the repository and returns an HTTP response."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from backend.api.routes import ROUTES
from backend.api.runtime import bodies, idempotency
from backend.api.runtime.listing import next_page, read_listing, read_query
from backend.api.runtime.preconditions import Preconditions, entity_tag
from backend.api.runtime.response import Response
from backend.users import validation
from backend.users.errors import UserNotFound
from backend.users.models import Document, User
from backend.users.repository import UserRepository

type Event = dict[str, Any]
type Call = Callable[[Event], Response]


class Calls:
    """The calls, which take the gateway's event (payload format 2.0).

    Each may raise a RequestError or a DomainError.

    Args:
        users: The store of users.
        count: Adds 1 to the metric whose name it is given.
    """

    def __init__(self, users: UserRepository, count: Callable[[str], None]) -> None:
        self._users = users
        self._count = count

    def by_route(self) -> Mapping[str, Call]:
        """Return the calls by their routes' keys."""
        return {route.key: getattr(self, route.call) for route in ROUTES}

    def create(self, event: Event) -> Response:
        """Create a user, or repeat the response to an earlier create with the same key."""
        _refuse_query(event)
        document = bodies.read_object(event, bodies.JSON, header="Accept")
        key = idempotency.read_key(event["headers"], claims(event), document)
        user = validation.parse_new_user(document)
        created = self._users.create(user, key)
        headers = {"Location": f"/users/{created.username}"}
        if created is user:
            self._count("UsersCreated")
        else:
            self._count("Replays")
            headers["Idempotency-Replayed"] = "true"
        return _user_response(created, status=201, headers=headers)

    def list_users(self, event: Event) -> Response:
        """Return a page of the users that the query asks for."""
        listing = read_listing(_query(event))
        page = self._users.list_users(listing)
        document: Document = {"users": [user.to_document() for user in page.users]}
        headers = {}
        if page.more:
            cursor, reference = next_page(listing, page.users[-1].username)
            document["next_cursor"] = cursor
            headers["Link"] = f'<{reference}>; rel="next"'
        return json_response(200, document, headers)

    def get(self, event: Event) -> Response:
        """Return a user."""
        _refuse_query(event)
        preconditions = Preconditions.of(event["headers"])
        user = self._users.get(_username(event))
        preconditions.check(user, safe=True)
        return _user_response(user)

    def replace(self, event: Event) -> Response:
        """Replace all writable members of a user."""
        _refuse_query(event)
        preconditions = Preconditions.of(event["headers"])
        username = _username(event)
        document = bodies.read_object(event, bodies.JSON, header="Accept")
        members = validation.parse_replacement(document, username=username)

        def change(user: User) -> User:
            preconditions.check(user, safe=False)
            return user.changed(members)

        return _user_response(self._update(username, change))

    def patch(self, event: Event) -> Response:
        """Merge a patch into a user."""
        _refuse_query(event)
        preconditions = Preconditions.of(event["headers"])
        username = _username(event)
        patch = bodies.read_object(event, bodies.MERGE_PATCH, header="Accept-Patch")

        def change(user: User) -> User:
            preconditions.check(user, safe=False)
            members = validation.parse_merge_patch(patch, user.members, username=username)
            return user.changed(members)

        return _user_response(self._update(username, change))

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

    def delete(self, event: Event) -> Response:
        """Remove a user."""
        _refuse_query(event)
        preconditions = Preconditions.of(event["headers"])

        def permit(user: User) -> None:
            preconditions.check(user, safe=False)

        self._users.delete(_username(event), permit)
        self._count("UsersDeleted")
        return Response(204, {})

    def health(self, _event: Event) -> Response:
        """Check that the store can be reached."""
        self._users.check()
        return json_response(200, {"status": "ok"}, {})

    def page(self, event: Event) -> Response:
        """Return a page or a file of the documentation."""
        from backend.api.runtime import pages  # noqa: PLC0415 other calls don't need it

        return pages.get(event["rawPath"], event["headers"])


def claims(event: Event) -> Mapping[str, str]:
    """Return the token's claims; none if the route needs no token."""
    found: Mapping[str, str] | None = (
        event["requestContext"].get("authorizer", {}).get("jwt", {}).get("claims")
    )
    return found or {}


def json_response(status: int, body: Document, headers: Mapping[str, str]) -> Response:
    """Return a response with a JSON body; `headers` may replace the media type application/json."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(status, {"Content-Type": "application/json", **headers}, text)


def _user_response(
    user: User, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return json_response(
        status, user.to_document(), {"ETag": entity_tag(user.etag), **(headers or {})}
    )


def _username(event: Event) -> str:
    """Return the username in the path as it is stored.

    Raises:
        UserNotFound: It isn't valid, so no user has it.
    """
    normalized = validation.normalized_username(event["pathParameters"]["username"])
    if normalized is None:
        raise UserNotFound
    return normalized


def _query(event: Event) -> str:
    # Not queryStringParameters: there, the gateway joins repeated parameters with commas.
    query: str = event.get("rawQueryString", "")
    return query


def _refuse_query(event: Event) -> None:
    read_query(_query(event))
