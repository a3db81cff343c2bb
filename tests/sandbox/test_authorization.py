"""Who is let in: every route with every kind of token, as the gateway judges it."""

import base64
import hmac
import json
import math
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from constants import LOCAL
from tests.sandbox.conftest import ROOT, Sandbox, aws_client, token_command, token_of, variables_of
from tests.sandbox.test_sandbox import endpoint_in

READ, WRITE = "users/read", "users/write"
BOTH = f"{READ} {WRITE}"

# What who is let in gets, from the function.
READS = {"GET /users": 200, "HEAD /users": 200, "GET /users/nobody": 404, "HEAD /users/nobody": 404}
WRITES = {
    "POST /users": 400,
    "PUT /users/nobody": 400,
    "PATCH /users/nobody": 400,
    "DELETE /users/nobody": 404,
}
NO_ROUTE = {
    "GET /nothing": 404,
    "GET /users/nobody/more": 404,
    "POST /health": 405,
    "PUT /users": 405,
}
OPEN = {
    f"{method} {path}": 200
    for method in ("GET", "HEAD")
    for path in ("/health", "/openapi.json", "/problems/user-not-found")
}
CALLS: Final[Mapping[str, int]] = {**READS, **WRITES, **NO_ROUTE, **OPEN}

type Claims = dict[str, Any]


class Issuer(NamedTuple):
    """What only the issuer has: the key, and what it puts into a token."""

    header: dict[str, str]
    claims: Claims
    key: rsa.RSAPrivateKey

    def token(
        self,
        change: Claims | None = None,
        *,
        header: dict[str, str] | None = None,
        sign: Callable[[bytes], bytes] | None = None,
    ) -> str:
        """A token with these claims and header fields in place of the right ones; None removes."""
        claims = {n: v for n, v in {**self.claims, **(change or {})}.items() if v is not None}
        parts = [
            _encoded(json.dumps(p).encode()) for p in ({**self.header, **(header or {})}, claims)
        ]
        signed = ".".join(parts)
        return f"{signed}.{_encoded((sign or self.sign)(signed.encode()))}"

    @property
    def client(self) -> str:
        return str(self.claims["client_id"])

    def sign(self, message: bytes) -> bytes:
        return _rs256(self.key, message)

    def sign_with_public_key(self, message: bytes) -> bytes:
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hmac.digest(public, message, "sha256")


def _rs256(key: rsa.RSAPrivateKey, message: bytes) -> bytes:
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=="))


SOMEBODY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NOW = time.time()

