"""The calls by a client that a stranger's tool made from the document: the document is true."""

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.deployed import Client
from tooling.install import PYTHON, ROOT

_PACKAGE = "generated_client"


class GeneratedClient:
    """The generated package, connected to the deployed API."""

    def __init__(self, client: Any) -> None:
        self.models: Any = importlib.import_module(f"{_PACKAGE}.models")
        self._client = client

    def call(self, name: str, *path: str, **parameters: Any) -> Any:
        """An answer: status_code, headers, and the body as `parsed`."""
        module = importlib.import_module(f"{_PACKAGE}.api.users.{name}")
        return module.sync_detailed(*path, client=self._client, **parameters)

    def create(self, members: dict[str, Any], **parameters: Any) -> Any:
        body = self.models.NewUser.from_dict(members)
        return self.call("create_user", body=body, **parameters)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the generated package is. What the generator can't make is no part of a contract."""
    folder = tmp_path_factory.mktemp("generated")
    command = [str(PYTHON.with_name("openapi-python-client")), "generate", "--fail-on-warning"]
    command += ["--path", str(ROOT / "docs" / "openapi.json"), "--meta", "none"]
    command += ["--output-path", str(folder / _PACKAGE)]
    # It formats what it made with ruff.
    environment = {**os.environ, "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    said = done.stdout + done.stderr
    assert (done.returncode, "arning" in said) == (0, False), said
    sys.path.insert(0, str(folder))
    yield folder / _PACKAGE
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def generated(package: Path, api: Client, endpoint: str) -> GeneratedClient:
    module = importlib.import_module(f"{_PACKAGE}.client")
    return GeneratedClient(module.Client(base_url=endpoint).set_httpx_client(api))


def test_every_call_has_a_function(package: Path) -> None:
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    names = {
        re.sub("(?=[A-Z])", "_", operation["operationId"]).lower()
        for path in document["paths"].values()
        for operation in path.values()
        if "operationId" in operation and "users" in operation["tags"]  # not a path's parameters
    }
    assert {file.stem for file in (package / "api" / "users").glob("[!_]*.py")} == names


def test_a_user_lives(generated: GeneratedClient, name: str) -> None:
    models, email = generated.models, f"{name}@Example.com"
    created = generated.create(
        {"username": name, "email": email, "attributes": {"n": 1, "t": True}}
    )
    assert created.status_code == 201
    user = created.parsed
    assert isinstance(user, models.User)
    assert (user.username, user.email, user.version) == (name, email, 1)
    assert user.status is models.UserStatus.ACTIVE
    assert user.attributes.to_dict() == {"n": 1, "t": True}
    assert user.created_at == user.updated_at
    assert user.created_at.utcoffset() is not None

    read = generated.call("get_user", name.upper())
    assert (read.status_code, read.parsed) == (200, user)
    assert read.headers["ETag"] == created.headers["ETag"]
    again = generated.call("get_user", name, if_none_match=read.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert generated.call("head_user", name).headers["ETag"] == read.headers["ETag"]

    body = models.UserReplacement(given_name="Zoë", country=models.UserCountry.DE)
    replaced = generated.call("replace_user", name, body=body, if_match=read.headers["ETag"])
    assert (replaced.status_code, replaced.parsed.version) == (200, 2)
    assert replaced.parsed.given_name == "Zoë"
    assert replaced.parsed.country is models.UserCountry.DE
    assert not replaced.parsed.email

    body = models.UserPatch(given_name=None, status=models.UserStatus.SUSPENDED)
    patched = generated.call("patch_user", name, body=body)
    assert (patched.status_code, patched.parsed.version) == (200, 3)
    assert patched.parsed.status is models.UserStatus.SUSPENDED
    assert not patched.parsed.given_name
    assert patched.parsed.country is models.UserCountry.DE

    assert generated.call("delete_user", name).status_code == 204
    gone = generated.call("get_user", name)
    assert (gone.status_code, gone.parsed.type_) == (404, "/problems/user-not-found")


def test_a_list_is_walked(generated: GeneratedClient, new_name: Callable[[], str]) -> None:
    names = sorted(new_name() for _ in range(3))
    for name in names:
        assert generated.create({"username": name, "email": f"{name}@example.com"}).parsed
    seen: list[str] = []
    more: dict[str, Any] = {}
    while True:
        page = generated.call("list_users", limit=2, username_prefix="e2e-", **more)
        assert page.status_code == 200
        seen += [user.username for user in page.parsed.users]
        if not page.parsed.next_cursor:
            break
        more = {"cursor": page.parsed.next_cursor}
        [link] = page.headers.get_list("Link")
        assert parse_qs(urlsplit(link.strip("<").split(">")[0]).query)["cursor"] == [more["cursor"]]
    assert seen == sorted(seen)
    assert set(names) <= set(seen)
    found = generated.call("list_users", email=f"{names[0].upper()}@example.com")
    assert [user.username for user in found.parsed.users] == [names[0]]
    bad = generated.call("list_users", cursor="AAAA")
    assert (bad.status_code, bad.parsed.type_) == (400, "/problems/malformed-request")


def test_refusals_are_problems(generated: GeneratedClient, new_name: Callable[[], str]) -> None:
    models, name = generated.models, new_name()
    created = generated.create({"username": name, "email": f"{name}@example.com"})

    taken = generated.create({"username": name})
    assert (taken.status_code, taken.parsed.type_) == (409, "/problems/username-taken")
    taken = generated.create({"username": new_name(), "email": f"{name}@example.com"})
    assert (taken.status_code, taken.parsed.type_) == (409, "/problems/email-taken")

    generated.call("patch_user", name, body=models.UserPatch(state="Bonn"))
    old = {"if_match": created.headers["ETag"]}
    lost = generated.call("replace_user", name, body=models.UserReplacement(), **old)
    assert (lost.status_code, lost.parsed.type_) == (412, "/problems/precondition-failed")
    assert generated.call("delete_user", name, **old).status_code == 412

    faulty = generated.create({"username": "-", "email": "x"})
    assert faulty.status_code == 422
    assert isinstance(faulty.parsed, models.Problem)
    assert {fault.pointer for fault in faulty.parsed.errors} == {"/username", "/email"}


def test_a_create_can_be_tried_again(
    generated: GeneratedClient, new_name: Callable[[], str]
) -> None:
    name = new_name()
    first, again = (
        generated.create({"username": name}, idempotency_key=f"key-{name}") for _ in range(2)
    )
    assert (again.status_code, again.parsed) == (201, first.parsed)
    assert again.headers["ETag"] == first.headers["ETag"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    other = generated.create({"username": new_name()}, idempotency_key=f"key-{name}")
    assert (other.status_code, other.parsed.type_) == (422, "/problems/idempotency-key-reused")
