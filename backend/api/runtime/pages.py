"""What a person reads: the API's document, a page to try it, and a page for each problem type.

Imported only when one of them is asked for: no other call pays for it.
"""

import gzip
import hashlib
import html
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from string import Template
from typing import Final, NamedTuple

from backend.api.runtime.bodies import MAX_BYTES
from backend.api.runtime.errors import (
    ContentTooLarge,
    MalformedRequest,
    MethodNotAllowed,
    PathNotFound,
    UnsupportedMediaType,
)
from backend.api.runtime.explanations import EXPLANATIONS
from backend.api.runtime.preconditions import Preconditions, entity_tag
from backend.api.runtime.problems import INTERNAL_ERROR, PROBLEM_TYPES, ProblemType, problem
from backend.api.runtime.response import Response
from backend.users.errors import Fault, InvalidUser, Unavailable

# Our own pages, and what asset.py adds to them.
FOLDER: Final = Path(__file__).parent / "static"

_HTML: Final = "text/html; charset=utf-8"
_CSS: Final = "text/css; charset=utf-8"
_SCRIPT: Final = "text/javascript; charset=utf-8"
_TEXT: Final = "text/plain; charset=utf-8"


class _File(NamedTuple):
    """name: in the folder; one that ends in .gz is kept compressed."""

    name: str
    media_type: str


# All that can be had; a path is never made into the name of a file.
_FILES: Final = {
    "/openapi.json": _File("openapi.json.gz", "application/json"),
    "/docs": _File("docs.html", _HTML),
    "/docs/page.css": _File("page.css", _CSS),
    "/docs/docs.css": _File("docs.css", _CSS),
    "/docs/docs.js": _File("docs.js", _SCRIPT),
    "/docs/swagger-ui.css": _File("swagger-ui/swagger-ui.css.gz", _CSS),
    "/docs/swagger-ui-bundle.js": _File("swagger-ui/swagger-ui-bundle.js.gz", _SCRIPT),
    # The bundle's first line refers to it by this name.
    "/docs/swagger-ui-bundle.js.LICENSE.txt": _File(
        "swagger-ui/swagger-ui-bundle.js.LICENSE.txt", _TEXT
    ),
}
_PROBLEM_STYLE: Final = "/problems/page.css"
_PROBLEM_PAGES: Final = {
    f"/problems/{kind.name}": (kind, error) for error, kind in PROBLEM_TYPES.items()
} | {f"/problems/{INTERNAL_ERROR.name}": (INTERNAL_ERROR, Exception)}

# Nothing from elsewhere, nothing inline, no eval: a text that someone got into the document
# can't become a script, and can't send a token away.
_READ_ONLY: Final = (
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
_TRIES: Final = (*_READ_ONLY, "script-src 'self'", "connect-src 'self'")

# Those of which the name alone doesn't say how one looks.
_EXAMPLES: Final[dict[type[Exception], Exception]] = {
    MalformedRequest: MalformedRequest("Send a body that is JSON."),
    MethodNotAllowed: MethodNotAllowed(("GET", "HEAD", "PUT", "PATCH", "DELETE")),
    ContentTooLarge: ContentTooLarge(f"Send at most {MAX_BYTES} bytes."),
    UnsupportedMediaType: UnsupportedMediaType(("application/json",), "Accept"),
    InvalidUser: InvalidUser([Fault("/email", "must be an email address")]),
    Unavailable: Unavailable(""),
}
_EXAMPLE_ID: Final = "JKJaXmPLvHcESHA="


def answer(path: str, headers: Mapping[str, str]) -> Response:
    """What is at a path, for a request with these headers. Raises PathNotFound, MalformedRequest.

    headers: with lower-case names.
    """
    if path in _PROBLEM_PAGES:
        return _page(_problem_page(*_PROBLEM_PAGES[path]), _READ_ONLY, {})
    if path == _PROBLEM_STYLE:
        return Response(200, {"Content-Type": _CSS}, _text("page.css"))
    if path not in _FILES:
        raise PathNotFound
    return _file(_FILES[path], headers)


def _file(file: _File, request: Mapping[str, str]) -> Response:
    """The file, compressed when it is kept so and the client takes it; or 304."""
    content = (FOLDER / file.name).read_bytes()
    etag = hashlib.sha256(content).hexdigest()[:24]
    # The names stay when the content changes: it may be kept, and is asked for each time.
    headers = {"Cache-Control": "no-cache"}
    is_compressed = False
    if file.name.endswith(".gz"):
        headers["Vary"] = "Accept-Encoding"
        is_compressed = _takes_gzip(request.get("accept-encoding", ""))
        if is_compressed:
            etag += "-gzip"  # a strong tag names bytes
        else:
            content = gzip.decompress(content)
    headers["ETag"] = entity_tag(etag)
    if Preconditions.of(request).is_known(etag):
        return Response(HTTPStatus.NOT_MODIFIED, headers)
    if file.media_type == _HTML:
        return _page(content.decode(), _TRIES, headers)
    headers["Content-Type"] = file.media_type
    if not is_compressed:
        return Response(200, headers, content.decode())
    headers["Content-Encoding"] = "gzip"
    return Response(200, headers, content)


def _page(body: str, policy: tuple[str, ...], headers: dict[str, str]) -> Response:
    isolation = {
        "Content-Type": _HTML,
        "Content-Security-Policy": "; ".join(policy),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
    }
    return Response(200, {**headers, **isolation}, body)


def _takes_gzip(accept_encoding: str) -> bool:
    """Whether the field allows gzip (RFC 9110, section 12.5.3)."""
    weights = {}
    for coding in accept_encoding.lower().split(","):
        name, *parameters = (part.strip() for part in coding.split(";"))
        weights[name] = not any(re.fullmatch(r"q\s*=\s*0(\.0*)?", part) for part in parameters)
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", False)))


def _problem_page(kind: ProblemType, error: type[Exception]) -> str:
    explanation = EXPLANATIONS[kind.name]
    example = problem(_EXAMPLES.get(error) or error(), _EXAMPLE_ID)
    lines = [f"HTTP/1.1 {kind.status} {HTTPStatus(kind.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in example.headers.items()]
    lines += ["", json.dumps(example.body, indent=2)]
    values = {
        "title": kind.title,
        "name": kind.name,
        "status": f"{kind.status} {HTTPStatus(kind.status).phrase}",
        "meaning": explanation.meaning,
        "remedy": explanation.remedy,
        "example": "\n".join(lines),
    }
    escaped = {name: html.escape(value) for name, value in values.items()}
    return Template(_text("problem.html")).substitute(escaped)


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
