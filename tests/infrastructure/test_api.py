import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import botocore.session
import pytest
from aws_cdk.assertions import Match, Template

from backend.api.options import APIOptions, Domain
from backend.api.routes import ROUTES
from backend.api.runtime import settings
from backend.component import Backend
from backend.functions.bundling import Archive
from backend.functions.platform import HOST, PYTHON_VERSION
from backend.users.dynamodb import table
from constants import LOCAL
from localcloud.emulator import API_ID
from tests.infrastructure.functions import api_function, function_properties

API = "AWS::ApiGatewayV2::Api"
ALIAS = "AWS::Lambda::Alias"
FUNCTION = "AWS::Lambda::Function"
INTEGRATION = "AWS::ApiGatewayV2::Integration"
LOG_GROUP = "AWS::Logs::LogGroup"
PERMISSION = "AWS::Lambda::Permission"
ROUTE = "AWS::ApiGatewayV2::Route"
STAGE = "AWS::ApiGatewayV2::Stage"

CERTIFICATE = "arn:aws:acm:us-east-1:111111111111:certificate/00000000-0000-0000-0000-000000000000"

GATEWAY_TIMEOUT_SECONDS = 30


def test_the_routes_are_explicit_beside_the_default(template: Template) -> None:
    routes = [route["Properties"]["RouteKey"] for route in template.find_resources(ROUTE).values()]
    assert sorted(routes) == sorted(["$default", *(route.key for route in ROUTES)])


def test_every_route_leads_to_the_alias(template: Template) -> None:
    [alias] = template.find_resources(ALIAS, {"Properties": {"Name": "live"}})
    integrations = template.find_resources(INTEGRATION)
    for integration in integrations.values():
        assert integration["Properties"]["IntegrationUri"] == {"Ref": alias}
        assert integration["Properties"]["PayloadFormatVersion"] == "2.0"
    for route in template.find_resources(ROUTE).values():
        target = route["Properties"]["Target"]
        assert target in [
            {"Fn::Join": ["", ["integrations/", {"Ref": integration}]]}
            for integration in integrations
        ]


def test_the_gateway_may_call_the_alias_only(template: Template) -> None:
    [alias] = template.find_resources(ALIAS)
    [api] = template.find_resources(API)
    permissions = template.find_resources(PERMISSION)
    assert permissions
    for permission in permissions.values():
        assert permission["Properties"]["FunctionName"] == {"Ref": alias}
        assert permission["Properties"]["Principal"] == "apigateway.amazonaws.com"
        assert {"Ref": api} in permission["Properties"]["SourceArn"]["Fn::Join"][1]


def test_the_alias_is_the_version_that_was_deployed(template: Template) -> None:
    function = api_function(template)
    [version] = template.find_resources(
        "AWS::Lambda::Version", {"Properties": {"FunctionName": {"Ref": function}}}
    )
    template.has_resource_properties(
        ALIAS,
        {
            "FunctionName": {"Ref": function},
            "FunctionVersion": {"Fn::GetAtt": [version, "Version"]},
        },
    )


@pytest.mark.parametrize("name", ["local", "production"])
def test_the_functions_configuration_names_its_code(
    name: str, templates: Mapping[str, Template], assemblies: Mapping[str, Path]
) -> None:
    """So that other code is another configuration, and with it another version."""
    properties = _function(templates[name])
    asset = Archive(assemblies[name] / f"asset.{properties['Code']['S3Key']}")
    assert properties["Description"].endswith(f" {asset.digest[:16]}")


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("local", HOST.architecture),
        ("sandbox", "arm64"),
        ("staging", "arm64"),
        ("production", "arm64"),
    ],
)
def test_the_function_runs_on_what_it_was_built_for(
    name: str, architecture: str, templates: Mapping[str, Template]
) -> None:
    templates[name].has_resource_properties(
        FUNCTION,
        {
            "Architectures": [architecture],
            "Handler": "backend.api.runtime.lambda_function.handler",
            "Runtime": "python{}.{}".format(*PYTHON_VERSION),
        },
    )


def test_the_function_outlasts_dynamodb_and_the_gateway_outlasts_the_function(
    template: Template,
) -> None:
    # What no deadline bounds: glibc's resolver, and a renewal of credentials.
    longest = table.DEADLINE_SECONDS + 2 * 5 + 2
    assert longest < _function(template)["Timeout"] < GATEWAY_TIMEOUT_SECONDS


