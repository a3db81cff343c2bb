"""The documentation: the OpenAPI document, a page to try the API, and a page per problem type.

Imported only for these calls, so that no other call pays for it.
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

from backend.api.runtime.errors import (
    PathNotFound,
)
from backend.api.runtime.preconditions import Preconditions, entity_tag
from backend.api.runtime.problems import PROBLEM_TYPES, ProblemType, problem
from backend.api.runtime.response import Response

# The API's own pages, and the files that backend/api/asset.py adds to them.
FOLDER: Final = Path(__file__).parent / "static"

_HTML: Final = "text/html; charset=utf-8"
_CSS: Final = "text/css; charset=utf-8"
_SCRIPT: Final = "text/javascript; charset=utf-8"
_TEXT: Final = "text/plain; charset=utf-8"


class _File(NamedTuple):
    """A file to serve.

    Attributes:
        name: Its name in FOLDER. If it ends in .gz, the file is compressed.
        media_type: Its media type, uncompressed.
    """

    name: str
    media_type: str


# The files by their paths. A file's name is never made from a request's path.
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
_PROBLEM_PAGES: Final = {f"/problems/{kind.name}": kind for kind in PROBLEM_TYPES.values()}

# Content security policies: nothing from other origins, nothing inline, no eval. Text that was
# injected into the document can't run as a script, and can't send a token elsewhere.
_STATIC_POLICY: Final = (
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
_DOCS_POLICY: Final = (*_STATIC_POLICY, "script-src 'self'", "connect-src 'self'")

_EXAMPLE_ID: Final = "JKJaXmPLvHcESHA="


def get(path: str, headers: Mapping[str, str]) -> Response:
    """Return the page or the file at a path.

    Args:
        path: The request's path.
        headers: The request's headers, with lower-case names.

    Raises:
        PathNotFound: There is nothing at the path.
        MalformedRequest: A precondition can't be parsed.
    """
    if path in _PROBLEM_PAGES:
        return _page(_problem_page(_PROBLEM_PAGES[path]), _STATIC_POLICY, {})
    if path == _PROBLEM_STYLE:
        return Response(200, {"Content-Type": _CSS}, _text("page.css"))
    if path == "/":
        # The page describes the API, which has nothing of its own here (RFC 9110, section 15.4.4).
        # Relative, so that it also works where a proxy serves the API under a path.
        return Response(HTTPStatus.SEE_OTHER, {"Location": "docs"})
    if path not in _FILES:
        raise PathNotFound
    return _file(_FILES[path], headers)


def _file(file: _File, request: Mapping[str, str]) -> Response:
    """Return a file, compressed if it is stored so and the client accepts it, or 304."""
    content = (FOLDER / file.name).read_bytes()
    etag = hashlib.sha256(content).hexdigest()[:24]
    # Caches must revalidate, because the names stay the same when the content changes.
    headers = {"Cache-Control": "no-cache"}
    is_compressed = False
    if file.name.endswith(".gz"):
        headers["Vary"] = "Accept-Encoding"
        is_compressed = _accepts_gzip(request.get("accept-encoding", ""))
        if is_compressed:
            etag += "-gzip"  # a strong ETag identifies the bytes
        else:
            content = gzip.decompress(content)
    headers["ETag"] = entity_tag(etag)
    if Preconditions.of(request).is_known(etag):
        return Response(HTTPStatus.NOT_MODIFIED, headers)
    if file.media_type == _HTML:
        return _page(content.decode(), _DOCS_POLICY, headers)
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


def _accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding allows gzip (RFC 9110, section 12.5.3)."""
    weights = {}
    for coding in accept_encoding.lower().split(","):
        name, *parameters = (part.strip() for part in coding.split(";"))
        weights[name] = not any(re.fullmatch(r"q\s*=\s*0(\.0*)?", part) for part in parameters)
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", False)))


def _problem_page(kind: ProblemType) -> str:
    example = problem(kind.example, _EXAMPLE_ID)
    lines = [f"HTTP/1.1 {kind.status} {HTTPStatus(kind.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in example.headers.items()]
    lines += ["", json.dumps(example.body, indent=2)]
    values = {
        "title": kind.title,
        "name": kind.name,
        "status": f"{kind.status} {HTTPStatus(kind.status).phrase}",
        "meaning": kind.meaning,
        "remedy": kind.remedy,
        "example": "\n".join(lines),
    }
    escaped = {name: html.escape(value) for name, value in values.items()}
    return Template(_text("problem.html")).substitute(escaped)


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
