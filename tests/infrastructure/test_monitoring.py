import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from backend.component import Backend
from backend.monitoring.alarms import BURN_RATES
from backend.monitoring.options import Operators
from backend.users.dynamodb.layout import STATUS_INDEX
from tests.infrastructure.dashboard import picture
from tests.infrastructure.functions import api_function
from tests.infrastructure.records import PRODUCTION, RUNBOOK
from tooling.install import ROOT

ALARM = "AWS::CloudWatch::Alarm"
COMPOSITE = "AWS::CloudWatch::CompositeAlarm"
DASHBOARD = "AWS::CloudWatch::Dashboard"
TOPIC = "AWS::SNS::Topic"
SUBSCRIPTION = "AWS::SNS::Subscription"

# A metric of another name, or with other dimensions, exists just as well, and never has data.
DOCUMENTED = json.loads(Path(__file__).with_name("documented_metrics.json").read_text())
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
FUNCTIONS = {"FILL", "IF", "SUM", "TIME_SERIES"}
DAY = 24 * 60 * 60


class Metric(NamedTuple):
    namespace: str
    name: str
    dimensions: dict[str, str]


class Query(NamedTuple):
    """An expression, and the names that it may use."""

    expression: str
    names: set[str]


@pytest.fixture
def production(templates: Mapping[str, Template]) -> Template:
    return templates["production"]


@pytest.mark.parametrize(
    ("name", "has_alarms"),
    [("local", False), ("sandbox", False), ("developer", False), ("production", True)],
)
def test_there_are_alarms_where_operators_look_at_them(
    name: str, *, has_alarms: bool, templates: Mapping[str, Template]
) -> None:
    assert bool(templates[name].find_resources(ALARM)) is has_alarms
    templates[name].resource_count_is(DASHBOARD, 1)


def test_every_alarm_watches_a_metric_that_aws_and_the_template_have(template: Template) -> None:
    for alarm in template.find_resources(ALARM).values():
        for metric in _metrics(alarm["Properties"]):
            _assert_exists(metric, template)


def test_every_record_costs_what_the_page_says_without_a_request(
    templates: Mapping[str, Template],
) -> None:
    section = (ROOT / "docs" / "operations.md").read_text().partition("## What it costs")[2]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in re.findall(
            r"^\|.+\|$", section.partition("\n\n|")[2].partition("\n\n")[0], re.M
        )
    ]
    (_, *prices, _), *records = rows[1:]
    assert [row[0] for row in records] == ["Sandbox", "Staging", "Production"]
    made = []
    for name, *_ in records:
        template = templates[name.lower()].to_json()["Resources"].values()
        kinds = (COMPOSITE, DASHBOARD, "AWS::KMS::Key")
        # An alarm is billed by its metrics.
        metrics = [m for r in template if r["Type"] == ALARM for m in _metrics(r["Properties"])]
        found = [len(metrics), *(sum(r["Type"] == kind for r in template) for kind in kinds)]
        cost = sum(count * float(price) for count, price in zip(found, prices, strict=True))
        made.append([name, *map(str, found), f"{cost:.2f}"])
    if records != made:
        lines = "\n".join(f"| {' | '.join(row)} |" for row in made)
        pytest.fail(
            f"docs/operations.md: these are the rows; correct the sentence above, too\n{lines}",
            pytrace=False,
        )


def test_every_graph_shows_a_metric_that_aws_and_the_template_have(template: Template) -> None:
    graphed = list(_graphed(template))
    metrics = [shown for shown in graphed if isinstance(shown, Metric)]
    assert {metric.namespace for metric in metrics} == set(DOCUMENTED)
    for metric in metrics:
        _assert_exists(metric, template)
    for shown in graphed:
        if isinstance(shown, Query):
            _assert_computable(shown)


