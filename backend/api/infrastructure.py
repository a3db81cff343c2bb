"""The HTTP API, and the function that answers it."""

from collections.abc import Mapping, Sequence
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

from backend.api import bundling, cors, routes, stage
from backend.api.findings import accept_findings, accept_log_findings, accept_openness
from backend.api.options import APIOptions, Domain

# The version whose bytecode bundling.py makes.
_PYTHON: Final = lambda_.Runtime.PYTHON_3_13
# Above what the function may spend on DynamoDB (runtime/table.py), below the gateway's 30 s.
_TIMEOUT: Final = cdk.Duration.seconds(20)
# Lambda gives CPU by memory: 1,769 MB would be one whole processor.
_MEMORY_MB: Final = 1024


class API(Construct):
    """An HTTP API in front of one function, called through its alias `live`.

    `endpoint` is the address that its paths begin at, without a slash at its end.

    Args:
        options: what the environment chooses.
        table_name: the users' table; the caller grants access to it.
        issuer_url: whose access tokens it accepts.
        audience: for whom those must have been issued.
        platform: what the function runs on.
        log_retention: how long the function's logs and the access log are kept.
        log_removal_policy: what becomes of them when the stack is deleted.
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
        platform: bundling.Platform,
        log_retention: logs.RetentionDays,
        log_removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        function_logs, access_logs = (
            logs.LogGroup(
                self,
                construct_id,
                log_group_name=name,
                retention=log_retention,
                removal_policy=log_removal_policy,
            )
            for construct_id, name in (("Logs", None), ("AccessLogs", stage.log_group_name(self)))
        )
        accept_log_findings(function_logs, access_logs)
        self.function = self._function(
            platform,
            function_logs,
            {
                "TABLE_NAME": table_name,
                # Each partition has domain names of its own. And the region isn't spelled out: once
                # the record names one, that would be a new version of the same function.
                "DYNAMODB_ENDPOINT": f"https://dynamodb.{cdk.Aws.REGION}.{cdk.Aws.URL_SUFFIX}",
                # Several deployments of one account are told apart by it.
                "METRICS_NAMESPACE": stack.stack_name,
                "LOG_LEVEL": options.log_level,
                "DEBUG_SHARE": str(options.debug_share),
            },
        )
        self.alias = lambda_.Alias(
            self, "Alias", alias_name="live", version=self.function.current_version
        )
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
        open_paths = {**routes.OPEN, **(routes.DOCS if options.open_docs else {})}
        added = self._add_routes(integration, open_paths)
        if options.cors_origins:
            self._let_pages_ask_first(integration)
        stage.configure(
            self.http_api,
            access_logs=access_logs,
            throttle=options.throttle,
            route_throttles=dict.fromkeys(routes.LISTS, options.list_throttle),
            routes=added,
        )

    def _function(
        self,
        platform: bundling.Platform,
        log_group: logs.LogGroup,
        environment: Mapping[str, str],
    ) -> lambda_.Function:
        # A role of our own: the one that the CDK makes may write every log of the account. And one
        # for each table: a published version keeps its role, so while another table is adopted,
        # the live version may still use its own.
        table_name = environment["TABLE_NAME"]
        is_adopted = not cdk.Token.is_unresolved(table_name)
        role = iam.Role(
            self,
            f"RoleFor-{table_name}" if is_adopted else "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        log_group.grant_write(role)
        asset = bundling.build(bundling.RUNTIME, platform)
        # The code is told to the CDK, and to Lambda, by the description: the place that it is
        # uploaded to would be part of a version, too, and is spelled in another way once a record
        # names its account. Lambda refuses a version that differs in nothing else.
        lambda_.Function.classify_version_property("Code", locked=False)
        function = lambda_.Function(
            self,
            "Function",
            description=f"Answers the calls of the user API. Code: {asset.digest[:16]}",
            runtime=_PYTHON,
            architecture=lambda_.Architecture.custom(platform.architecture),
            code=lambda_.Code.from_asset(str(asset.path), asset_hash=asset.digest),
            handler="lambda_function.handler",
            environment=environment,
            memory_size=_MEMORY_MB,
            timeout=_TIMEOUT,
            # Lambda's own, which costs the code nothing and needs no SDK.
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            role=role,
        )
        accept_findings(function, role)
        return function

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
        self, integration: apigateway.HttpRouteIntegration, open_paths: Mapping[str, str]
    ) -> Mapping[str, apigateway.HttpRoute]:
        """Returns them by their keys, such as "GET /users"."""
        added = {}
        for path, methods in routes.ROUTES.items():
            for method in methods:
                [route] = self.http_api.add_routes(
                    path=path,
                    methods=[method],
                    integration=integration,
                    authorizer=apigateway.HttpNoneAuthorizer() if path in open_paths else None,
                    authorization_scopes=None if path in open_paths else [routes.scope_for(method)],
                )
                if path in open_paths:
                    accept_openness(route, open_paths[path])
                added[f"{method.value} {path}"] = route
        return added

    def _let_pages_ask_first(self, integration: apigateway.HttpRouteIntegration) -> None:
        """Open a route for preflights, which carry no token: else the default route takes them.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
        """
        [route] = self.http_api.add_routes(
            path="/{proxy+}",
            methods=[apigateway.HttpMethod.OPTIONS],
            integration=integration,
            authorizer=apigateway.HttpNoneAuthorizer(),
        )
        accept_openness(
            route, "Preflights carry no token. The gateway answers those that it knows."
        )