@pytest.mark.parametrize(("name", "debug_share"), [("local", "0"), ("production", "0.01")])
def test_the_function_knows_its_table_and_what_it_tells_of_itself(
    name: str, debug_share: str, templates: Mapping[str, Template]
) -> None:
    [table] = templates[name].find_resources("AWS::DynamoDB::GlobalTable")
    variables = _function(templates[name])["Environment"]["Variables"]
    assert variables == {
        "TABLE_NAME": {"Ref": table},
        "DYNAMODB_ENDPOINT": variables["DYNAMODB_ENDPOINT"],  # see below
        "METRICS_NAMESPACE": f"UserManagementBackend-{name.title()}",
        "LOG_LEVEL": "INFO",
        "DEBUG_SHARE": debug_share,
    }
    settings.load({**variables, "TABLE_NAME": "users", "AWS_REGION": "eu-west-1"})


def test_the_function_finds_dynamodb_in_every_partition(template: Template) -> None:
    """Where the SDK's own rules say that it is, by the names that CloudFormation fills in."""
    endpoint = _function(template)["Environment"]["Variables"]["DYNAMODB_ENDPOINT"]
    session = botocore.session.get_session()
    partitions = session.get_component("data_loader").load_data("endpoints")["partitions"]
    regions = {
        region: partition["dnsSuffix"]
        for partition in partitions
        for region in session.get_available_regions("dynamodb", partition["partition"])
    }
    assert len(regions) > 30
    for region, suffix in regions.items():
        client = session.create_client(
            "dynamodb",
            region_name=region,
            endpoint_url=None,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 nothing is asked
        )
        assert _filled(endpoint, region, suffix) == client.meta.endpoint_url


def _filled(value: Any, region: str, suffix: str) -> str:
    match value:
        case {"Fn::Join": [between, parts]}:
            return str(between).join(_filled(part, region, suffix) for part in parts)
        case {"Ref": "AWS::Region"}:
            return region
        case {"Ref": "AWS::URLSuffix"}:
            return suffix
    return str(value)


def test_lambda_traces_the_function(template: Template) -> None:
    assert _function(template)["TracingConfig"] == {"Mode": "Active"}


def test_no_concurrency_is_reserved(template: Template) -> None:
    # A new account has ten executions in all: its first deployment would fail.
    template.all_resources_properties(FUNCTION, {"ReservedConcurrentExecutions": Match.absent()})


@pytest.mark.parametrize(
    ("name", "days", "policy"),
    [
        ("local", 1, "Delete"),
        ("sandbox", 7, "Delete"),
        ("staging", 7, "Delete"),
        ("production", 365, "RetainExceptOnCreate"),
    ],
)
def test_logs_are_kept_as_long_as_the_environment_says(
    name: str, days: int, policy: str, templates: Mapping[str, Template]
) -> None:
    groups = templates[name].find_resources(LOG_GROUP)
    assert len(groups) >= 2
    for group in groups.values():
        assert group["Properties"]["RetentionInDays"] == days
        assert group["DeletionPolicy"] == policy


def test_the_access_log_is_where_the_regions_policy_need_not_name_it(
    template: Template,
) -> None:
    *_, group = _properties(template, STAGE)["AccessLogSettings"]["DestinationArn"]["Fn::Join"][1]
    properties = template.find_resources(LOG_GROUP)[group["Ref"]]["Properties"]
    uuid = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
    parts = ["/aws/vendedlogs/", {"Ref": "AWS::StackName"}, "/", uuid]
    assert properties.get("LogGroupName") == {"Fn::Join": ["", parts]}


def test_each_function_and_the_gateway_have_a_log_group_of_their_own(template: Template) -> None:
    functions = template.find_resources(FUNCTION).values()
    *_, last = _properties(template, STAGE)["AccessLogSettings"]["DestinationArn"]["Fn::Join"][1]
    groups = [last["Ref"]]
    groups += [function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] for function in functions]
    assert sorted(groups) == sorted(template.find_resources(LOG_GROUP))


def test_the_access_log_has_what_an_investigation_needs_and_nothing_of_a_user(
    template: Template,
) -> None:
    log_format = _properties(template, STAGE)["AccessLogSettings"]["Format"]
    variables = set(json.loads(log_format).values())  # one line of JSON for each request
    assert "\n" not in log_format
    assert {
        "$context.requestId",
        "$context.routeKey",
        "$context.status",
        "$context.responseLatency",
        "$context.integrationLatency",
        "$context.integrationErrorMessage",
        "$context.authorizer.claims.sub",
        "$context.identity.sourceIp",
    } <= variables
    # The path may name a user, as may whatever else a client may write as it wants.
    assert not variables & {"$context.path", "$context.identity.userAgent", "$context.protocol"}
    assert not [v for v in variables if v.startswith(("$request", "$context.authorizer.claims.e"))]


