"""The user, and how its states follow from one another."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from backend.users.schema import READ_ONLY, WRITABLE

type Document = dict[str, Any]
"""A JSON object, decoded."""

type Members = Mapping[str, Any]
"""The writable members that a user has; each follows its schema, none is null."""


class User(NamedTuple):
    """One state of a user.

    created_at, updated_at: RFC 3339 in UTC, with milliseconds.
    version: 1 at creation, one more with every change.
    etag: names this state and no other, also among users that had the username before.
    """

    username: str
    members: Members
    created_at: str
    updated_at: str
    version: int
    etag: str

    @classmethod
    def new(cls, username: str, members: Members) -> "User":
        """The first state of a user."""
        now = _now()
        return cls(username, members, now, now, 1, _new_etag())

    def changed(self, members: Members) -> "User":
        """The state with these members; this very state when they are the ones that it has."""
        if _canonical(members) == _canonical(self.members):
            return self
        # A clock that was set back must not make the change older than what it changes.
        updated_at = max(_now(), self.updated_at)
        return self._replace(
            members=members, updated_at=updated_at, version=self.version + 1, etag=_new_etag()
        )

    def to_document(self) -> Document:
        """The user as clients see it."""
        return {
            "username": self.username,
            **{name: self.members[name] for name in WRITABLE if name in self.members},
            **{name: getattr(self, name) for name in READ_ONLY},
        }


def _canonical(members: Members) -> str:
    """Equal for equal members only; 1, 1.0 and true, which Python takes for equal, differ."""
    return json.dumps(members, sort_keys=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _new_etag() -> str:
    return os.urandom(12).hex()
