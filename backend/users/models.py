"""The user, an immutable record of one state."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from backend.users.schema import READ_ONLY, WRITABLE

type Document = dict[str, Any]
"""A JSON object, decoded."""

type Members = Mapping[str, Any]
"""A user's writable members: each valid against its schema, none null."""


class User(NamedTuple):
    """One state of a user.

    Attributes:
        username: In lower case.
        members: The writable members.
        created_at: RFC 3339 in UTC, with milliseconds.
        updated_at: RFC 3339 in UTC, with milliseconds.
        version: 1 at creation, one more with every change.
        etag: Unique to this state, even among users who had the username before.
    """

    username: str
    members: Members
    created_at: str
    updated_at: str
    version: int
    etag: str

    @classmethod
    def new(cls, username: str, members: Members) -> "User":
        """Return the first state of a user."""
        now = _now()
        return cls(username, members, now, now, 1, _new_etag())

    def changed(self, members: Members) -> "User":
        """Return the next state, with these members; this very state if they are the same."""
        if _canonical(members) == _canonical(self.members):
            return self
        # Never goes back, even if the clock does.
        updated_at = max(_now(), self.updated_at)
        return self._replace(
            members=members, updated_at=updated_at, version=self.version + 1, etag=_new_etag()
        )

    def to_document(self) -> Document:
        """Return the user as clients see it."""
        return {
            "username": self.username,
            **{name: self.members[name] for name in WRITABLE if name in self.members},
            **{name: getattr(self, name) for name in READ_ONLY},
        }


def _canonical(members: Members) -> str:
    """Return a text to compare members by: in Python, 1, 1.0 and True would be equal."""
    return json.dumps(members, sort_keys=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _new_etag() -> str:
    return os.urandom(12).hex()
