import hashlib
import json
import os
import ssl
import subprocess
import sys
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from backend.api.asset import ASSET
from backend.functions import bundling
from backend.functions.platform import HOST
from tests.certificates import Certificates

# Published on https://www.amazontrust.com/repository/ for the roots that it recommends to trust:
# the SHA-256 of each one's public key.
PUBLISHED = {
    "Amazon Root CA 1": "fbe3018031f9586bcbf41727e417b7d1c45c2f47f93be372a17b96b50757d5a2",
    "Amazon Root CA 2": "7f4296fc5b6a4e3b35d3c369623e364ab1af381d8fa7121533c9d6c633ea2461",
    "Amazon Root CA 3": "36abc32656acfc645c61b71613c4bf21c787f5cabbee48348d58597803d7abc9",
    "Amazon Root CA 4": "f7ecded5c66047d28ed6466b543c40e0743abe81d109254dcf845d4c2c7853c5",
    "Starfield Services Root Certificate Authority - G2": (
        "2b071c59a0a0ae76b0eadb2bad23bad4580b69c3601b630c2eaf0613afa83f92"
    ),
}
HANDLER = "backend.api.runtime.lambda_function"
# What no start needs: each would bring dozens of modules along.
NEVER_AT_START = {
    "asyncio",
    "boto3",
    "botocore.client",
    "botocore.credentials",
    "configparser",
    "html.parser",
    "multiprocessing",
}


@pytest.fixture(scope="module")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The asset's files, as Lambda unpacks them."""
    folder = tmp_path_factory.mktemp("asset")
    with zipfile.ZipFile(bundling.build(ASSET, HOST).path) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


# One of them is older than the rule, and has the serial number 0.
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_the_authorities_are_those_that_amazon_publishes(asset: Path) -> None:
    content = (asset / "backend/users/dynamodb/authorities.pem").read_bytes()
    found = {}
    for certificate in x509.load_pem_x509_certificates(content):
        [name] = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        found[name.value] = hashlib.sha256(key).hexdigest()
    assert found == PUBLISHED


def test_a_foreign_authority_is_refused(asset: Path, certificates: Certificates) -> None:
    with dynamodb(certificates.context()) as port:
        assert get_item(asset, f"https://localhost:{port}") == "SSLCertVerificationError"


def test_another_authority_can_be_trusted(
    asset: Path, certificates: Certificates, tmp_path: Path
) -> None:
    (bundle := tmp_path / "bundle.pem").write_text(certificates.root)
    with dynamodb(certificates.context()) as port:
        endpoint = f"https://localhost:{port}"
        assert get_item(asset, endpoint, {"AWS_CA_BUNDLE": str(bundle)}) == "None"


def test_a_response_without_a_checksum_is_none_of_dynamodb_s(
    asset: Path, certificates: Certificates, tmp_path: Path
) -> None:
    (bundle := tmp_path / "bundle.pem").write_text(certificates.root)
    with dynamodb(certificates.context(), has_checksum=False) as port:
        environ = {"AWS_CA_BUNDLE": str(bundle)}
        assert get_item(asset, f"https://localhost:{port}", environ) == "no checksum"
    with dynamodb(None, has_checksum=False) as port:  # an engine that stands in for it
        assert get_item(asset, f"http://localhost:{port}") == "None"


def test_a_sandbox_needs_no_authority(asset: Path) -> None:
    with dynamodb(None) as port:
        assert get_item(asset, f"http://localhost:{port}") == "None"


def test_a_start_imports_no_more_than_it_needs(asset: Path) -> None:
    loaded = run(asset, f"import {HANDLER}; print(*sys.modules)").split()
    assert HANDLER in loaded
    assert not NEVER_AT_START & set(loaded)


def test_what_is_left_out_is_nowhere_missed(asset: Path) -> None:
    """Every module of ours, and each that one of them would import on some day, can be had."""
    program = """
import importlib, pathlib
for path in pathlib.Path("backend").rglob("*.py"):
    importlib.import_module(".".join(path.with_suffix("").parts))
print(*sys.modules)
"""
    loaded = run(asset, program).split()
    assert HANDLER in loaded
    left_out = {path.replace("/", ".") for path in ASSET.unused}
    assert not left_out & set(loaded)


def test_credentials_are_renewed_where_lambda_says(asset: Path) -> None:
    """As with SnapStart: the environment names an address, and what is had there ends."""
    asked: list[str] = []
    ends = (datetime.now(UTC) + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with credentials(ends, asked) as address, dynamodb(None) as port:
        environ = {
            "AWS_ACCESS_KEY_ID": "",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": address,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
        }
        assert get_item(asset, f"http://localhost:{port}", environ) == "None"
    assert asked == ["token", "token"]  # they end so soon that the first use renews them


def test_credentials_that_end_and_cannot_be_renewed_are_unavailable(asset: Path) -> None:
    with credentials("2026-01-01T00:00:00Z", []) as address:
        environ = {"AWS_ACCESS_KEY_ID": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": address}
        assert get_item(asset, "http://localhost:1", environ) == "RuntimeError"


@contextmanager
def dynamodb(tls: ssl.SSLContext | None, *, has_checksum: bool = True) -> Iterator[int]:
    """A server that has no item, on the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", "2")
            if has_checksum:
                self.send_header("x-amz-crc32", str(zlib.crc32(b"{}")))
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        # In the connection's thread: a client that turns away mustn't stop the server.
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    with served(server) as port:
        yield port


@contextmanager
def served(server: ThreadingHTTPServer) -> Iterator[int]:
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


@contextmanager
def credentials(ends: str, asked: list[str]) -> Iterator[str]:
    """Where a function's credentials are; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Authorization", ""))
            said = {"AccessKeyId": "a", "SecretAccessKey": "b", "Token": "c", "Expiration": ends}
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002
            pass

    with served(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"http://127.0.0.1:{port}/credentials"


def get_item(asset: Path, endpoint: str, environ: Mapping[str, str] | None = None) -> str:
    """What becomes of a request by the asset's client: the item, or why there is none."""
    program = """
from backend.api.runtime import settings
from backend.users.dynamodb.client import Client
from backend.users.errors import Unavailable
from backend.users.dynamodb.table import Table
found = settings.load()
table = Table(Client(found.endpoint, found.region, authorities=found.authorities), "users")
try:
    print(table.get({"pk": {"S": "a"}, "sk": {"S": "b"}}, table.deadline()))
except Unavailable as unavailable:
    print(unavailable.reason)
"""
    return run(asset, program, {"AWS_ENDPOINT_URL_DYNAMODB": endpoint, **(environ or {})}).strip()


def run(asset: Path, program: str, environ: Mapping[str, str] | None = None) -> str:
    """What a program prints that has the asset's modules, and none of this environment's."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", f"import sys; sys.path.insert(0, '.')\n{program}"],
        check=False,
        capture_output=True,
        text=True,
        cwd=asset,
        env={
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-west-1",
            "DYNAMODB_ENDPOINT": "https://dynamodb.eu-west-1.amazonaws.com",
            "TABLE_NAME": "users",
            "METRICS_NAMESPACE": "Tests",
            "LOG_LEVEL": "INFO",
            "DEBUG_SHARE": "0",
            "PATH": os.defpath,
            **(environ or {}),
        },
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