# Each makes the header fields of a request.
UNAUTHORIZED: dict[str, Callable[[Issuer], dict[str, str]]] = {
    "no token": lambda _: {},
    "an empty one": lambda _: {"Authorization": "Bearer"},
    "garbage": lambda _: _bearer("garbage"),
    "three words": lambda _: _bearer("a.b.c"),
    "another scheme": lambda issuer: {"Authorization": f"Basic {issuer.token()}"},
    "of somebody's signature": lambda i: _bearer(i.token(sign=lambda m: _rs256(SOMEBODY, m))),
    "of somebody's key": lambda i: _bearer(
        i.token(header={"kid": "somebody"}, sign=lambda m: _rs256(SOMEBODY, m))
    ),
    "with another payload": lambda i: _bearer(_with_payload_of(i.token({"scope": ""}), i.token())),
    "no signature": lambda i: _bearer(i.token(sign=lambda _: b"")),
    "alg none": lambda i: _bearer(i.token(header={"alg": "none"}, sign=lambda _: b"")),
    "alg None": lambda i: _bearer(i.token(header={"alg": "None"}, sign=lambda _: b"x")),
    "signed with the public key": lambda i: _bearer(
        i.token(header={"alg": "HS256"}, sign=i.sign_with_public_key)
    ),
    "expired": lambda i: _bearer(i.token({"exp": int(NOW) - 1})),
    "not yet good": lambda i: _bearer(i.token({"nbf": int(NOW) + 3600})),
    "issued later": lambda i: _bearer(i.token({"iat": int(NOW) + 3600})),
    "wrong issuer": lambda i: _bearer(i.token({"iss": i.claims["iss"] + "x"})),
    "no issuer": lambda i: _bearer(i.token({"iss": None})),
    "wrong client": lambda i: _bearer(i.token({"client_id": "somebody"})),
    "wrong audience": lambda i: _bearer(i.token({"aud": "somebody"})),
    "neither": lambda i: _bearer(i.token({"client_id": None})),
}
AUTHORIZED: dict[str, tuple[Callable[[Issuer], str], str]] = {
    "no scope": (lambda i: i.token({"scope": ""}), ""),
    "no member scope": (lambda i: i.token({"scope": None}), ""),
    "another scope": (lambda i: i.token({"scope": "users users/ users/readwrite openid"}), ""),
    "read": (lambda i: i.token({"scope": READ}), READ),
    "write": (lambda i: i.token({"scope": WRITE}), WRITE),
    "both": (lambda i: i.token({"scope": BOTH}), BOTH),
    "both, by audience": (lambda i: i.token({"scope": BOTH, "aud": ["x", i.client]}), BOTH),
}


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _with_payload_of(token: str, other: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{other.split('.')[1]}.{signature}"


@pytest.fixture(scope="module")
def cloud(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """A client of a started sandbox, which sends no token by itself."""
    url = endpoint_in(sandbox.output)
    with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def issuer(cloud: httpx.Client, folder: Path) -> Issuer:
    """The sandbox's: its key is where the emulator keeps it."""
    header, payload, _ = token_of(folder).split(".")
    claims = _decoded(payload)
    pool = claims["iss"].rpartition("/")[2]
    [pem] = folder.glob(f"working-*/state/cognito-pool-keys/{pool}-access.pem")
    key = serialization.load_pem_private_key(pem.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return Issuer(_decoded(header), claims, key)


def statuses(cloud: httpx.Client, headers: dict[str, str]) -> dict[str, int]:
    """How each call is answered."""
    return {call: cloud.request(*call.split(), headers=headers).status_code for call in CALLS}


@pytest.mark.parametrize("make", UNAUTHORIZED.values(), ids=UNAUTHORIZED)
def test_without_a_valid_token_only_open_routes_answer(
    cloud: httpx.Client, issuer: Issuer, make: Callable[[Issuer], dict[str, str]]
) -> None:
    expected = {call: 200 if call in OPEN else 401 for call in CALLS}
    assert statuses(cloud, make(issuer)) == expected


@pytest.mark.parametrize(("make", "granted"), AUTHORIZED.values(), ids=AUTHORIZED)
def test_a_valid_token_lets_in_where_its_scope_does(
    cloud: httpx.Client, issuer: Issuer, make: Callable[[Issuer], str], granted: str
) -> None:
    expected = dict(CALLS)
    for scope, calls in ((READ, READS), (WRITE, WRITES)):
        if scope not in granted.split():
            expected |= dict.fromkeys(calls, 403)
    assert statuses(cloud, _bearer(make(issuer))) == expected


def test_a_token_is_taken_from_the_header_only(cloud: httpx.Client, issuer: Issuer) -> None:
    for name in ("access_token", "token", "authorization"):
        answer = cloud.get("/users", params={name: issuer.token()})
        assert answer.status_code == 401
        answer = cloud.get("/users", headers={"Cookie": f"{name}={issuer.token()}"})
        assert answer.status_code == 401


def test_the_gateway_says_no_more_than_that(cloud: httpx.Client, issuer: Issuer) -> None:
    answer = cloud.get("/users")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"message": "Unauthorized"}
    answer = cloud.get("/users", headers=_bearer(issuer.token({"scope": WRITE})))
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"message": "Forbidden"}


@pytest.mark.parametrize(("options", "scope"), [([], BOTH), (["--scope", READ], READ)])
def test_the_command_prints_a_token_and_nothing_else(
    cloud: httpx.Client, folder: Path, options: list[str], scope: str
) -> None:
    token = token_of(folder, *options)
    claims = _decoded(token.split(".")[1])
    assert set(claims["scope"].split()) == set(scope.split())
    assert claims["exp"] - claims["iat"] == LOCAL.identity.token_minutes * 60
    assert claims["sub"] == claims["client_id"]
    assert cloud.get("/users", headers=_bearer(token)).status_code == 200


def test_the_request_that_the_sandbox_prints_works_when_it_is_pasted(
    sandbox: Sandbox, folder: Path, tmp_path: Path
) -> None:
    [request] = re.findall(r"^  (curl .*?)\n\n", sandbox.output, re.MULTILINE | re.DOTALL)
    script = tmp_path / "scripts" / "token"  # in place of that for the checkout's own sandbox
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\nexec {shlex.join(token_command(folder))}\n")
    script.chmod(0o700)
    done = subprocess.run(
        ["/bin/sh", "-c", request],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "NO_PROXY": "*", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("HTTP/1.1 201 Created")


def test_of_a_deployed_stack_it_asks_the_pools_own_domain(issuer: Issuer, folder: Path) -> None:
    url, client, secret = _of_stack(folder, LOCAL.stack_name).stdout.split()
    assert re.fullmatch(
        r"https://users-[0-9a-f-]{36}\.auth\.us-east-1\.amazoncognito\.com/oauth2/token", url
    )
    assert client == issuer.client
    assert secret


@pytest.mark.parametrize(
    ("host", "options"),
    [
        ("127.0.0.1", []),
        ("LOCALHOST", []),
        (
            "127.0.0.1",
            ["--role", f"arn:aws:iam::000000000000:role/{LOCAL.stack_name}-Tokens"],
        ),
    ],
)
def test_of_a_stack_on_the_local_cloud_it_asks_that(
    cloud: httpx.Client, folder: Path, host: str, options: list[str]
) -> None:
    command = [sys.executable, "-m", "localcloud.tokens", "--stack", LOCAL.stack_name]
    variables = variables_of(folder)
    endpoint = variables["AWS_ENDPOINT_URL"].replace("127.0.0.1", host)
    environment = {**os.environ, **variables, "AWS_ENDPOINT_URL": endpoint}
    done = subprocess.run(
        [*command, *options], check=True, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert cloud.get("/users", headers=_bearer(done.stdout.strip())).status_code == 200


def test_it_says_what_is_wrong(cloud: httpx.Client, folder: Path) -> None:
    command = token_command(folder, "--scope", "users/delete")
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"{cloud.base_url}/oauth2/token gives no token: 400 invalid_scope"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            token_command(folder),
            check=False,
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (
        1,
        "No space left on device: make room on the disk.\n",
    )
    missing = _of_stack(folder, "Nobody")
    assert "does not exist" in missing.stderr


def test_no_token_and_no_secret_is_in_a_log(
    cloud: httpx.Client, sandbox: Sandbox, folder: Path
) -> None:
    token = token_of(folder)
    assert re.match(r"eyJ[\w-]{20,}\.eyJ", token)
    assert cloud.get("/users", headers=_bearer(token)).status_code == 200
    sandbox.read_until(r"^GET    /users +200")
    *_, secret = _of_stack(folder, LOCAL.stack_name).stdout.split()
    logs = [path.read_text() for path in folder.glob("*.log")]
    assert len(logs) > 2
    for text in [*logs, sandbox.output]:
        assert secret not in text
        assert not re.search(r"eyJ[\w-]{20,}\.eyJ", text)  # what each token begins with


def test_the_repeat_of_another_caller_is_no_repeat(cloud: httpx.Client, issuer: Issuer) -> None:
    def create(subject: str) -> httpx.Response:
        headers = {**_bearer(issuer.token({"sub": subject})), "Idempotency-Key": "key"}
        return cloud.post("/users", json={"username": "repeated"}, headers=headers)

    assert create("one").status_code == 201
    assert (create("one").status_code, create("two").status_code) == (201, 409)


# What AWS does and the local cloud doesn't: when it begins to, these fail.


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="the local cloud does not look at the algorithm's name",
)
def test_an_algorithm_that_the_header_lies_about(cloud: httpx.Client, issuer: Issuer) -> None:
    token = issuer.token(header={"alg": "HS256"})
    assert cloud.get("/users", headers=_bearer(token)).status_code == 401


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="the local cloud takes a token that never expires"
)
def test_a_token_that_never_expires(cloud: httpx.Client, issuer: Issuer) -> None:
    assert cloud.get("/users", headers=_bearer(issuer.token({"exp": None}))).status_code == 401


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="the local cloud answers 500 where AWS answers 401"
)
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["soon", [], {}, math.inf])
def test_a_time_that_is_no_number(
    cloud: httpx.Client, issuer: Issuer, claim: str, value: object
) -> None:
    headers = _bearer(issuer.token({claim: value}))
    assert cloud.get("/users", headers=headers).status_code == 401


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="the local cloud answers 500 where AWS answers 401"
)
@pytest.mark.parametrize("header", [b"[]", b"1", b'"x"', b"null"])
def test_a_token_whose_header_is_no_object(cloud: httpx.Client, header: bytes) -> None:
    token = f"{_encoded(header)}.{_encoded(b'{}')}.{_encoded(b'x')}"
    assert cloud.get("/users", headers=_bearer(token)).status_code == 401


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="the local cloud takes another path for a route's"
)
@pytest.mark.parametrize("path", ["/users/", "//users", "/$default/users"])
def test_a_path_that_is_nearly_a_routes(cloud: httpx.Client, issuer: Issuer, path: str) -> None:
    url = f"{cloud.base_url}{path}"  # as it is: the client would take // for a host
    assert cloud.get(url, headers=_bearer(issuer.token())).status_code == 404


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="the local cloud has connections, which are a WebSocket API's, for this one",
)
def test_a_path_of_another_kind_of_api(cloud: httpx.Client) -> None:
    assert cloud.get("/users/@connections/jane").status_code == 401


