"""All that the benchmarks use of this project's own code: adapt it here when that moves."""

from pathlib import Path
from typing import Final

import items
from api import UserAPI
from backend.api.bundling import HOST, RUNTIME, build
from client import Client, Document, Observe, Request
from deadline import Deadline
from dynamodb import DynamoDBUsers
from localcloud.events import event
from models import User
from table import Table
from tests.dynamodb_local import create_table, started_engine
from tests.in_memory_users import InMemoryUsers
from users import Attempt, Listing

__all__ = [
    "HANDLER",
    "Attempt",
    "Client",
    "Deadline",
    "Document",
    "DynamoDBUsers",
    "InMemoryUsers",
    "Listing",
    "Observe",
    "Request",
    "Table",
    "User",
    "UserAPI",
    "build_archive",
    "create_table",
    "event",
    "items",
    "started_engine",
]

HANDLER: Final = "lambda_function.handler"


def build_archive() -> Path:
    """Build the archive that the CDK CLI uploads, for this machine."""
    return build(RUNTIME, HOST).path
