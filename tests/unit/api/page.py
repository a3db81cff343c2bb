"""Asks the API for its pages, and reads them."""

import base64
import gzip
import io
import json
import uuid
from html.parser import HTMLParser
from typing import NamedTuple

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from backend.api.runtime.handler import UserAPI
from localcloud.events import event
from tests.in_memory_users import InMemoryUserRepository


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    size: int

    @property
    def content(self) -> bytes:
        """As a browser sees it."""
        is_compressed = self.headers.get("Content-Encoding") == "gzip"
        return gzip.decompress(self.body) if is_compressed else self.body


class Client:
    """Sends requests as the gateway would."""

    def __init__(self) -> None:
        logger = Logger(service=uuid.uuid4().hex, stream=io.StringIO())
        self._api = UserAPI(
            InMemoryUserRepository(), logger, EphemeralMetrics(namespace="Tests", service="users")
        )

    def send(self, method: str, path: str, headers: dict[str, str] | None = None) -> Answer:
        answer = self._api(event(method, path, headers=headers), LambdaContext())
        size = len(json.dumps(answer))  # Lambda has to
        body = answer["body"]
        content = base64.b64decode(body) if answer["isBase64Encoded"] else body.encode()
        return Answer(answer["statusCode"], answer["headers"], content, size)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return self.send("GET", path, headers)


class Page(HTMLParser):
    """What a page refers to, and what a strict policy would forbid in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.inline: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"src", "href"} and not (value or "").startswith("data:"):
                self.references.append(value or "")
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem and data.strip():  # in a script or a style
            self.inline.append(data)
