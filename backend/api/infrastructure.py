"""The HTTP API, and the function that answers it."""

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from backend.api import bundling
from backend.api.findings import accept_findings

# The version whose bytecode bundling.py makes.
_PYTHON: Final = lambda_.Runtime.PYTHON_3_13
# Above what the function may spend on DynamoDB (runtime/table.py), below the gateway's 30 s.
_TIMEOUT: Final = cdk.Duration.seconds(20)
# Lambda gives CPU by memory: 1,769 MB would be one whole processor.
_MEMORY_MB: Final = 1024

_READ: Final = (apigateway.HttpMethod.GET, apigateway.HttpMethod.HEAD)
_ROUTES: Final[Mapping[str, tuple[apigateway.HttpMethod, ...]]] = {
    "/users": (
        apigateway.HttpMethod.GET,
        apigateway.HttpMethod.HEAD,
        apigateway.HttpMethod.POST,
    ),
    "/users/{username}": (
        apigateway.HttpMethod.GET,
        apigateway.HttpMethod.HEAD,
        apigateway.HttpMethod.PUT,
        apigateway.HttpMethod.PATCH,
        apigateway.HttpMethod.DELETE,
    ),
    "/health": _READ,
    "/openapi.json": _READ,
    "/docs": _READ,
    "/docs/{file}": _READ,
    "/problems/{name}": _READ,
}

# What a page of another origin may send and read, beside what it always may.
_CORS_METHODS: Final = (
    apigateway.CorsHttpMethod.GET,
    apigateway.CorsHttpMethod.HEAD,
    apigateway.CorsHttpMethod.POST,
    apigateway.CorsHttpMethod.PUT,
    apigateway.CorsHttpMethod.PATCH,
    apigateway.CorsHttpMethod.DELETE,
)
_CORS_REQUEST_HEADERS: Final = (
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
)
_CORS_RESPONSE_HEADERS: Final = (
    "accept-patch",
    "allow",
    "etag",
    "idempotency-replayed",
    "link",
    "location",
    "retry-after",
    "x-request-id",
)
_CORS_MAX_AGE: Final = cdk.Duration.hours(1)


class API(Construct):
    """An HTTP API in front of one function, called through its alias `live`.

    table_name: of the table that holds the users; the caller grants access to it.
    platform: what the function runs on.
    tags: of the HTTP API.
    cors_origins: whose pages may call it from a browser; the gateway answers their preflights.
    log_retention: how long the function's logs are kept.
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
        cors_origins: Sequence[str],
        log_retention: logs.RetentionDays,
        log_removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        log_group = logs.LogGroup(
            self, "Logs", retention=log_retention, removal_policy=log_removal_policy
        )
        # A role of our own: the one that the CDK makes may write every log of the account.
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        # By what went in, not by the archive's bytes: compression differs among machines.
        asset = bundling.build(bundling.RUNTIME, platform)
        self.function = lambda_.Function(
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
        self.alias = lambda_.Alias(
            self, "Alias", alias_name="live", version=self.function.current_version
        )
        accept_findings(self.function, role, log_group)
        self.http_api = self._http_api(self.alias, cors_origins)
        for key, value in tags.items():
            cdk.Tags.of(self.http_api).add(key, value)

    def _http_api(
        self, function: lambda_.IFunction, cors_origins: Sequence[str]
    ) -> apigateway.HttpApi:
        integration = integrations.HttpLambdaIntegration("Integration", function)
        # The default route answers what no other has: 404 and 405 as problems.
        http_api = apigateway.HttpApi(
            self,
            "HTTPAPI",
            api_name=cdk.Stack.of(self).stack_name,
            default_integration=integration,
            cors_preflight=_cors(cors_origins) if cors_origins else None,
        )
        for path, methods in _ROUTES.items():
            http_api.add_routes(path=path, methods=list(methods), integration=integration)
        return http_api


def _cors(origins: Sequence[str]) -> apigateway.CorsPreflightOptions:
    return apigateway.CorsPreflightOptions(
        allow_origins=list(origins),
        allow_methods=list(_CORS_METHODS),
        allow_headers=list(_CORS_REQUEST_HEADERS),
        expose_headers=list(_CORS_RESPONSE_HEADERS),
        max_age=_CORS_MAX_AGE,
    )
