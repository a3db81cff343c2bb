"""If-Match and If-None-Match (RFC 9110, section 13), on strong entity tags."""

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
    """Entity tags that were listed, with their quotes; both None for `*`."""

    strong: frozenset[str] | None
    weak: frozenset[str] | None


class Preconditions(NamedTuple):
    """The conditions that a request sets; None for one that it doesn't."""

    if_match: _Condition | None
    if_none_match: _Condition | None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Preconditions":
        """headers: with lower-case names. Raises MalformedRequest."""
        return cls(_parsed(headers, "if-match"), _parsed(headers, "if-none-match"))

    def check(self, user: User, *, safe: bool) -> None:
        """Raises PreconditionFailed, or NotModified where the method is safe (GET, HEAD)."""
        if self.if_match and not _matches(self.if_match.strong, user.etag):
            raise PreconditionFailed
        if self.is_known(user.etag):
            raise NotModified(user.etag) if safe else PreconditionFailed

    def is_known(self, etag: str) -> bool:
        """Whether If-None-Match says that the client has this state already."""
        return bool(self.if_none_match and _matches(self.if_none_match.weak, etag))


def entity_tag(etag: str) -> str:
    """The ETag field of the state that `etag` names."""
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
    # A weak tag never equals by the strong comparison that If-Match demands.
    return _Condition(
        strong=frozenset(t["tag"] for t in tags if not t["weak"]),
        weak=frozenset(t["tag"] for t in tags),
    )
