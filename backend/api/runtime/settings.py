"""The function's settings: the only place that reads the environment."""

import os
from collections.abc import Mapping
from typing import NamedTuple


class Settings(NamedTuple):
    """What one deployment's function is told.

    table_name: of the DynamoDB table that holds the users. metrics_namespace: of its metrics in
    CloudWatch. log_level: DEBUG or INFO. debug_share: of the requests, from 0 to 1, that are logged
    at DEBUG whatever the level. endpoint: DynamoDB's address; region: which its requests are signed
    for; authorities: a file of those that may vouch for it, or None for Amazon's.
    """

    table_name: str
    metrics_namespace: str
    log_level: str
    debug_share: float
    endpoint: str
    region: str
    authorities: str | None


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Raises KeyError that names the missing variable."""
    # The variables AWS_… are the SDKs': Lambda sets the region, the local cloud and tests the rest.
    override = environ.get("AWS_ENDPOINT_URL_DYNAMODB") or environ.get("AWS_ENDPOINT_URL")
    return Settings(
        table_name=environ["TABLE_NAME"],
        metrics_namespace=environ["METRICS_NAMESPACE"],
        log_level=environ["LOG_LEVEL"],
        debug_share=float(environ["DEBUG_SHARE"]),
        endpoint=override or environ["DYNAMODB_ENDPOINT"],
        region=environ["AWS_REGION"],
        authorities=environ.get("AWS_CA_BUNDLE") or None,
    )
