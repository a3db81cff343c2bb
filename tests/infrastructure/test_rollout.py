import ast
import copy
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from backend.component import Backend
from backend.rollout.options import RolloutOptions
from backend.rollout.runtime import hook
from tests.infrastructure.functions import api_function, function_properties, statements_of
from tests.infrastructure.records import PRODUCTION

ALARM = "AWS::CloudWatch::Alarm"
ALIAS = "AWS::Lambda::Alias"
APPLICATION = "AWS::CodeDeploy::Application"
CONFIGURATION = "AWS::CodeDeploy::DeploymentConfig"
GROUP = "AWS::CodeDeploy::DeploymentGroup"
# Which tables, a round trip, and the clean-up after it.
CALLS = 10


@pytest.fixture
def production(templates: Mapping[str, Template]) -> Template:
    return templates["production"]


@pytest.fixture
def hook_id(production: Template) -> str:
    [alias] = production.find_resources(ALIAS).values()
    update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    return str(update["BeforeAllowTrafficHook"]["Ref"])


def test_codedeploy_shifts_the_alias(production: Template, hook_id: str) -> None:
    [alias] = production.find_resources(ALIAS).values()
    [application] = production.find_resources(APPLICATION)
    [group] = production.find_resources(GROUP)
    assert alias["Properties"]["Name"] == "live"
    assert alias["UpdatePolicy"] == {
        "CodeDeployLambdaAliasUpdate": {
            "ApplicationName": {"Ref": application},
            "DeploymentGroupName": {"Ref": group},
            "BeforeAllowTrafficHook": {"Ref": hook_id},
        }
    }


def test_a_deployment_that_fails_is_taken_back(production: Template) -> None:
    group = _only(production, GROUP)
    assert group["AutoRollbackConfiguration"] == {
        "Enabled": True,
        "Events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"],
    }
    # CodeDeploy can't know that it is safe where it can't ask for the alarms' state.
    assert "IgnorePollAlarmFailure" not in group["AlarmConfiguration"]


def test_production_is_shifted_by_a_canary(production: Template) -> None:
    assert _only(production, CONFIGURATION) == {
        "ComputePlatform": "Lambda",
        "TrafficRoutingConfig": {
            "Type": "TimeBasedCanary",
            "TimeBasedCanary": {"CanaryInterval": 10, "CanaryPercentage": 10},
        },
    }
    [configuration] = production.find_resources(CONFIGURATION)
    assert _only(production, GROUP)["DeploymentConfigName"] == {"Ref": configuration}


def test_how_traffic_shifts_is_data(context: dict[str, Any]) -> None:
    template = _template(context, rollout=RolloutOptions(routing="linear", percent=20, minutes=3))
    assert _only(template, CONFIGURATION)["TrafficRoutingConfig"] == {
        "Type": "TimeBasedLinear",
        "TimeBasedLinear": {"LinearInterval": 3, "LinearPercentage": 20},
    }


@pytest.mark.parametrize("name", ["local", "sandbox", "developer"])
def test_elsewhere_all_traffic_moves_at_once(name: str, templates: Mapping[str, Template]) -> None:
    resources = templates[name].to_json()["Resources"].values()
    assert not [r for r in resources if r["Type"].startswith("AWS::CodeDeploy::")]
    assert not [r for r in resources if "UpdatePolicy" in r]
    assert not [r for r in resources if "rollout" in r.get("Properties", {}).get("Handler", "")]


def test_its_alarms_need_no_operators(templates: Mapping[str, Template]) -> None:
    templates["staging"].resource_count_is("AWS::SNS::Topic", 0)
    assert len(templates["staging"].find_resources(ALARM)) == len(
        templates["production"].find_resources(ALARM)
    )


def test_the_alarms_are_those_that_see_a_change_within_minutes(production: Template) -> None:
    configuration = _only(production, GROUP)["AlarmConfiguration"]
    assert configuration["Enabled"] is True
    watched = [alarm["Name"]["Ref"] for alarm in configuration["Alarms"]]
    alarms = production.find_resources(ALARM)  # of metrics: CodeDeploy knows no composite ones
    assert len(watched) <= 10
    assert sorted(
        re.sub(r"^(MonitoringAlarms|Rollout)|[0-9A-F]{8}$", "", name) for name in watched
    ) == [
        "AvailabilityBurn144Short",
        "FunctionErrors",
        "LatencyBurn144Short",
        "NewVersionSlow",
    ]
    for name in watched:
        assert alarms[name]["Properties"]["EvaluationPeriods"] == 1
        assert set(_values(alarms[name], "Period")) == {300}


