"""The function's settings: the only place that reads the environment."""

import os
from collections.abc import Mapping
from typing import NamedTuple

TABLE_NAME = "TABLE_NAME"


class Settings(NamedTuple):
    """table_name: of the DynamoDB table that holds the users."""

    table_name: str


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Raises KeyError that names the missing variable."""
    return Settings(table_name=environ[TABLE_NAME])
