"""Writes docs/openapi.json."""

from backend.api.openapi import document, written


def main() -> None:
    """Write the document."""
    written.PATH.write_text(written.text(document.make()))
