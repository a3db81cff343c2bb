"""The component: composes the logical units, connects them, and says what others need."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from backend.api import routes
from backend.api.infrastructure import API
from backend.database.infrastructure import Database
from backend.identity.infrastructure import Identity
from backend.monitoring.infrastructure import Monitoring
from constants import Environment


class Backend(cdk.Stack):
    """The user management backend, as one environment has it.

    Output APIEndpoint: the address that the paths begin at, without a slash at its end.
    Output DomainTarget, where the environment names a domain: what its DNS record has to lead to.
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
        issuer = environment.issuer
        if issuer is None:
            issuer = Identity(
                self,
                "Identity",
                scopes=routes.SCOPES,
                token_validity=environment.token_validity,
                removal_policy=environment.removal_policy,
                deletion_protection=environment.deletion_protection,
            ).issuer
        api = API(
            self,
            "API",
            table_name=database.table.table_name,
            platform=environment.platform,
            tags=environment.api_tags,
            issuer_url=issuer.url,
            audience=issuer.audience,
            open_docs=environment.open_docs,
            cors_origins=environment.cors_origins,
            throttle=environment.throttle,
            list_throttle=environment.list_throttle,
            domain=environment.domain,
            log_retention=environment.log_retention,
            log_removal_policy=environment.removal_policy,
        )
        Monitoring(self, "Monitoring", api=api, database=database)

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
            self, "APIEndpoint", value=api.endpoint, description="Where the API is"
        )
        if api.domain_name:
            cdk.CfnOutput(
                self,
                "DomainTarget",
                value=api.domain_name.regional_domain_name,
                description="What the domain's record in the DNS has to lead to",
            )
