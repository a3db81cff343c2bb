"""The function's settings. Only this module reads the environment."""

import os
from collections.abc import Mapping
from typing import NamedTuple


class Settings(NamedTuple):
    """The settings of a deployment's function.

    Attributes:
        table_name: The DynamoDB table that holds the users.
        metrics_namespace: The CloudWatch namespace of the metrics.
        log_level: DEBUG or INFO.
        debug_share: The share of requests, from 0 to 1, to log at DEBUG whatever the level.
        endpoint: DynamoDB's URL.
        region: The region that requests are signed for.
        authorities: A PEM file of the certificate authorities to trust; None for Amazon's.
    """

    table_name: str
    metrics_namespace: str
    log_level: str
    debug_share: float
    endpoint: str
    region: str
    authorities: str | None


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the environment.

    Raises:
        KeyError: A variable is missing.
    """
    # AWS_… are the SDKs' variables. Lambda sets the region, the local cloud and tests the others.
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
