"""The document as a file."""

import json
from pathlib import Path
from typing import Any, Final

PATH: Final = Path(__file__).parents[3] / "docs" / "openapi.json"


def text(document: dict[str, Any]) -> str:
    """The document as it is committed: the same text for the same document."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
