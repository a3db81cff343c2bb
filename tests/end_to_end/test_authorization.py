"""Who is let in, as far as a caller can see it who has one token. Runs against any deployment.

tests/sandbox/test_authorization.py has the issuer's key, and tries the rest.
"""

import base64
import json
from collections.abc import Callable

import pytest

from tests.deployed import Client

CALLS = [
    "GET /users",
    "HEAD /users",
    "POST /users",
    "GET /users/nobody",
    "HEAD /users/nobody",
    "PUT /users/nobody",
    "PATCH /users/nobody",
    "DELETE /users/nobody",
    "GET /nothing",
    "POST /health",
]


def _with_other_last_octet(token: str) -> str:
    rest, _, signature = token.rpartition(".")
    octets = bytearray(base64.urlsafe_b64decode(signature + "=="))
    octets[-1] ^= 1
    return f"{rest}.{_encoded(bytes(octets))}"


def _unsigned(token: str) -> str:
    header, payload, _ = token.split(".")
    fields = json.loads(base64.urlsafe_b64decode(header + "=="))
    return f"{_encoded(json.dumps({**fields, 'alg': 'none'}).encode())}.{payload}."


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


FORGERIES: dict[str, Callable[[str], str]] = {
    "garbage": lambda _: "garbage",
    "another signature": _with_other_last_octet,
    "no signature": lambda token: token.rpartition(".")[0],
    "alg none": _unsigned,
}


@pytest.mark.parametrize("call", CALLS)
def test_nobody_is_let_in_without_a_token(anonymous: Client, call: str) -> None:
    method, path = call.split()
    answer = anonymous.request(method, path)
    assert answer.status_code == 401
    if method != "HEAD":
        assert answer.json() == {"message": "Unauthorized"}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_nobody_is_let_in_with_a_forged_one(
    anonymous: Client, authorization: dict[str, str], forge: Callable[[str], str]
) -> None:
    scheme, token = authorization["Authorization"].split()
    headers = {"Authorization": f"{scheme} {forge(token)}"}
    for call in CALLS:
        method, path = call.split()
        answer = anonymous.request(method, path, headers=headers)
        assert answer.status_code == 401, call


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_whoever_watches_needs_no_token(anonymous: Client, method: str) -> None:
    assert anonymous.request(method, "/health").status_code == 200
