"""The routes, as the gateway knows them: each path, and its methods."""

from collections.abc import Mapping
from typing import Final

ROUTES: Final = {
    "/users": ("GET", "HEAD", "POST"),
    "/users/{username}": ("GET", "HEAD", "PUT", "PATCH", "DELETE"),
    "/health": ("GET", "HEAD"),
    "/openapi.json": ("GET", "HEAD"),
    "/docs": ("GET", "HEAD"),
    "/docs/{file}": ("GET", "HEAD"),
    "/problems/{name}": ("GET", "HEAD"),
}


def methods(path: str) -> tuple[str, ...]:
    """Return the methods of a request's path; none where no route has it."""
    segments = path.split("/")
    for template, found in ROUTES.items():
        wanted = template.split("/")
        if len(wanted) == len(segments) and all(
            segment if name.startswith("{") else segment == name
            for name, segment in zip(wanted, segments, strict=True)
        ):
            return found
    return ()


def filled(template: str, parameters: Mapping[str, str]) -> str:
    """Return a route's path with the values of its parameters."""
    for name, value in parameters.items():
        template = template.replace(f"{{{name}}}", value)
    return template