@pytest.mark.parametrize(
    ("calls", "fast", "is_red"),
    [(1000, 85.7, False), (1000, 85.5, True), (20, 85, True), (10, 80, False), (1000, 100, False)],
)
def test_the_new_version_by_itself_may_not_be_slow(
    calls: int, fast: float, is_red: bool, production: Template
) -> None:
    [alarm] = [
        alarm["Properties"]
        for name, alarm in production.find_resources(ALARM).items()
        if name.startswith("Rollout")
    ]
    [expression] = _values(alarm, "Expression")
    functions = {"IF": lambda condition, then, otherwise: then if condition else otherwise}
    names = functions | {"calls": calls, "fast": fast}
    value = eval(expression, names)  # noqa: S307 our own
    assert (value >= alarm["Threshold"]) is is_red
    version = _only(production, ALIAS)["FunctionVersion"]
    of_version = [
        d
        for d in _values(alarm, "Dimensions")
        if {"Name": "ExecutedVersion", "Value": version} in d
    ]
    assert len(of_version) == 2


def test_a_canary_is_out_for_longer_than_its_alarms_look_back(production: Template) -> None:
    routing = _only(production, CONFIGURATION)["TrafficRoutingConfig"]
    assert routing["TimeBasedCanary"]["CanaryInterval"] * 60 > 300


def test_the_hook_tries_the_new_version_and_cleans_up_by_the_live_one(
    production: Template, hook_id: str
) -> None:
    [alias] = production.find_resources(ALIAS).values()
    [version] = production.find_resources("AWS::Lambda::Version")
    properties = function_properties(production, hook_id)
    assert alias["Properties"]["FunctionVersion"] == {"Fn::GetAtt": [version, "Version"]}
    function = {"Fn::GetAtt": [api_function(production), "Arn"]}
    assert properties["Environment"]["Variables"] == {
        "NEW_VERSION": {"Ref": version},
        "LIVE_ALIAS": {"Fn::Join": ["", [function, ":live"]]},
    }


def test_the_hook_outlasts_all_that_it_may_wait_for(production: Template, hook_id: str) -> None:
    calls: Any = hook._CALLS
    report: Any = hook._REPORT
    assert calls.retries["total_max_attempts"] == 1
    one = calls.connect_timeout + calls.read_timeout
    # Lambda gives a function that starts ten seconds beside its own time:
    # https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    assert function_properties(production, api_function(production))["Timeout"] + 10 < one
    attempts = report.retries["total_max_attempts"]
    waits = sum(2**attempt for attempt in range(attempts))
    last = attempts * (report.connect_timeout + report.read_timeout) + waits
    start = 10
    timeout = function_properties(production, hook_id)["Timeout"]
    assert start + CALLS * one + last < timeout


def test_the_hook_ships_its_modules_and_needs_no_more_than_lambda_has(
    assemblies: Mapping[str, Path],
) -> None:
    archives = [zipfile.ZipFile(path) for path in assemblies["production"].glob("asset.*.zip")]
    [code] = [
        {name: archive.read(name) for name in archive.namelist()}
        for archive in archives
        if "backend/rollout/runtime/hook.py" in archive.namelist()
    ]
    sources = {name: text for name, text in code.items() if name.endswith(".py")}
    imported = {
        name.split(".")[0]
        for source in sources.values()
        for node in ast.walk(ast.parse(source))
        for name in _imported(node)
    }
    assert imported - sys.stdlib_module_names == {"backend", "boto3", "botocore"}
    assert {Path(name).parent.as_posix() for name in sources} == {
        "backend",
        "backend/rollout",
        "backend/rollout/runtime",
    }


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module) if module:
            return [module]
    return []


