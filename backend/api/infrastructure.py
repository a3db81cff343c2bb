"""The HTTP API, and the function that answers it."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from backend.api import bundling, cors, routes

# The version whose bytecode bundling.py makes.
_PYTHON: Final = lambda_.Runtime.PYTHON_3_13
# Above what the function may spend on DynamoDB (runtime/table.py), below the gateway's 30 s.
_TIMEOUT: Final = cdk.Duration.seconds(20)
# Lambda gives CPU by memory: 1,769 MB would be one whole processor.
_MEMORY_MB: Final = 1024

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


@dataclass(frozen=True, kw_only=True)
class Throttle:
    """How many requests pass; those beyond are answered with 429.

    rate: each second, in the long run. burst: at once.
    """

    rate: int
    burst: int


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A domain name that is to lead to the API.

    name: such as "api.example.com". certificate_arn: for it, in the stack's region.
    """

    name: str
    certificate_arn: str


class API(Construct):
    """An HTTP API in front of one function, called through its alias `live`.

    `endpoint` is the address that its paths begin at, without a slash at its end.

    table_name: of the table that holds the users; the caller grants access to it.
    platform: what the function runs on.
    tags: of the HTTP API.
    issuer_url, audience: whose access tokens it takes, and for whom those must have been issued.
    open_docs: whether its documentation needs no token.
    cors_origins: whose pages may call it from a browser; the gateway answers their preflights.
    throttle: of every route; list_throttle: of those that list users.
    domain: leads to it; its default address then does not any more.
    log_retention: how long the function's logs and those of the access are kept.
    log_removal_policy: what becomes of them when the stack is deleted.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table_name: str,
        platform: bundling.Platform,
        tags: Mapping[str, str],
        issuer_url: str,
        audience: Sequence[str],
        open_docs: bool,
        cors_origins: Sequence[str],
        throttle: Throttle,
        list_throttle: Throttle,
        domain: Domain | None,
        log_retention: logs.RetentionDays,
        log_removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        function_logs, access_logs = (
            logs.LogGroup(self, name, retention=log_retention, removal_policy=log_removal_policy)
            for name in ("Logs", "AccessLogs")
        )
        self.function = self._function(table_name, platform, function_logs)
        self.alias = lambda_.Alias(
            self, "Alias", alias_name="live", version=self.function.current_version
        )
        authorizer = authorizers.HttpJwtAuthorizer(
            "Authorizer", issuer_url, jwt_audience=list(audience)
        )
        integration = integrations.HttpLambdaIntegration("Integration", self.alias)
        self.domain_name = self._domain_name(domain) if domain else None
        self.http_api = self._http_api(authorizer, integration, cors_origins)
        for key, value in tags.items():
            cdk.Tags.of(self.http_api).add(key, value)
        self.endpoint = f"https://{domain.name}" if domain else self.http_api.api_endpoint
        open_paths = routes.OPEN | routes.DOCS if open_docs else routes.OPEN
        self._routes = self._add_routes(integration, open_paths)
        if cors_origins:
            self._let_pages_ask_first(integration)
        self._configure_stage(access_logs, throttle, list_throttle)

    def _function(
        self, table_name: str, platform: bundling.Platform, log_group: logs.LogGroup
    ) -> lambda_.Function:
        # A role of our own: the one that the CDK makes may write every log of the account.
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        # By what went in, not by the archive's bytes: compression differs among machines.
        asset = bundling.build(bundling.RUNTIME, platform)
        return lambda_.Function(
            self,
            "Function",
            description="Answers the calls of the user API",
            runtime=_PYTHON,
            architecture=lambda_.Architecture.custom(platform.architecture),
            code=lambda_.Code.from_asset(str(asset.path), asset_hash=asset.digest),
            handler="lambda_function.handler",
            environment={"TABLE_NAME": table_name},
            memory_size=_MEMORY_MB,
            timeout=_TIMEOUT,
            log_group=log_group,
            role=role,
        )

    def _domain_name(self, domain: Domain) -> apigateway.DomainName:
        certificate = acm.Certificate.from_certificate_arn(
            self, "Certificate", domain.certificate_arn
        )
        return apigateway.DomainName(
            self,
            "Domain",
            domain_name=domain.name,
            certificate=certificate,
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
        )

    def _http_api(
        self,
        authorizer: apigateway.IHttpRouteAuthorizer,
        integration: apigateway.HttpRouteIntegration,
        cors_origins: Sequence[str],
    ) -> apigateway.HttpApi:
        mapping = (
            apigateway.DomainMappingOptions(domain_name=self.domain_name)
            if self.domain_name
            else None
        )
        # The default route answers what no other has: 404 and 405 as problems. It needs a token,
        # and so does every route that doesn't say otherwise.
        return apigateway.HttpApi(
            self,
            "HTTPAPI",
            api_name=cdk.Stack.of(self).stack_name,
            default_integration=integration,
            default_authorizer=authorizer,
            cors_preflight=cors.options(cors_origins) if cors_origins else None,
            default_domain_mapping=mapping,
            disable_execute_api_endpoint=True if mapping else None,
        )

    def _add_routes(
        self, integration: apigateway.HttpRouteIntegration, open_paths: Collection[str]
    ) -> Mapping[str, apigateway.HttpRoute]:
        """Returns them by their keys, such as "GET /users"."""
        nobody = apigateway.HttpNoneAuthorizer()
        added = {}
        for path, methods in routes.ROUTES.items():
            for method in methods:
                [added[f"{method.value} {path}"]] = self.http_api.add_routes(
                    path=path,
                    methods=[method],
                    integration=integration,
                    authorizer=nobody if path in open_paths else None,
                    authorization_scopes=None if path in open_paths else [routes.scope_for(method)],
                )
        return added

    def _let_pages_ask_first(self, integration: apigateway.HttpRouteIntegration) -> None:
        """Open a route for preflights, which carry no token: else the default route takes them.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
        """
        self.http_api.add_routes(
            path="/{proxy+}",
            methods=[apigateway.HttpMethod.OPTIONS],
            integration=integration,
            authorizer=apigateway.HttpNoneAuthorizer(),
        )

    def _configure_stage(
        self, access_logs: logs.LogGroup, throttle: Throttle, list_throttle: Throttle
    ) -> None:
        assert self.http_api.default_stage  # noqa: S101 the API makes one
        stage = self.http_api.default_stage.node.default_child
        assert isinstance(stage, apigateway.CfnStage)  # noqa: S101
        # By name: the group's own ARN ends in :*, which the gateway does not take.
        destination = cdk.Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name=access_logs.log_group_name,
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        stage.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=destination, format=json.dumps(_ACCESS_LOG_FIELDS)
        )
        stage.default_route_settings = apigateway.CfnStage.RouteSettingsProperty(
            throttling_rate_limit=throttle.rate, throttling_burst_limit=throttle.burst
        )
        # This one is a map of the routes' own names, in which the CDK changes no letter.
        stage.route_settings = {
            key: {
                "ThrottlingRateLimit": list_throttle.rate,
                "ThrottlingBurstLimit": list_throttle.burst,
            }
            for key in routes.LISTS
        }
        # A setting for a route that isn't there yet fails the deployment.
        stage.node.add_dependency(*(self._routes[key] for key in routes.LISTS))
