"""The calls for health checks and the API's documentation."""

from typing import Any, Final

from backend.api.openapi.operations import (
    BY_THE_GATEWAY,
    operation,
    parameter,
    path,
)
from backend.api.openapi.responses import Response, success
from backend.api.openapi.schemas import ref

TAG: Final = "service"

_PAGE: Final = {**BY_THE_GATEWAY, "500": "InternalError", "503": "NoAnswer"}
_FILE: Final = {**_PAGE, "304": "Unchanged", "400": "MalformedRequest"}
_FILE_HEADERS: Final = ("ETag", "Vary", "Content-Encoding")
_HEALTH: Final = {"429": "TooManyRequests", "500": "InternalError", "503": "Unavailable"}


def paths() -> dict[str, Any]:
    """Return the paths with their calls."""
    return {
        "/health": path(
            get=operation(
                "GET /health",
                "getHealth",
                "Check the health of the API",
                "Returns 200 if the API can reach its database. Needs no token.",
                {
                    "200": success(
                        "The API is healthy.", schema=ref("Health"), example={"status": "ok"}
                    ),
                    **_HEALTH,
                },
                tag=TAG,
            )
        ),
        "/": path(
            get=operation(
                "GET /",
                "getRoot",
                "Go to the documentation page",
                "Redirects to /docs, so that the address of the API works in a browser.",
                {"303": _redirect("docs"), **_PAGE},
                tag=TAG,
            )
        ),
        "/openapi.json": path(
            get=operation(
                "GET /openapi.json",
                "getOpenAPI",
                "Get this document",
                "Returns this document as JSON.",
                {
                    "200": success("The document.", *_FILE_HEADERS, schema={"type": "object"}),
                    **_FILE,
                },
                parameters=("If-None-Match",),
                tag=TAG,
            )
        ),
        "/docs": path(
            get=operation(
                "GET /docs",
                "getDocs",
                "Open the documentation page",
                "Returns an HTML page that documents the API and sends requests to it.",
                {"200": _page("The page.", "ETag"), **_FILE},
                parameters=("If-None-Match",),
                tag=TAG,
            )
        ),
        "/docs/{file}": {
            "parameters": [
                {
                    "name": "file",
                    "in": "path",
                    "required": True,
                    "description": "The name of the file.",
                    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]+$", "maxLength": 128},
                    "example": "page.css",
                }
            ],
            **path(
                get=operation(
                    "GET /docs/{file}",
                    "getDocsFile",
                    "Get a file of the documentation page",
                    "Returns a script, a style sheet or a licence of the documentation page.",
                    {
                        "200": _text(
                            success("The file.", *_FILE_HEADERS),
                            "text/javascript",
                            "text/css",
                            "text/plain",
                        ),
                        "404": "PathNotFound",
                        **_FILE,
                    },
                    parameters=("If-None-Match",),
                    tag=TAG,
                )
            ),
        },
        "/problems/{name}": {
            "parameters": [
                {
                    **parameter("name", "path", "The name of the problem type.", "user-not-found"),
                    "required": True,
                    "schema": ref("ProblemName"),
                }
            ],
            **path(
                get=operation(
                    "GET /problems/{name}",
                    "getProblem",
                    "Read about a problem type",
                    "Returns an HTML page that explains a problem type and what to do about it.",
                    {"200": _page("The page."), "404": "PathNotFound", **_PAGE},
                    tag=TAG,
                )
            ),
        },
    }


def _redirect(location: str) -> Response:
    response = success("Another page is at Location.")
    response["headers"]["Location"] = {
        "description": "Its address, relative to this one.",
        "required": True,
        "schema": {"type": "string", "enum": [location]},
    }
    return response


def _page(description: str, *names: str) -> Response:
    isolation = ("Content-Security-Policy", "Cross-Origin-Opener-Policy", "Referrer-Policy")
    return _text(success(description, *isolation, *names), "text/html")


def _text(answer: Response, *media_types: str) -> Response:
    """Add content of these media types, without schemas, to a response."""
    return {**answer, "content": {media_type: {} for media_type in media_types}}
