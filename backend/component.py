"""The component's stack, which composes the units and connects them."""

from dataclasses import asdict
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from backend.api import routes
from backend.api.infrastructure import API
from backend.database.infrastructure import Database
from backend.environment import Environment
from backend.functions.function import FunctionDefaults
from backend.identity.infrastructure import Identity
from backend.identity.permissions import add_reader
from backend.monitoring.infrastructure import Monitoring
from backend.rollout.infrastructure import Rollout


class Backend(cdk.Stack):
    """The backend in one environment.

    Its outputs:
        APIEndpoint: The URL that paths are appended to, without a trailing slash.
        DomainTarget: The host name that the domain's DNS record must point to. Missing if the
            environment names no domain.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, **kwargs: Any
    ) -> None:
        target = environment.target
        env = cdk.Environment(**asdict(target)) if target else None
        super().__init__(scope, construct_id, env=env, **kwargs)
        removal_policy = cdk.RemovalPolicy[environment.removal_policy]
        function_defaults = FunctionDefaults(
            platform=environment.platform,
            log_retention=logs.RetentionDays[environment.log_retention],
            log_removal_policy=removal_policy,
        )
        database = Database(
            self,
            "Database",
            options=environment.database,
            removal_policy=removal_policy,
            deletion_protection=environment.deletion_protection,
        )
        identity = Identity(
            self,
            "Identity",
            options=environment.identity,
            scopes=routes.SCOPES,
            removal_policy=removal_policy,
            deletion_protection=environment.deletion_protection,
        )
        if environment.pipeline_account and not environment.identity.issuer:
            add_reader(identity, account=environment.pipeline_account)
        api = API(
            self,
            "API",
            options=environment.api,
            table_name=database.table.table_name,
            issuer_url=identity.issuer.url,
            audience=identity.issuer.audience,
            function_defaults=function_defaults,
        )
        monitoring = Monitoring(
            self,
            "Monitoring",
            options=environment.monitoring,
            api=api,
            database=database,
            has_watcher=environment.rollout is not None,
        )
        if environment.rollout:
            Rollout(
                self,
                "Rollout",
                options=environment.rollout,
                api=api,
                alarms=monitoring.regressions,
                objectives=environment.monitoring.objectives,
                runbook=environment.monitoring.runbook,
                function_defaults=function_defaults,
            )

        database.grant_read_write(api.function)

        self.api_endpoint = cdk.CfnOutput(
            self, "APIEndpoint", value=api.endpoint, description="The URL of the API"
        )
        if api.domain_name:
            cdk.CfnOutput(
                self,
                "DomainTarget",
                value=api.domain_name.regional_domain_name,
                description="The host name that the domain's DNS record must point to",
            )
