"""The composition root: makes the handler when Lambda initialises the function."""

import gc

# Objects made during a cold start stay: looking for garbage among them would add 3 % to its time.
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
    json_deserializer=str,  # else the logger tries to parse each message as JSON, and fails
)


def _observe(operation: str, milliseconds: float) -> None:
    _logger.debug("dynamodb", operation=operation, milliseconds=round(milliseconds, 1))


# Made once, because it keeps its connections between requests.
_client = Client(_settings.endpoint, _settings.region, authorities=_settings.authorities)
handler = UserAPI(
    DynamoDBUserRepository(Table(_client, _settings.table_name, observe=_observe)),
    _logger,
    EphemeralMetrics(namespace=_settings.metrics_namespace, service=_SERVICE),
)

gc.freeze()
gc.enable()
