"""Writes docs/openapi.json."""

from backend.api.openapi import document, written

written.PATH.write_text(written.text(document.make()))
