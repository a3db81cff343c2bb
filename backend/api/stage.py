"""What the gateway lets through, and what it writes down about it."""

import json
from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_logs as logs
from constructs import IConstruct

from backend.api.options import Throttle
from backend.naming import stack_uuid

# What an investigation needs, and nothing personal but the address: the route and never the path,
# which may name a user; no query, no header field.
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
    """Return the name for the access log's group, which no other stack has.

    Any other prefix adds the group to the region's one policy of 5,120 characters for logs, which
    it never leaves again; when that is full, no stage can be made.
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
    """Set up the API's stage, by its L1: the L2 has no settings for single routes.

    throttle: of each route. route_throttles: of those that have another, by their keys; routes has
    these.
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
    # Its names are the routes' own, so that the CDK turns none into another spelling.
    stage.route_settings = {
        key: {"ThrottlingRateLimit": own.rate, "ThrottlingBurstLimit": own.burst}
        for key, own in route_throttles.items()
    }
    # A setting for a route that isn't there yet fails the deployment. One for a route that is gone
    # fails the next: docs/development.md, "Remove or rename a route".
    stage.node.add_dependency(*(routes[key] for key in route_throttles))


def _arn(log_group: logs.LogGroup) -> str:
    """As the gateway's documentation has it: without the :* that the group's own ends in."""
    return cdk.Stack.of(log_group).format_arn(
        service="logs",
        resource="log-group",
        resource_name=log_group.log_group_name,
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )
