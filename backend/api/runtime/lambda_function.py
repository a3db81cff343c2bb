"""The composition root: makes the handler when Lambda starts the function."""

import gc

# What a start makes stays: to look for garbage among it would take a thirtieth of the start.
gc.disable()

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from backend.api.runtime import settings
from backend.api.runtime.handler import UserAPI
from backend.users.dynamodb.client import Client
from backend.users.dynamodb.repository import DynamoDBUserRepository
from backend.users.dynamodb.table import Table

_SERVICE = "users"

_settings = settings.load()
_logger = Logger(
    service=_SERVICE,
    level=_settings.log_level,
    sampling_rate=_settings.debug_share or None,
    json_deserializer=str,  # messages are words: it would try each as JSON, and fail
)


def _observe(operation: str, milliseconds: float) -> None:
    _logger.debug("dynamodb", operation=operation, milliseconds=round(milliseconds, 1))


# Once: it keeps its connections from one request to the next.
_client = Client(_settings.endpoint, _settings.region, authorities=_settings.authorities)
handler = UserAPI(
    DynamoDBUserRepository(Table(_client, _settings.table_name, observe=_observe)),
    _logger,
    EphemeralMetrics(namespace=_settings.metrics_namespace, service=_SERVICE),
)

gc.freeze()
gc.enable()
