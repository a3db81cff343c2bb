import json
from typing import Any, NamedTuple

from aws_cdk.assertions import Template

ALARM = "AWS::CloudWatch::Alarm"
DASHBOARD = "AWS::CloudWatch::Dashboard"

# What AWS documents for HTTP APIs, for a function's alias and for a table's operations; a metric
# of another name, or with other dimensions, exists just as well, and never has data:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
METRICS = {
    "AWS/ApiGateway": {"4xx", "5xx", "Count", "DataProcessed", "IntegrationLatency", "Latency"},
    "AWS/Lambda": {"ConcurrentExecutions", "Duration", "Errors", "Invocations", "Throttles"},
    "AWS/DynamoDB": {"SuccessfulRequestLatency", "SystemErrors", "ThrottledRequests"},
}
DIMENSIONS = {
    "AWS/ApiGateway": {"ApiId"},
    "AWS/Lambda": {"FunctionName", "Resource"},
    "AWS/DynamoDB": {"TableName", "Operation"},
}
# What runtime/dynamodb.py calls.
OPERATIONS = {"GetItem", "TransactWriteItems"}


class Metric(NamedTuple):
    namespace: str
    name: str
    dimensions: dict[str, str]


def test_every_alarm_says_what_it_means_and_what_silence_means(template: Template) -> None:
    alarms = template.find_resources(ALARM)
    assert alarms
    for alarm in alarms.values():
        assert len(alarm["Properties"]["AlarmDescription"]) > 20
        assert alarm["Properties"]["TreatMissingData"] == "notBreaching"


def test_alarms_watch_clients_the_function_and_the_table(template: Template) -> None:
    assert sorted((metric.namespace, metric.name) for metric in _alarmed(template)) == [
        ("AWS/ApiGateway", "5xx"),
        ("AWS/ApiGateway", "Latency"),
        ("AWS/DynamoDB", "ThrottledRequests"),
        ("AWS/DynamoDB", "ThrottledRequests"),
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Throttles"),
    ]


def test_every_alarm_watches_a_metric_that_a_resource_has(template: Template) -> None:
    for metric in _alarmed(template):
        _assert_exists(metric, template)


def test_every_graph_shows_a_metric_that_a_resource_has(template: Template) -> None:
    graphs = _graphed(template)
    assert {metric.namespace for metric in graphs} == set(METRICS)
    for metric in graphs:
        _assert_exists(metric, template)


def _assert_exists(metric: Metric, template: Template) -> None:
    assert metric.name in METRICS[metric.namespace]
    assert set(metric.dimensions) == DIMENSIONS[metric.namespace]
    [api] = template.find_resources("AWS::ApiGatewayV2::Api")
    [function] = template.find_resources("AWS::Lambda::Function")
    [table] = template.find_resources("AWS::DynamoDB::GlobalTable")
    [alias] = template.find_resources("AWS::Lambda::Alias").values()
    existing = {
        "ApiId": {_reference(api)},
        "FunctionName": {_reference(function)},
        "Resource": {f"{_reference(function)}:{alias['Properties']['Name']}"},
        "TableName": {_reference(table)},
        "Operation": OPERATIONS,
    }
    for name, value in metric.dimensions.items():
        assert value in existing[name]


def _alarmed(template: Template) -> list[Metric]:
    return [
        Metric(
            alarm["Properties"]["Namespace"],
            alarm["Properties"]["MetricName"],
            {
                dimension["Name"]: _text(dimension["Value"])
                for dimension in alarm["Properties"]["Dimensions"]
            },
        )
        for alarm in template.find_resources(ALARM).values()
    ]


def _graphed(template: Template) -> list[Metric]:
    [dashboard] = template.find_resources(DASHBOARD).values()
    body = json.loads(_text(dashboard["Properties"]["DashboardBody"]))
    metrics = []
    for widget in body["widgets"]:
        for namespace, name, *rest in widget["properties"]["metrics"]:
            pairs = [part for part in rest if isinstance(part, str)]  # the last holds options
            dimensions = dict(zip(pairs[::2], pairs[1::2], strict=True))
            metrics.append(Metric(namespace, name, dimensions))
    return metrics


def _text(value: Any) -> str:
    """A template's value as text in which references stand out."""
    match value:
        case str():
            return value
        case {"Ref": logical_id}:
            return _reference(logical_id)
        case {"Fn::Join": [delimiter, parts]}:
            return str(delimiter).join(_text(part) for part in parts)
    raise AssertionError(f"no reference to a resource: {value}")


def _reference(logical_id: str) -> str:
    return f"${{{logical_id}}}"
