"""A user's life in a few seconds: each kind of call that reads or writes a user."""

from typing import Any, Final

from backend.rollout.runtime.version import Response, UnexpectedResponse, Version

_USER: Final = "/users/{username}"
_STATE: Final = "changed"
_CONFLICT: Final = 409


class RoundTrip:
    """The calls that create, read, change, list and delete one user.

    Args:
        version: The version to call.
        username: The user's.

    Attributes:
        may_have_left_a_user: Whether there may be a user that this round trip created.
    """

    def __init__(self, version: Version, username: str) -> None:
        self._version = version
        self._username = username
        self.may_have_left_a_user = False

    def run(self) -> None:
        """Make all calls.

        Raises:
            UnexpectedResponse: A response is not as it should be. No further calls are made.
        """
        health = self._version.call("health", "GET /health", expected=(200,))
        _compare("health", health.document, {"status": "ok"})
        created = self._create()
        read = self._call("read", "GET", expected=200)
        _compare("read", read.document, created.document)
        _compare("read", read.headers, {"etag": _etag("create", created)})
        changed = self._change(created)
        self._list(changed)
        self._call("delete", "DELETE", if_match=_etag("change", changed), expected=204)
        gone = self._call("gone", "GET", expected=404)
        _compare("gone", gone.document, {"type": "/problems/user-not-found"})
        self.may_have_left_a_user = False

    def _create(self) -> Response:
        # A domain that nobody owns: https://www.rfc-editor.org/rfc/rfc2606#section-3
        user = {"username": self._username, "email": f"{self._username}@example.com"}
        # No Idempotency-Key: its record would stay in the table for a day.
        self.may_have_left_a_user = True
        try:
            created = self._version.call("create", "POST /users", body=user, expected=(201,))
        except UnexpectedResponse as failure:
            # The user may be somebody else's: it stays.
            self.may_have_left_a_user = failure.status != _CONFLICT
            raise
        _compare("create", created.document, {**user, "status": "active", "version": 1})
        return created

    def _change(self, created: Response) -> Response:
        changed = self._call(
            "change",
            "PATCH",
            body={"state": _STATE},
            if_match=_etag("create", created),
            expected=200,
        )
        kept = {name: value for name, value in created.document.items() if name != "updated_at"}
        _compare("change", changed.document, {**kept, "state": _STATE, "version": 2})
        return changed

    def _list(self, changed: Response) -> None:
        query = f"username_prefix={self._username}"
        listed = self._version.call("list", "GET /users", query=query, expected=(200,))
        _compare("list", listed.document, {"users": [changed.document]})

    def _call(self, step: str, method: str, *, expected: int, **options: Any) -> Response:
        route = f"{method} {_USER}"
        return self._version.call(
            step, route, username=self._username, expected=(expected,), **options
        )


def _etag(step: str, response: Response) -> str:
    if etag := response.headers.get("etag"):
        return etag
    raise UnexpectedResponse(step, "no ETag")


def _compare(step: str, found: Any, expected: dict[str, Any]) -> None:
    if not isinstance(found, dict):
        raise UnexpectedResponse(step, "the body is no object")
    wrong = [name for name, value in expected.items() if found.get(name) != value]
    if wrong:
        raise UnexpectedResponse(step, f"missing or wrong: {', '.join(wrong)}")
