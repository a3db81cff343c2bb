"""All that the benchmarks use of this project's own code: adapt it here when that moves."""

from pathlib import Path

from backend.api.asset import ASSET, HANDLER
from backend.api.runtime.handler import UserAPI
from backend.functions.bundling import build
from backend.functions.platform import HOST
from backend.users.dynamodb import items
from backend.users.dynamodb.client import Client, Document, Observe, Request
from backend.users.dynamodb.deadline import Deadline
from backend.users.dynamodb.repository import DynamoDBUserRepository
from backend.users.dynamodb.table import Table
from backend.users.models import User
from backend.users.repository import IdempotencyKey, Listing
from localcloud.events import event
from tests.dynamodb_local import create_table, started_engine
from tests.in_memory_users import InMemoryUserRepository

__all__ = [
    "HANDLER",
    "Client",
    "Deadline",
    "Document",
    "DynamoDBUserRepository",
    "IdempotencyKey",
    "InMemoryUserRepository",
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


def build_archive() -> Path:
    """Build the archive that the CDK CLI uploads, for this machine."""
    return build(ASSET, HOST).path
