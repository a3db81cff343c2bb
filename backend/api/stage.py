"""The API's stage: throttles and the access log."""

import json
from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_logs as logs
from constructs import IConstruct

from backend.api.options import Throttle
from backend.naming import stack_uuid

# What an investigation needs, with no personal data but the subject and the address: the route
# instead of the path, which may name a user; no query and no headers.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
_ACCESS_LOG_FIELDS: Final[Mapping[str, str]] = {
    "time": "$context.requestTimeEpoch",
    "request_id": "$context.requestId",
    "route": "$context.routeKey",
    "status": "$context.status",
    "milliseconds": "$context.responseLatency",
    "error": "$context.error.responseType",
    "integration_status": "$context.integrationStatus",
    "integration_milliseconds": "$context.integrationLatency",
    "integration_error": "$context.integrationErrorMessage",
    "authorizer_error": "$context.authorizer.error",
    "subject": "$context.authorizer.claims.sub",
    "source_ip": "$context.identity.sourceIp",
    "response_bytes": "$context.responseLength",
}


def log_group_name(construct: IConstruct) -> str:
    """Return a name for the access log's group that no other stack uses.

    With another prefix, the group would be added for good to the region's only resource policy for
    logs. Once that is full, at 5,120 characters, no stage can be created any more.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-CWL.html
    """
    return f"/aws/vendedlogs/{cdk.Aws.STACK_NAME}/{stack_uuid(construct)}"


def configure(
    http_api: apigateway.HttpApi,
    *,
    access_logs: logs.LogGroup,
    throttle: Throttle,
    route_throttles: Mapping[str, Throttle],
    routes: Mapping[str, apigateway.HttpRoute],
) -> None:
    """Configure the API's default stage, through its L1: the L2 has no settings for single routes.

    Args:
        http_api: The API.
        access_logs: Where the access log is written.
        throttle: The throttle of every route that isn't in `route_throttles`.
        route_throttles: The throttles of single routes, by their keys.
        routes: At least those routes, by their keys.
    """
    assert http_api.default_stage  # noqa: S101 the API makes one
    stage = http_api.default_stage.node.default_child
    assert isinstance(stage, apigateway.CfnStage)  # noqa: S101
    stage.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
        destination_arn=_arn(access_logs), format=json.dumps(_ACCESS_LOG_FIELDS)
    )
    stage.default_route_settings = apigateway.CfnStage.RouteSettingsProperty(
        throttling_rate_limit=throttle.rate, throttling_burst_limit=throttle.burst
    )
    # A plain dictionary, because the CDK would change the spelling of property names.
    stage.route_settings = {
        key: {"ThrottlingRateLimit": own.rate, "ThrottlingBurstLimit": own.burst}
        for key, own in route_throttles.items()
    }
    # A deployment fails if it sets the throttle of a route that doesn't exist yet, and also if a
    # throttle remains for a removed route: docs/change.md, "Remove or rename a route".
    stage.node.add_dependency(*(routes[key] for key in route_throttles))


def _arn(log_group: logs.LogGroup) -> str:
    """Return a log group's ARN as the gateway expects it, without the :* at its end."""
    return cdk.Stack.of(log_group).format_arn(
        service="logs",
        resource="log-group",
        resource_name=log_group.log_group_name,
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
