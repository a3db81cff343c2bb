"""Finds a template's functions and their permissions."""

from typing import Any

from aws_cdk.assertions import Template


def api_function(template: Template) -> str:
    """Return the logical id of the API's function, which the alias points to."""
    [alias] = template.find_resources("AWS::Lambda::Alias").values()
    return str(alias["Properties"]["FunctionName"]["Ref"])


def function_properties(template: Template, logical_id: str) -> dict[str, Any]:
    """Return the properties of a function."""
    functions = template.find_resources("AWS::Lambda::Function")
    properties: dict[str, Any] = functions[logical_id]["Properties"]
    return properties


def statements_of(template: Template, role: str) -> list[dict[str, Any]]:
    """Return the statements of a role's policies; the role is named by its logical id."""
    return [
        statement
        for policy in template.find_resources("AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Properties"]["Roles"]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
