"""The HTTP API, and the function that answers it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_logs as logs
from constructs import Construct

from backend.api import cors, stage
from backend.api.asset import ASSET
from backend.api.findings import accept_open_route, accept_preflight
from backend.api.routes import ROUTES, Access
from backend.api.stage import Throttle
from backend.functions.bundling import Platform
from backend.functions.findings import accept_log_findings, accept_synchronous_calls
from backend.functions.function import Function

# Above what the function may spend on DynamoDB (users/dynamodb/table.py), below the gateway's 30 s.
_TIMEOUT: Final = cdk.Duration.seconds(20)
_MEMORY_MB: Final = 1024


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
    log_level: of the function, DEBUG or INFO. debug_share: of its requests, from 0 to 1, that are
        logged at DEBUG whatever the level.
    log_retention: how long the function's logs and those of the access are kept.
    log_removal_policy: what becomes of them when the stack is deleted.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table_name: str,
        platform: Platform,
        tags: Mapping[str, str],
        issuer_url: str,
        audience: Sequence[str],
        open_docs: bool,
        cors_origins: Sequence[str],
        throttle: Throttle,
        list_throttle: Throttle,
        domain: Domain | None,
        log_level: str,
        debug_share: float,
        log_retention: logs.RetentionDays,
        log_removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        access_logs = logs.LogGroup(
            self,
            "AccessLogs",
            log_group_name=stage.log_group_name(self),
            retention=log_retention,
            removal_policy=log_removal_policy,
        )
        accept_log_findings(access_logs)
        # A role for each table: a published version keeps its role, so while another table is
        # adopted, the live version may still use its own.
        is_adopted = not cdk.Token.is_unresolved(table_name)
        self.function = Function(
            self,
            "Function",
            asset=ASSET,
            handler="backend.api.runtime.lambda_function.handler",
            platform=platform,
            description="Answers the calls of the user API",
            environment={
                "TABLE_NAME": table_name,
                # Each partition has domain names of its own. And the region isn't spelled out: once
                # the record names one, that would be a new version of the same function.
                "DYNAMODB_ENDPOINT": f"https://dynamodb.{cdk.Aws.REGION}.{cdk.Aws.URL_SUFFIX}",
                # Several deployments of one account are told apart by it.
                "METRICS_NAMESPACE": cdk.Stack.of(self).stack_name,
                "LOG_LEVEL": log_level,
                "DEBUG_SHARE": str(debug_share),
            },
            memory_mb=_MEMORY_MB,
            timeout=_TIMEOUT,
            log_retention=log_retention,
            log_removal_policy=log_removal_policy,
            role_id=f"RoleFor-{table_name}" if is_adopted else "Role",
        )
        accept_synchronous_calls(self.function, "Only the gateway invokes it, and waits.")
        self.alias = self.function.publish("live")
        authorizer = authorizers.HttpJwtAuthorizer(
            "Authorizer", issuer_url, jwt_audience=list(audience)
        )
        integration = integrations.HttpLambdaIntegration("Integration", self.alias)
        self.domain_name = self._domain_name(domain) if domain else None
        self.http_api = self._http_api(authorizer, integration, cors_origins)
        for key, value in tags.items():
            cdk.Tags.of(self.http_api).add(key, value)
        self.endpoint = f"https://{domain.name}" if domain else self.http_api.api_endpoint
        opened = {Access.OPEN, Access.DOCS} if open_docs else {Access.OPEN}
        added = self._add_routes(integration, opened)
        if cors_origins:
            self._add_preflight_route(integration)
        stage.configure(
            self.http_api,
            access_logs=access_logs,
            throttle=throttle,
            route_throttles={route.key: list_throttle for route in ROUTES if route.is_list},
            routes=added,
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
        self, integration: apigateway.HttpRouteIntegration, opened: set[Access]
    ) -> Mapping[str, apigateway.HttpRoute]:
        """Add the routes, and return them by their keys, such as "GET /users"."""
        added = {}
        for route in ROUTES:
            is_open = route.access in opened
            [made] = self.http_api.add_routes(
                path=route.path,
                methods=[apigateway.HttpMethod[route.method]],
                integration=integration,
                authorizer=apigateway.HttpNoneAuthorizer() if is_open else None,
                authorization_scopes=None if is_open else [route.scope],
            )
            if is_open:
                accept_open_route(made, route.access)
            added[route.key] = made
        return added

    def _add_preflight_route(self, integration: apigateway.HttpRouteIntegration) -> None:
        """Open a route for preflights, which carry no token: else the default route takes them.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
        """
        [route] = self.http_api.add_routes(
            path="/{proxy+}",
            methods=[apigateway.HttpMethod.OPTIONS],
            integration=integration,
            authorizer=apigateway.HttpNoneAuthorizer(),
        )
        accept_preflight(route)
