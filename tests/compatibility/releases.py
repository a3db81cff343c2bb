"""The releases of the schema: what their code wrote, and the code itself while it may still run."""

from pathlib import Path
from typing import Final

from tests.compatibility.written import Written, read

FOLDER: Final = Path(__file__).with_name("released")
# The API's document that clients were last given.
OPENAPI: Final = FOLDER / "openapi.json"


class Release:
    """A release.

    Attributes:
        items: The file with what its code wrote.
        code: The archive with its code, which exists while it may run beside newer code.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.items = FOLDER / str(number) / "items.json"
        self.code = FOLDER / str(number) / "runtime.zip"

    def __str__(self) -> str:
        return f"release {self.number}"

    def written(self) -> Written:
        """Read what its code wrote."""
        return read(self.items.read_text("utf-8"))


def all_releases() -> list[Release]:
    """Return all releases, the newest last."""
    numbers = [int(path.name) for path in FOLDER.glob("[0-9]*")]
    return [Release(number) for number in sorted(numbers)]
