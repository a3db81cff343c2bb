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
                "Ask whether the API works",
                "Answers 200 when the API can reach its database. Needs no token.",
                {
                    "200": success("It works.", schema=ref("Health"), example={"status": "ok"}),
                    **_HEALTH,
                },
                tag=TAG,
            )
        ),
        "/openapi.json": path(
            get=operation(
                "GET /openapi.json",
                "getOpenAPI",
                "Get this document",
                "Gives this document, as JSON.",
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
                "Open the documentation",
                "Gives a page in which a person reads and tries the API.",
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
                    "description": "A file's name.",
                    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]+$", "maxLength": 128},
                    "example": "page.css",
                }
            ],
            **path(
                get=operation(
                    "GET /docs/{file}",
                    "getDocsFile",
                    "Get a file of the documentation",
                    "Gives a file that the page of the documentation needs.",
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
                    **parameter("name", "path", "A problem type's name.", "user-not-found"),
                    "required": True,
                    "schema": ref("ProblemName"),
                }
            ],
            **path(
                get=operation(
                    "GET /problems/{name}",
                    "getProblem",
                    "Read about a problem type",
                    "Gives a page that says what a problem type means, and what to do.",
                    {"200": _page("The page."), "404": "PathNotFound", **_PAGE},
                    tag=TAG,
                )
            ),
        },
    }


def _page(description: str, *names: str) -> Response:
    isolation = ("Content-Security-Policy", "Cross-Origin-Opener-Policy", "Referrer-Policy")
    return _text(success(description, *isolation, *names), "text/html")


def _text(answer: Response, *media_types: str) -> Response:
    """Add content of these media types, without schemas, to a response."""
    return {**answer, "content": {media_type: {} for media_type in media_types}}
