"""The function's settings: the only place that reads the environment."""

import os
from collections.abc import Mapping
from typing import NamedTuple


class Settings(NamedTuple):
    """What one deployment's function is told.

    table_name: of the DynamoDB table that holds the users. metrics_namespace: of its metrics in
    CloudWatch. log_level: DEBUG or INFO. debug_share: of the requests, from 0 to 1, that are logged
    at DEBUG whatever the level.
    """

    table_name: str
    metrics_namespace: str
    log_level: str
    debug_share: float


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Raises KeyError that names the missing variable."""
    return Settings(
        table_name=environ["TABLE_NAME"],
        metrics_namespace=environ["METRICS_NAMESPACE"],
        log_level=environ["LOG_LEVEL"],
        debug_share=float(environ["DEBUG_SHARE"]),
    )