def test_every_expression_uses_what_its_alarm_has(template: Template) -> None:
    for alarm in template.find_resources(ALARM).values():
        entries = alarm["Properties"].get("Metrics", [])
        for entry in entries:
            if "Expression" in entry:
                names = {other["Id"] for other in entries} - {entry["Id"]}
                _assert_computable(Query(entry["Expression"], names))
                # CloudWatch combines values of one period only, and has none of over a day.
                periods = {e["MetricStat"]["Period"] for e in entries if "MetricStat" in e}
                assert len(periods) == 1
                assert max(periods) <= DAY


def test_no_alarm_looks_back_further_than_cloudwatch_can(template: Template) -> None:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    for alarm in template.find_resources(ALARM).values():
        periods = alarm["Properties"]["EvaluationPeriods"]
        for seconds in _periods(alarm["Properties"]):
            assert seconds * periods <= (7 * DAY if seconds >= 3600 else DAY)


def test_every_alarm_says_what_it_means_and_where_its_runbook_is(template: Template) -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "operations.md").read_text(), re.M)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    for alarm in _all_alarms(template).values():
        meaning, link = alarm["Properties"]["AlarmDescription"].split(" What to do: ")
        assert len(meaning) > 20
        page, anchor = link.split("#")
        assert page == RUNBOOK
        assert anchor in anchors


def test_silence_is_no_alarm(template: Template) -> None:
    # Every metric is reported per request, or only where there is something to report.
    for alarm in template.find_resources(ALARM).values():
        assert alarm["Properties"]["TreatMissingData"] == "notBreaching"


def test_the_operations_are_those_that_the_function_calls(production: Template) -> None:
    source = ast.parse((ROOT / "backend/users/dynamodb/table.py").read_text())
    operations = {
        node.args[0].value
        for node in ast.walk(source)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Request"
        and isinstance(node.args[0], ast.Constant)
    }
    watched = [
        metric.dimensions["Operation"]
        for alarm in production.find_resources(ALARM).values()
        for metric in _metrics(alarm["Properties"])
        if metric.name == "SystemErrors"
    ]
    assert sorted(watched) == sorted(map(str, operations))


def test_every_throttled_read_and_write_is_watched(production: Template) -> None:
    watched = {
        (metric.name, metric.dimensions.get("GlobalSecondaryIndexName"))
        for alarm in production.find_resources(ALARM).values()
        for metric in _metrics(alarm["Properties"])
        if "ThrottleEvents" in metric.name
    }
    names = ("ReadThrottleEvents", "WriteThrottleEvents")
    assert watched == {(name, index) for name in names for index in (None, STATUS_INDEX)}


def test_what_the_local_cloud_refuses_is_not_in_its_template(
    templates: Mapping[str, Template],
) -> None:
    local = templates["local"]
    local.resource_count_is(ALARM, 0)
    local.resource_count_is(COMPOSITE, 0)
    local.resource_count_is(TOPIC, 0)


def test_each_alarm_is_in_one_message(production: Template) -> None:
    composites = production.find_resources(COMPOSITE)
    rules = [_text(alarm["Properties"]["AlarmRule"]) for alarm in composites.values()]
    for name, alarm in production.find_resources(ALARM).items():
        assert "AlarmActions" not in alarm["Properties"]
        if not name.startswith("Monitoring"):
            continue  # its own unit acts on it
        assert [f"${{{name}.Arn}}" in rule for rule in rules].count(True) == 1


def test_one_fault_pages_once(production: Template) -> None:
    pages, tickets = _composites(production)
    assert len(pages) == 1
    [(page, composite)] = pages.items()
    assert "ActionsSuppressor" not in composite
    for ticket in tickets.values():
        assert ticket["ActionsSuppressor"] == {"Fn::GetAtt": [page, "Arn"]}
        assert ticket["ActionsSuppressorWaitPeriod"] == 15 * 60


def test_a_burn_rate_pages_where_it_matters_and_still_goes_on(production: Template) -> None:
    pages, _ = _composites(production)
    [rule] = [_text(page["AlarmRule"]) for page in pages.values()]
    alarms = production.find_resources(ALARM)
    joined = [
        sorted(max(_periods(alarms[name]["Properties"])) for name in pair)
        for pair in re.findall(r"ALARM\(\"\$\{(\w+).Arn\}\"\) AND ALARM\(\"\$\{(\w+)", rule)
    ]
    # For each of two objectives; the workbook's pages.
    assert sorted(joined) == 2 * [[300, 3600]] + 2 * [[1800, 21600]]
    assert "AND" in rule
    assert rule.count("ALARM(") == 9  # and the dead function


