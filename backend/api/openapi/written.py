"""The document's files."""

import json
from pathlib import Path
from typing import Any, Final

PATH: Final = Path(__file__).parents[3] / "docs" / "openapi.json"


def text(document: dict[str, Any]) -> str:
    """Return a document's text as it is committed."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
