"""The HTTP API and the function behind it."""

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_logs as logs
from constructs import Construct

from backend.api import cors, stage
from backend.api.asset import ASSET, HANDLER
from backend.api.findings import accept_open_route, accept_preflight
from backend.api.options import APIOptions, Domain
from backend.api.routes import ROUTES, Access
from backend.findings import accept_log_findings
from backend.functions.findings import accept_synchronous_calls
from backend.functions.function import Function, FunctionDefaults

# Longer than a call may spend on DynamoDB (users/dynamodb/table.py), below the gateway's 30 s.
_TIMEOUT: Final = cdk.Duration.seconds(20)
_MEMORY_MB: Final = 1024


class API(Construct):
    """An HTTP API in front of one function, which it invokes through the alias `live`.

    Args:
        scope: The parent construct.
        construct_id: The API's id in `scope`.
        options: The environment's options.
        table_name: The table that holds the users. The caller grants access to it.
        issuer_url: The issuer whose access tokens the API accepts.
        audience: The audiences of which a token must name one.
        function_defaults: What the function shares with others. Its logs and the access log are
            kept equally long.

    Attributes:
        function: The function.
        alias: Its alias `live`.
        http_api: The HTTP API.
        domain_name: The custom domain name; None without one.
        endpoint: The URL that the paths are appended to, without a slash at the end.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        options: APIOptions,
        table_name: str,
        issuer_url: str,
        audience: Sequence[str],
        function_defaults: FunctionDefaults,
    ) -> None:
        super().__init__(scope, construct_id)
        access_logs = logs.LogGroup(
            self,
            "AccessLogs",
            log_group_name=stage.log_group_name(self),
            retention=function_defaults.log_retention,
            removal_policy=function_defaults.log_removal_policy,
        )
        accept_log_findings(access_logs)
        # A role for each table, because a published version keeps its role: while another table is
        # adopted, the live version may still use its own table.
        is_adopted = not cdk.Token.is_unresolved(table_name)
        self.function = Function(
            self,
            "Function",
            asset=ASSET,
            handler=HANDLER,
            defaults=function_defaults,
            description="Answers the calls of the user API",
            environment={
                "TABLE_NAME": table_name,
                # The suffix depends on the partition. The region is a token: a literal would make a
                # new version of the same function once the record names a region.
                "DYNAMODB_ENDPOINT": f"https://dynamodb.{cdk.Aws.REGION}.{cdk.Aws.URL_SUFFIX}",
                # Distinguishes deployments in the same account.
                "METRICS_NAMESPACE": cdk.Stack.of(self).stack_name,
                "LOG_LEVEL": options.log_level,
                "DEBUG_SHARE": str(options.debug_share),
            },
            memory_mb=_MEMORY_MB,
            timeout=_TIMEOUT,
            role_id=f"RoleFor-{table_name}" if is_adopted else "Role",
        )
        accept_synchronous_calls(self.function, "Only the gateway invokes it, and waits.")
        self.alias = self.function.publish("live")
        authorizer = authorizers.HttpJwtAuthorizer(
            "Authorizer", issuer_url, jwt_audience=list(audience)
        )
        integration = integrations.HttpLambdaIntegration("Integration", self.alias)
        self.domain_name = self._domain_name(options.domain) if options.domain else None
        self.http_api = self._http_api(authorizer, integration, options.cors_origins)
        for key, value in options.tags.items():
            cdk.Tags.of(self.http_api).add(key, value)
        self.endpoint = (
            f"https://{options.domain.name}" if options.domain else self.http_api.api_endpoint
        )
        opened = {Access.OPEN, Access.DOCS} if options.open_docs else {Access.OPEN}
        added = self._add_routes(integration, opened)
        if options.cors_origins:
            self._add_preflight_route(integration)
        stage.configure(
            self.http_api,
            access_logs=access_logs,
            throttle=options.throttle,
            route_throttles={route.key: options.list_throttle for route in ROUTES if route.is_list},
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
        # Requests that match no other route take the default route, whose responses are 404 and 405
        # as problems. It needs a token, as does every route that doesn't say otherwise.
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
        """Add the routes and return them by their keys, such as "GET /users"."""
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
        """Add an open route for preflights, which carry no token.

        Without it, they would take the default route, which needs a token.
        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
        """
        [route] = self.http_api.add_routes(
            path="/{proxy+}",
            methods=[apigateway.HttpMethod.OPTIONS],
            integration=integration,
            authorizer=apigateway.HttpNoneAuthorizer(),
        )
        accept_preflight(route)
