"""The CORS options: what pages of other origins may send and read."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway

_METHODS: Final = (
    apigateway.CorsHttpMethod.GET,
    apigateway.CorsHttpMethod.HEAD,
    apigateway.CorsHttpMethod.POST,
    apigateway.CorsHttpMethod.PUT,
    apigateway.CorsHttpMethod.PATCH,
    apigateway.CorsHttpMethod.DELETE,
)
_REQUEST_HEADERS: Final = (
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
)
_RESPONSE_HEADERS: Final = (
    "accept-patch",
    "allow",
    "etag",
    "idempotency-replayed",
    "link",
    "location",
    "retry-after",
    "x-request-id",
)
_MAX_AGE: Final = cdk.Duration.hours(1)


def options(origins: Sequence[str]) -> apigateway.CorsPreflightOptions:
    """Build the preflight options for these origins."""
    return apigateway.CorsPreflightOptions(
        allow_origins=list(origins),
        allow_methods=list(_METHODS),
        allow_headers=list(_REQUEST_HEADERS),
        expose_headers=list(_RESPONSE_HEADERS),
        max_age=_MAX_AGE,
    )
