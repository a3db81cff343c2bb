"""The composition root: makes the handler when Lambda starts the function."""

from aws_lambda_powertools import Logger

import settings
from api import UserAPI
from dynamodb import DynamoDBUsers
from table import Table, make_client

_settings = settings.load()

# The client once: it keeps its connection from one request to the next.
handler = UserAPI(
    DynamoDBUsers(Table(make_client(), _settings.table_name)),
    Logger(service="users"),
)
