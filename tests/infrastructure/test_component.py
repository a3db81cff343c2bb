from typing import Any

from aws_cdk.assertions import Template

from tests.infrastructure.functions import api_function, function_properties, statements_of

POLICY = "AWS::IAM::Policy"
ROLE = "AWS::IAM::Role"


def test_the_function_may_do_just_what_it_does(template: Template) -> None:
    function = function_properties(template, api_function(template))
    [table] = template.find_resources("AWS::DynamoDB::GlobalTable")
    logs = function["LoggingConfig"]["LogGroup"]["Ref"]
    statements = statements_of(template, function["Role"]["Fn::GetAtt"][0])
    assert any(map(_is_for_traces, statements))
    others = [statement for statement in statements if not _is_for_traces(statement)]
    assert sorted(others, key=str) == [
        {
            "Effect": "Allow",
            "Action": "dynamodb:Query",
            "Resource": {"Fn::Join": ["", [{"Fn::GetAtt": [table, "Arn"]}, "/index/status"]]},
        },
        {
            "Effect": "Allow",
            "Action": [
                "dynamodb:BatchGetItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
            ],
            "Resource": {"Fn::GetAtt": [table, "Arn"]},
        },
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::GetAtt": [logs, "Arn"]},
        },
    ]


def _is_for_traces(statement: dict[str, Any]) -> bool:
    # X-Ray's actions can't be permitted for one resource:
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
    return statement == {
        "Effect": "Allow",
        "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
        "Resource": "*",
    }


def test_no_policy_has_a_wildcard_without_a_reason(template: Template) -> None:
    for policy in template.find_resources(POLICY).values():
        accepted = policy["Metadata"].get("cdk_nag", {}).get("rules_to_suppress", [])
        if "AwsSolutions-IAM5" in [entry["id"] for entry in accepted]:
            continue  # its unit's tests say just what it permits
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if _is_for_traces(statement):
                continue
            assert "NotAction" not in statement
            assert "NotResource" not in statement
            assert "*" not in str(statement["Action"])
            assert "*" not in str(statement["Resource"])


def test_roles_have_no_policies_beside_those(template: Template) -> None:
    for function in template.find_resources("AWS::Lambda::Function").values():
        role = function["Properties"]["Role"]["Fn::GetAtt"][0]
        assert template.find_resources(ROLE)[role]["Properties"].keys() == {
            "AssumeRolePolicyDocument"
        }
    for role in template.find_resources(ROLE).values():
        assert "Policies" not in role["Properties"]
        for policy in role["Properties"].get("ManagedPolicyArns", []):
            # Those that AWS keeps for its own services.
            assert ":iam::aws:policy/service-role/" in str(policy)
    assert not template.find_resources("AWS::IAM::ManagedPolicy")


def test_the_endpoint_is_an_output(template: Template) -> None:
    [api] = template.find_resources("AWS::ApiGatewayV2::Api")
    template.has_output("APIEndpoint", {"Value": {"Fn::GetAtt": [api, "ApiEndpoint"]}})