def test_the_hook_may_do_just_what_it_does(production: Template, hook_id: str) -> None:
    properties = function_properties(production, hook_id)
    [application] = production.find_resources(APPLICATION)
    [group] = production.find_resources(GROUP)
    arn = {"Fn::GetAtt": [api_function(production), "Arn"]}
    logs = properties["LoggingConfig"]["LogGroup"]["Ref"]
    statements = statements_of(production, properties["Role"]["Fn::GetAtt"][0])
    [report] = [s for s in statements if "codedeploy" in str(s["Action"])]
    assert report["Action"] == "codedeploy:PutLifecycleEventHookExecutionStatus"
    *_, start, of, slash, last = report["Resource"]["Fn::Join"][1]
    assert start.endswith(":deploymentgroup:")
    assert [of, slash, last] == [{"Ref": application}, "/", {"Ref": group}]
    assert sorted((s for s in statements if s is not report), key=str) == [
        {
            "Effect": "Allow",
            "Action": ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"],
            "Resource": {"Fn::Join": ["", [arn, ":*"]]},
        },
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::GetAtt": [logs, "Arn"]},
        },
        {
            "Effect": "Allow",
            "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
            "Resource": "*",
        },
    ]


def test_codedeploy_may_invoke_the_hook_and_nothing_else(
    production: Template, hook_id: str
) -> None:
    role = _only(production, GROUP)["ServiceRoleArn"]["Fn::GetAtt"][0]
    arn = {"Fn::GetAtt": [hook_id, "Arn"]}
    assert statements_of(production, role) == [
        {
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": [arn, {"Fn::Join": ["", [arn, ":*"]]}],
        }
    ]


def test_the_alias_waits_for_all_that_its_update_needs(production: Template, hook_id: str) -> None:
    [alias] = production.find_resources(ALIAS)
    resources = production.to_json()["Resources"]
    needed = set(_needed(alias, resources))
    roles = {
        _only(production, GROUP)["ServiceRoleArn"]["Fn::GetAtt"][0],
        function_properties(production, hook_id)["Role"]["Fn::GetAtt"][0],
    }
    policies = [
        name
        for name, policy in production.find_resources("AWS::IAM::Policy").items()
        if any({"Ref": role} in policy["Properties"]["Roles"] for role in roles)
    ]
    assert len(policies) == 2
    assert needed >= {*policies, hook_id}


@pytest.mark.parametrize("name", ["local", "sandbox", "staging", "production"])
def test_no_resource_waits_for_itself(name: str, templates: Mapping[str, Template]) -> None:
    # The CDK looks for circles, too, but not at policies of updates.
    resources = templates[name].to_json()["Resources"]
    assert [logical_id for logical_id in resources if _is_circular(logical_id, resources)] == []


def test_a_circle_would_be_found(production: Template) -> None:
    resources = copy.deepcopy(production.to_json()["Resources"])
    [alias] = production.find_resources(ALIAS)
    [watched, *_] = _only(production, GROUP)["AlarmConfiguration"]["Alarms"]
    resources[watched["Name"]["Ref"]]["Properties"]["AlarmDescription"] = {"Ref": alias}
    assert _is_circular(alias, resources)


def _is_circular(logical_id: str, resources: Mapping[str, Any]) -> bool:
    return logical_id in set(_needed(logical_id, resources))


def _needed(logical_id: str, resources: Mapping[str, Any]) -> Iterator[str]:
    """What a resource waits for, directly and not."""
    seen: set[str] = set()
    ahead = list(_references(resources[logical_id]))
    while ahead:
        name = ahead.pop()
        if name in resources and name not in seen:
            seen.add(name)
            yield name
            ahead += _references(resources[name])


def _references(value: Any) -> Iterator[str]:
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": [str(text), dict(variables)]}:
            yield from re.findall(r"\$\{(\w+)", text)
            yield from _references(list(variables.values()))
        case {"Fn::Sub": str(text)}:
            yield from re.findall(r"\$\{(\w+)", text)
        case dict():
            first = value.get("DependsOn", [])
            yield from [first] if isinstance(first, str) else first
            for inner in value.values():
                yield from _references(inner)
        case list():
            for inner in value:
                yield from _references(inner)


def _values(value: Any, wanted: str) -> Iterator[Any]:
    match value:
        case dict():
            for name, inner in value.items():
                if name == wanted:
                    yield inner
                yield from _values(inner, wanted)
        case list():
            for inner in value:
                yield from _values(inner, wanted)


def _only(template: Template, kind: str) -> dict[str, Any]:
    [resource] = template.find_resources(kind).values()
    properties: dict[str, Any] = resource["Properties"]
    return properties


def _template(context: dict[str, Any], **changes: Any) -> Template:
    environment = replace(PRODUCTION, **changes)
    return Template.from_stack(Backend(cdk.App(context=context), "Stack", environment=environment))