@pytest.mark.parametrize(
    ("requests", "failed", "burn_rate"),
    [
        (10_000, 144, 14.4),
        (10_000, 10, 1),
        (10_000, None, 0),
        (3, 3, 1000),  # everything fails
        (2, 2, 0),  # too few to wake anybody
    ],
)
def test_availability_burns_by_the_share_of_failures(
    requests: int, failed: int | None, burn_rate: float, production: Template
) -> None:
    expression = _expression(production, "AvailabilityBurn144Long")
    assert _compute(expression, requests=requests, failed=failed) == pytest.approx(burn_rate)


@pytest.mark.parametrize(
    ("requests", "fast", "burn_rate"),
    [(10_000, 85.6, 14.4), (10_000, 99, 1), (10_000, 100, 0), (4, 0, 100), (2, 0, 0)],
)
def test_latency_burns_by_the_share_that_was_slow(
    requests: int, fast: float, burn_rate: float, production: Template
) -> None:
    expression = _expression(production, "LatencyBurn144Long")
    assert _compute(expression, requests=requests, fast=fast) == pytest.approx(burn_rate)


@pytest.mark.parametrize(
    ("failed", "invocations", "alarmed"),
    [(5, None, 5), (5, 0, 5), (5, 1, 0), (0, None, 0)],
)
def test_a_function_is_dead_when_requests_fail_without_it(
    failed: int, invocations: int | None, alarmed: int, production: Template
) -> None:
    expression = _expression(production, "DeadFunction")
    assert _compute(expression, failed=failed, invocations=invocations) == alarmed


def test_a_steady_burn_spends_the_budget_in_the_time_that_its_rate_says() -> None:
    spent = [burn.rate * burn.days * burn.long.to_hours() / (30 * 24) for burn in BURN_RATES]
    assert spent == pytest.approx([0.02, 0.05, 0.1, 0.1])
    assert [burn.pages for burn in BURN_RATES] == [True, True, False, False]


def test_the_budget_left_is_what_the_last_30_days_have_not_spent(production: Template) -> None:
    widgets = [
        widget["properties"]
        for widget in _body(production)["widgets"]
        if widget["properties"].get("setPeriodToTimeRange")
    ]
    assert [widget["start"] for widget in widgets] == 2 * ["-P30D"]
    _, left = _widget_expressions(widgets[0])
    assert _compute(left, requests=10_000, failed=10) == pytest.approx(0)
    assert _compute(left, requests=10_000, failed=5) == pytest.approx(50)


def test_the_dashboard_reads_from_callers_to_causes(production: Template) -> None:
    widgets = sorted(_body(production)["widgets"], key=lambda widget: (widget["y"], widget["x"]))
    titles = [widget["properties"].get("title", "") for widget in widgets]
    assert titles[0] == "Is anything wrong?"
    parts = ["30 days", "Requests", "Latency (ms)", "Function", "Account", "Table"]
    positions = [next(i for i, t in enumerate(titles) if part in t) for part in parts]
    assert positions == sorted(positions)
    for widget in widgets:
        assert widget["x"] + widget["width"] <= 24


def test_the_dashboard_shows_the_state_of_every_message(production: Template) -> None:
    [shown] = [
        set(re.findall(r"\$\{(\w+)\.Arn\}", str(widget["properties"]["alarms"])))
        for widget in _body(production)["widgets"]
        if widget["type"] == "alarm"
    ]
    assert shown == set(production.find_resources(COMPOSITE))


