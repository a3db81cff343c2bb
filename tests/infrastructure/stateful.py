"""Finds the resources that hold data, and their properties that must not change."""

from collections.abc import Mapping
from typing import Any, Final

# By type: the properties whose change makes CloudFormation replace the resource, or lose data:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
STATEFUL: Final = {
    "AWS::Backup::BackupVault": ("BackupVaultName", "EncryptionKeyArn"),
    "AWS::Cognito::UserPool": ("AliasAttributes", "UsernameAttributes"),
    # Callers have the client's secret, which belongs to its pool and domain.
    "AWS::Cognito::UserPoolClient": ("GenerateSecret", "UserPoolId"),
    "AWS::Cognito::UserPoolDomain": ("Domain", "UserPoolId"),
    "AWS::Cognito::UserPoolResourceServer": ("Identifier", "UserPoolId"),
    "AWS::DynamoDB::GlobalTable": (
        "AttributeDefinitions",
        "GlobalSecondaryIndexes",
        "KeySchema",
        "LocalSecondaryIndexes",
        "TableName",
    ),
    "AWS::Logs::LogGroup": ("LogGroupName",),
}
# Every other type must be listed here, so that somebody has thought about it.
STATELESS: Final = {
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::Backup::BackupPlan",
    "AWS::Backup::BackupSelection",
    "AWS::CDK::Metadata",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentConfig",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::Events::Rule",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",  # for messages, which are delivered at once
    "AWS::Lambda::Alias",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
}
# An index's limits may change.
_CHANGEABLE: Final = ("WriteOnDemandThroughputSettings", "ReadOnDemandThroughputSettings")


def stateful(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return, by logical id, the type, the removal policies and what must not change."""
    return {
        name: {
            "type": resource["Type"],
            "when it goes": [resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")],
            **{
                fixed: _without_limits(resource.get("Properties", {})[fixed])
                for fixed in STATEFUL[resource["Type"]]
                if fixed in resource.get("Properties", {})
            },
        }
        for name, resource in sorted(template["Resources"].items())
        if resource["Type"] in STATEFUL
    }


def _without_limits(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_limits(inner) for inner in value]
    if isinstance(value, dict):
        return {name: inner for name, inner in value.items() if name not in _CHANGEABLE}
    return value