@pytest.mark.xfail(
    strict=True, raises=KeyError, reason="the local cloud does not say why (RFC 6750, section 3)"
)
def test_a_refusal_says_why(cloud: httpx.Client) -> None:
    assert cloud.get("/users").headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="the local cloud does not throttle")
def test_a_caller_in_a_hurry_is_held_up(cloud: httpx.Client, issuer: Issuer) -> None:
    headers = _bearer(issuer.token())
    # More than twice what may come at once.
    answers = [cloud.get("/users?limit=1", headers=headers) for _ in range(100)]
    assert 429 in {answer.status_code for answer in answers}


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="the local cloud writes no access logs"
)
def test_the_access_is_logged(cloud: httpx.Client, folder: Path) -> None:
    logs = aws_client("logs", variables_of(folder))
    cloud.get("/health")
    [group] = [
        group["logGroupName"]
        for group in logs.describe_log_groups()["logGroups"]
        if group["logGroupName"].startswith("/aws/vendedlogs/")
    ]
    assert logs.describe_log_streams(logGroupName=group)["logStreams"]


def _of_stack(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    """What is asked for a token of a stack. Its host is on the internet: nobody asks it here."""
    program = (
        "import sys; from localcloud.tokens import main; from tooling import tokens; "
        "tokens._LOCAL_HOSTS = frozenset(); "
        "tokens._ask = lambda url, client, *_: ' '.join((url, client.id, client.secret)); "
        "sys.argv[1:] = ['--stack', sys.argv[1]]; main()"
    )
    environment = {**os.environ, **variables_of(folder)}
    return subprocess.run(
        [sys.executable, "-c", program, name],
        check=False,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