def test_messages_are_encrypted_by_a_key_that_cloudwatch_may_use(production: Template) -> None:
    [key] = production.find_resources("AWS::KMS::Key")
    for topic in production.find_resources(TOPIC).values():
        assert topic["Properties"]["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    for kind, action, document in (
        ("AWS::KMS::Key", "kms:GenerateDataKey*", "KeyPolicy"),
        ("AWS::KMS::Key", "kms:Decrypt", "KeyPolicy"),
        ("AWS::SNS::TopicPolicy", "sns:Publish", "PolicyDocument"),
    ):
        for resource in production.find_resources(kind).values():
            assert any(
                statement["Effect"] == "Allow"
                and statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
                and action in statement["Action"]
                and "aws:SourceAccount" in statement["Condition"]["StringEquals"]
                for statement in resource["Properties"][document]["Statement"]
            )


def test_messages_reach_the_addresses_of_the_record(context: dict[str, Any]) -> None:
    hook = "https://hooks.example.com/1"
    template = _template(
        context,
        operators=Operators(pages=("call@example.com", hook), tickets=("desk@example.com",)),
    )
    pages, tickets = _composites(template)
    [page_topic] = {str(page["AlarmActions"]) for page in pages.values()}
    [ticket_topic] = {str(ticket["AlarmActions"]) for ticket in tickets.values()}
    assert sorted(
        (
            str([s["Properties"]["TopicArn"]]),
            s["Properties"]["Protocol"],
            s["Properties"]["Endpoint"],
        )
        for s in template.find_resources(SUBSCRIPTION).values()
    ) == sorted(
        [
            (page_topic, "email", "call@example.com"),
            (page_topic, "https", hook),
            (ticket_topic, "email", "desk@example.com"),
        ]
    )


def test_a_topic_without_subscribers_is_a_warning(assemblies: Mapping[str, Path]) -> None:
    [path] = assemblies["production"].glob("*.metadata.json")
    messages = [
        entry["data"]
        for entries in json.loads(path.read_text()).values()
        for entry in entries
        if entry["type"] == "aws:cdk:warning"
    ]
    for topic in ("Pages", "Tickets"):
        sentence = f"The {topic} topic has no subscribers: add an address in constants.py."
        assert any(message.startswith(sentence) for message in messages)


def test_an_objective_is_data(context: dict[str, Any]) -> None:
    assert PRODUCTION.monitoring.objectives
    objectives = replace(PRODUCTION.monitoring.objectives, available_percent=99.99)
    expression = _expression(_template(context, objectives=objectives), "AvailabilityBurn144Short")
    assert _compute(expression, requests=10_000, failed=1) == pytest.approx(1)


def _template(context: dict[str, Any], **changes: Any) -> Template:
    environment = replace(PRODUCTION, monitoring=replace(PRODUCTION.monitoring, **changes))
    return Template.from_stack(Backend(cdk.App(context=context), "Stack", environment=environment))


def _assert_exists(metric: Metric, template: Template) -> None:
    assert sorted(metric.dimensions) in DOCUMENTED[metric.namespace]["metrics"][metric.name]
    [api] = template.find_resources("AWS::ApiGatewayV2::Api")
    function = api_function(template)
    [table] = template.find_resources("AWS::DynamoDB::GlobalTable")
    [alias] = template.find_resources("AWS::Lambda::Alias").values()
    existing = {
        "ApiId": {_reference(api)},
        "FunctionName": {_reference(function)},
        "Resource": {f"{_reference(function)}:{alias['Properties']['Name']}"},
        "ExecutedVersion": {_text(alias["Properties"]["FunctionVersion"])},
        "TableName": {_reference(table)},
        "GlobalSecondaryIndexName": {STATUS_INDEX},
        "Operation": {"BatchGetItem", "GetItem", "Query", "TransactWriteItems"},
    }
    for name, value in metric.dimensions.items():
        assert value in existing[name]


def _assert_computable(query: Query) -> None:
    tree = ast.parse(query.expression, mode="eval")
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert used - FUNCTIONS <= query.names
    assert used - FUNCTIONS


