"""Tells the functions of a template apart."""

from typing import Any

from aws_cdk.assertions import Template


def api_function(template: Template) -> str:
    """The logical id of the function that answers the API: the alias leads to it."""
    [alias] = template.find_resources("AWS::Lambda::Alias").values()
    return str(alias["Properties"]["FunctionName"]["Ref"])


def function_properties(template: Template, logical_id: str) -> dict[str, Any]:
    """What the template says of it."""
    functions = template.find_resources("AWS::Lambda::Function")
    properties: dict[str, Any] = functions[logical_id]["Properties"]
    return properties


def statements_of(template: Template, role: str) -> list[dict[str, Any]]:
    """What the policies of a role permit; the role by its logical id."""
    return [
        statement
        for policy in template.find_resources("AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Properties"]["Roles"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
