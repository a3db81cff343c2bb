"""Why the scanners' findings about open routes are accepted."""

from collections.abc import Mapping
from typing import Final

from aws_cdk import aws_apigatewayv2 as apigateway

from backend.api.routes import Access
from backend.findings import accept

_REASONS: Final[Mapping[Access, str]] = {
    Access.OPEN: "Who watches whether the API works has no token, and learns nothing else.",
    Access.DOCS: "It tells of the API and of no user, and the environment's record opens it.",
}
_PREFLIGHT: Final = "Preflights carry no token. The gateway answers those that it knows."


def accept_open_route(route: apigateway.HttpRoute, access: Access) -> None:
    """Accept that a route needs no token."""
    accept(route, _REASONS[access], nag=["AwsSolutions-APIG4"])


def accept_preflight(route: apigateway.HttpRoute) -> None:
    """Accept that the route of the preflights needs no token."""
    accept(route, _PREFLIGHT, nag=["AwsSolutions-APIG4"])
