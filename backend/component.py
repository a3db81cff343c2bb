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
from backend.rollout.infrastructure import Rollout
from backend.users.dynamodb import layout
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
            adopted_table=environment.adopted_table,
            encryption_key=environment.encryption_key,
            max_read_units=environment.max_read_units,
            max_write_units=environment.max_write_units,
            backup_retention=environment.backup_retention,
            removal_policy=environment.removal_policy,
            deletion_protection=environment.deletion_protection,
            point_in_time_recovery=environment.point_in_time_recovery,
        )
        issuer = environment.issuer
        if issuer is None:
            issuer = Identity(
                self,
                "Identity",
                clients=environment.clients,
                scopes=routes.SCOPES,
                token_validity=environment.token_validity,
                removal_policy=environment.removal_policy,
                deletion_protection=environment.deletion_protection,
                reader_account=environment.pipeline_account,
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
            log_level=environment.log_level,
            debug_share=environment.debug_share,
            log_retention=environment.log_retention,
            log_removal_policy=environment.removal_policy,
        )
        monitoring = Monitoring(
            self,
            "Monitoring",
            api=api,
            database=database,
            objectives=environment.objectives,
            operators=environment.operators,
            rollout=environment.rollout is not None,
            runbook=environment.runbook,
            concurrency_quota=environment.concurrency_quota,
        )
        if environment.rollout:
            if not environment.objectives:
                raise ValueError("A rollout needs objectives: alarms on them roll it back.")
            Rollout(
                self,
                "Rollout",
                api=api,
                alarms=monitoring.regressions,
                objectives=environment.objectives,
                runbook=environment.runbook,
                routing=environment.rollout,
                log_retention=environment.log_retention,
                log_removal_policy=environment.removal_policy,
            )

        self._permit_data_access(api, database)
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

    def _permit_data_access(self, api: API, database: Database) -> None:
        # Not table.grant(): where there is an index, it permits all that is on any index.
        iam.Grant.add_to_principal(
            grantee=api.function,
            actions=list(layout.TABLE_ACTIONS),
            resource_arns=[database.table.table_arn],
        )
        iam.Grant.add_to_principal(
            grantee=api.function,
            actions=list(layout.STATUS_INDEX_ACTIONS),
            resource_arns=[database.status_index_arn],
        )
        if database.encryption_key:
            # DynamoDB asks for the key in its caller's name, and nobody else's request may.
            iam.Grant.add_to_principal(
                grantee=api.function,
                actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
                resource_arns=[database.encryption_key.key_arn],
                conditions={
                    "StringEquals": {"kms:ViaService": f"dynamodb.{self.region}.amazonaws.com"}
                },
            )