def _compute(expression: str, **values: float | None) -> float:
    """What CloudWatch makes of one datapoint of each metric; None is a missing one."""
    functions = {
        "FILL": lambda value, missing: missing if value is None else value,
        "IF": lambda condition, then, otherwise: then if condition else otherwise,
        "SUM": lambda series: sum(value for value in series if value is not None),
        "TIME_SERIES": lambda value: value,
    }
    return float(eval(expression, functions | values))  # noqa: S307 our own, read by the test above


def _expression(template: Template, name: str) -> str:
    [alarm] = [
        alarm["Properties"]
        for logical_id, alarm in template.find_resources(ALARM).items()
        if name in logical_id
    ]
    [expression] = [entry["Expression"] for entry in alarm["Metrics"] if "Expression" in entry]
    return str(expression)


def _composites(template: Template) -> tuple[dict[str, Any], dict[str, Any]]:
    """Those that page, and those that make tickets."""
    pages: dict[str, Any] = {}
    tickets: dict[str, Any] = {}
    for name, composite in template.find_resources(COMPOSITE).items():
        [action] = composite["Properties"]["AlarmActions"]
        found = pages if "Pages" in action["Ref"] else tickets
        found[name] = composite["Properties"]
    return pages, tickets


def _all_alarms(template: Template) -> dict[str, Any]:
    return {**template.find_resources(ALARM), **template.find_resources(COMPOSITE)}


def _metrics(alarm: dict[str, Any]) -> Iterator[Metric]:
    found = [
        entry["MetricStat"]["Metric"] for entry in alarm.get("Metrics", []) if "MetricStat" in entry
    ]
    for metric in found or [alarm]:
        yield Metric(
            metric["Namespace"],
            metric["MetricName"],
            {
                dimension["Name"]: _text(dimension["Value"])
                for dimension in metric.get("Dimensions", [])
            },
        )


def _periods(alarm: dict[str, Any]) -> list[int]:
    found = [
        entry["MetricStat"]["Period"] for entry in alarm.get("Metrics", []) if "MetricStat" in entry
    ]
    return found or [alarm["Period"]]


def _body(template: Template) -> dict[str, Any]:
    [dashboard] = template.find_resources(DASHBOARD).values()
    body: dict[str, Any] = json.loads(_text(dashboard["Properties"]["DashboardBody"]))
    return body


def _graphed(template: Template) -> Iterator[Metric | Query]:
    for widget in _body(template)["widgets"]:
        entries = widget["properties"].get("metrics", [])
        names = {entry[-1]["id"] for entry in entries if "id" in _options(entry)}
        for entry in entries:
            if expression := _options(entry).get("expression"):
                yield Query(expression, names)
                continue
            namespace, name, *rest = entry
            pairs = [part for part in rest if isinstance(part, str)]  # the last holds options
            yield Metric(namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True)))


def _widget_expressions(widget: dict[str, Any]) -> list[str]:
    return [
        _options(entry)["expression"]
        for entry in widget["metrics"]
        if "expression" in _options(entry)
    ]


def _options(entry: list[Any]) -> dict[str, Any]:
    return entry[-1] if isinstance(entry[-1], dict) else {}


def _text(value: Any) -> str:
    """A template's value as text in which references stand out."""
    match value:
        case str():
            return value
        case {"Ref": logical_id}:
            return _reference(logical_id)
        case {"Fn::GetAtt": [logical_id, attribute]}:
            return _reference(f"{logical_id}.{attribute}")
        case {"Fn::Join": [delimiter, parts]}:
            return str(delimiter).join(_text(part) for part in parts)
    raise AssertionError(f"no reference to a resource: {value}")


def _reference(logical_id: str) -> str:
    return f"${{{logical_id}}}"


def test_the_picture_of_the_dashboard_is_the_dashboards(
    templates: Mapping[str, Template],
) -> None:
    committed = (ROOT / "docs" / "dashboard.svg").read_text()
    made = picture(templates["production"].to_json())
    if made != committed:
        pytest.fail(
            "docs/dashboard.svg is old: run .venv/bin/python -m tests.infrastructure.write.",
            pytrace=False,
        )
