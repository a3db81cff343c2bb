"""Writes docs/openapi.json."""

from backend.api.openapi import document, written


def main() -> None:
    """Write it, from the code that answers."""
    written.PATH.write_text(written.text(document.make()))
