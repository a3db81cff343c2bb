"""The headers If-Match and If-None-Match (RFC 9110, section 13)."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from backend.api.runtime.errors import MalformedRequest, NotModified, PreconditionFailed
from backend.users.models import User

_OPAQUE_TAG = r'"[\x21\x23-\x7e\x80-\xff]*"'
_ENTITY_TAG = re.compile(rf"(?P<weak>W/)?(?P<tag>{_OPAQUE_TAG})")
_ANY_TAG = rf"(?:W/)?{_OPAQUE_TAG}"
ENTITY_TAGS: Final = rf"[ \t,]*{_ANY_TAG}(?:[ \t]*,[ \t,]*{_ANY_TAG})*[ \t,]*"
_LIST = re.compile(ENTITY_TAGS)
_ANY = "*"


class _Condition(NamedTuple):
    """The entity tags in a header, with their quotes; both None for `*`.

    Attributes:
        strong: The tags for strong comparison, without those that are weak.
        weak: The tags for weak comparison: all, without W/.
    """

    strong: frozenset[str] | None
    weak: frozenset[str] | None


class Preconditions(NamedTuple):
    """A request's preconditions; None for a header that it doesn't have."""

    if_match: _Condition | None
    if_none_match: _Condition | None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Preconditions":
        """Read the preconditions from a request's headers, whose names must be in lower case.

        Raises:
            MalformedRequest: A header can't be parsed.
        """
        return cls(_parsed(headers, "if-match"), _parsed(headers, "if-none-match"))

    def check(self, user: User, *, safe: bool) -> None:
        """Check the preconditions against a user's state.

        Args:
            user: The state.
            safe: Whether the method is safe (GET or HEAD).

        Raises:
            PreconditionFailed: A precondition fails.
            NotModified: If-None-Match fails and the method is safe.
        """
        if self.if_match and not _matches(self.if_match.strong, user.etag):
            raise PreconditionFailed
        if self.is_known(user.etag):
            raise NotModified(user.etag) if safe else PreconditionFailed

    def is_known(self, etag: str) -> bool:
        """Return whether the client already has this state, by its If-None-Match."""
        return bool(self.if_none_match and _matches(self.if_none_match.weak, etag))


def entity_tag(etag: str) -> str:
    """Return a state's `etag` as an entity tag, with quotes."""
    return f'"{etag}"'


def _matches(tags: frozenset[str] | None, etag: str) -> bool:
    return tags is None or entity_tag(etag) in tags


def _parsed(headers: Mapping[str, str], name: str) -> _Condition | None:
    value = headers.get(name)
    if value is None:
        return None
    if value.strip() == _ANY:
        return _Condition(None, None)
    if not _LIST.fullmatch(value):
        raise MalformedRequest(f"Send in {name} an ETag as it was received, with its quotes, or *.")
    tags = list(_ENTITY_TAG.finditer(value))
    # A weak tag never matches in the strong comparison that If-Match requires.
    return _Condition(
        strong=frozenset(t["tag"] for t in tags if not t["weak"]),
        weak=frozenset(t["tag"] for t in tags),
    )