@pytest.mark.parametrize(
    ("name", "every", "lists"),
    [
        ("local", (100, 200), (20, 40)),
        ("sandbox", (100, 200), (20, 40)),
        ("staging", (1000, 500), (100, 50)),
        ("production", (1000, 500), (100, 50)),
    ],
)
def test_requests_are_throttled_and_lists_more_than_others(
    name: str, every: tuple[int, int], lists: tuple[int, int], templates: Mapping[str, Template]
) -> None:
    template = templates[name]
    [stage] = template.find_resources(STAGE).values()
    names = ("ThrottlingRateLimit", "ThrottlingBurstLimit")
    settings = dict(zip(names, lists, strict=True))
    assert stage["Properties"]["DefaultRouteSettings"] == dict(zip(names, every, strict=True))
    assert stage["Properties"]["RouteSettings"] == {
        "GET /users": settings,
        "HEAD /users": settings,
    }
    # The gateway refuses settings for routes that aren't there yet.
    routes = template.find_resources(ROUTE)
    first = {
        routes[name]["Properties"]["RouteKey"] for name in stage["DependsOn"] if name in routes
    }
    assert first == {"GET /users", "HEAD /users"}


def test_without_a_domain_the_default_address_is_open(template: Template) -> None:
    template.has_resource_properties(API, {"DisableExecuteApiEndpoint": Match.absent()})
    template.resource_count_is("AWS::ApiGatewayV2::DomainName", 0)


def test_a_domain_leads_to_the_api_and_its_default_address_does_not() -> None:
    domain = Domain(name="api.example.com", certificate_arn=CERTIFICATE)
    environment = replace(LOCAL, api=replace(LOCAL.api, domain=domain))
    template = Template.from_stack(Backend(cdk.Stack(), "Backend", environment=environment))
    [api] = template.find_resources(API)
    [name] = template.find_resources("AWS::ApiGatewayV2::DomainName")
    template.has_resource_properties(API, {"DisableExecuteApiEndpoint": True})
    template.has_resource_properties(
        "AWS::ApiGatewayV2::DomainName",
        {
            "DomainName": "api.example.com",
            "DomainNameConfigurations": [
                {
                    "CertificateArn": CERTIFICATE,
                    "EndpointType": "REGIONAL",
                    "SecurityPolicy": "TLS_1_2",
                }
            ],
        },
    )
    template.has_resource_properties(
        "AWS::ApiGatewayV2::ApiMapping",
        {"ApiId": {"Ref": api}, "DomainName": {"Ref": name}, "Stage": "$default"},
    )
    template.has_output("APIEndpoint", {"Value": "https://api.example.com"})
    template.has_output("DomainTarget", {"Value": {"Fn::GetAtt": [name, "RegionalDomainName"]}})


@pytest.mark.parametrize("share", [-0.01, 1.01])
def test_a_share_of_requests_is_from_0_to_1(share: float) -> None:
    with pytest.raises(ValueError, match="debug_share must be from 0 to 1"):
        APIOptions(debug_share=share)


def test_only_the_local_api_has_an_id_of_its_own(templates: Mapping[str, Template]) -> None:
    templates["local"].has_resource_properties(API, {"Tags": {"ms-custom-id": API_ID}})
    for name in ("sandbox", "staging", "production", "developer"):
        templates[name].has_resource_properties(API, {"Tags": Match.absent()})


def _function(template: Template) -> dict[str, Any]:
    return function_properties(template, api_function(template))


def _properties(template: Template, kind: str) -> dict[str, Any]:
    [resource] = template.find_resources(kind).values()
    properties: dict[str, Any] = resource["Properties"]
    return properties


def test_no_page_of_another_origin_may_call_the_api(template: Template) -> None:
    template.has_resource_properties(API, {"CorsConfiguration": Match.absent()})


def test_pages_of_named_origins_may() -> None:
    stack = cdk.Stack()
    origins = ("https://app.example.com", "https://admin.example.com")
    environment = replace(LOCAL, api=replace(LOCAL.api, cors_origins=origins))
    template = Template.from_stack(Backend(stack, "Backend", environment=environment))
    [api] = template.find_resources(API).values()
    cors = api["Properties"]["CorsConfiguration"]
    assert cors["AllowOrigins"] == list(origins)
    assert "AllowCredentials" not in cors  # no cookie means anything here
    assert cors["AllowMethods"] == ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    assert {"authorization", "content-type", "if-match"} <= set(cors["AllowHeaders"])
    assert {"etag", "link", "location", "retry-after"} <= set(cors["ExposeHeaders"])
