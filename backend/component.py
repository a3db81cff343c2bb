"""The component: composes the logical units, connects them, and says what others need."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from backend.api.infrastructure import API
from backend.database.infrastructure import Database
from backend.monitoring.infrastructure import Monitoring
from constants import Environment


class Backend(cdk.Stack):
    """The user management backend, as one environment has it.

    Output APIEndpoint: the address that the paths begin at, without a slash at its end.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, **kwargs: Any
    ) -> None:
        super().__init__(scope, construct_id, env=environment.target, **kwargs)
        database = Database(
            self,
            "Database",
            removal_policy=environment.removal_policy,
            deletion_protection=environment.deletion_protection,
            point_in_time_recovery=environment.point_in_time_recovery,
        )
        api = API(
            self,
            "API",
            table_name=database.table.table_name,
            platform=environment.platform,
            tags=environment.api_tags,
            cors_origins=environment.cors_origins,
            log_retention=environment.log_retention,
            log_removal_policy=environment.removal_policy,
        )
        Monitoring(
            self,
            "Monitoring",
            api=api,
            database=database,
            objectives=environment.objectives,
            operators=environment.operators,
            runbook=environment.runbook,
            concurrency_quota=environment.concurrency_quota,
        )

        # Just what runtime/table.py calls; a transaction needs the permissions of its parts. Not
        # table.grant(): where there is an index, it permits all that is on any index.
        iam.Grant.add_to_principal(
            grantee=api.function,
            actions=[
                "dynamodb:BatchGetItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
            ],
            resource_arns=[database.table.table_arn],
        )
        iam.Grant.add_to_principal(
            grantee=api.function,
            actions=["dynamodb:Query"],
            resource_arns=[database.status_index_arn],
        )
        self.api_endpoint = cdk.CfnOutput(
            self, "APIEndpoint", value=api.http_api.api_endpoint, description="Where the API is"
        )
