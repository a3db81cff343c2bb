import ast
import hashlib
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.regions import EndpointResolver
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from backend.api import bundling, pruning
from backend.api.bundling import HOST, RUNTIME
from benchmarks.runtime.certificates import Certificates

# Published on https://www.amazontrust.com/repository/ for the roots that it recommends to trust:
# the SHA-256 of each one's public key. The build picks certificates by another digest.
PUBLISHED = {
    "Amazon Root CA 1": "fbe3018031f9586bcbf41727e417b7d1c45c2f47f93be372a17b96b50757d5a2",
    "Amazon Root CA 2": "7f4296fc5b6a4e3b35d3c369623e364ab1af381d8fa7121533c9d6c633ea2461",
    "Amazon Root CA 3": "36abc32656acfc645c61b71613c4bf21c787f5cabbee48348d58597803d7abc9",
    "Amazon Root CA 4": "f7ecded5c66047d28ed6466b543c40e0743abe81d109254dcf845d4c2c7853c5",
    "Starfield Services Root Certificate Authority - G2": (
        "2b071c59a0a0ae76b0eadb2bad23bad4580b69c3601b630c2eaf0613afa83f92"
    ),
}
# What no start needs: each would bring dozens of modules along.
NEVER_AT_START = {
    "asyncio",
    "aws_lambda_powertools.event_handler.appsync",
    "aws_lambda_powertools.tracing",
    "aws_lambda_powertools.utilities.data_classes.s3_event",
    "boto3",
    "botocore.docs.service",
    "configparser",
    "dateutil",
    "html.parser",
    "importlib.metadata",
    "jmespath",
    "multiprocessing",
}


@pytest.fixture(scope="module")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The asset's files, as Lambda unpacks them."""
    folder = tmp_path_factory.mktemp("asset")
    with zipfile.ZipFile(bundling.build(RUNTIME, HOST).path) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


# One of them is older than the rule, and has the serial number 0.
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_the_authorities_are_those_that_amazon_publishes(asset: Path) -> None:
    content = (asset / "botocore" / "cacert.pem").read_bytes()
    found = {}
    for certificate in x509.load_pem_x509_certificates(content):
        [name] = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        found[name.value] = hashlib.sha256(key).hexdigest()
    assert found == PUBLISHED


def test_a_foreign_authority_is_refused(asset: Path, certificates: Certificates) -> None:
    with dynamodb(certificates.context()) as port:
        assert get_item(asset, f"https://localhost:{port}") == "SSLError"


def test_another_authority_can_be_trusted(
    asset: Path, certificates: Certificates, tmp_path: Path
) -> None:
    (bundle := tmp_path / "bundle.pem").write_text(certificates.root)
    with dynamodb(certificates.context()) as port:
        endpoint = f"https://localhost:{port}"
        assert get_item(asset, endpoint, {"AWS_CA_BUNDLE": str(bundle)}) == "200"


def test_a_sandbox_needs_no_authority(asset: Path) -> None:
    with dynamodb(None) as port:
        assert get_item(asset, f"http://localhost:{port}") == "200"


def test_dynamodb_is_where_the_whole_sdk_finds_it(asset: Path) -> None:
    shipped = json.loads((asset / "botocore/data/endpoints.json").read_text())
    whole, pruned = EndpointResolver(Loader().load_data("endpoints")), EndpointResolver(shipped)
    partitions = whole.get_available_partitions()
    assert pruned.get_available_partitions() == partitions
    regions = [
        region
        for partition in partitions
        for region in whole.get_available_endpoints("dynamodb", partition)
    ]
    assert len(regions) > 30
    for region in [*regions, "eu-west-99"]:
        found = pruned.construct_endpoint("dynamodb", region)
        assert found == whole.construct_endpoint("dynamodb", region)


def test_the_sdk_knows_the_operations_that_are_called(asset: Path) -> None:
    called = set(re.findall(r"self\._client\.([a-z_]+)\(", (RUNTIME / "table.py").read_text()))
    shipped, whole = (
        Loader(
            extra_search_paths=[str(path)], include_default_search_paths=False
        ).load_service_model("dynamodb", "service-2")
        for path in (asset / "botocore" / "data", packages() / "botocore" / "data")
    )
    assert {xform_name(name) for name in shipped["operations"]} == called
    assert shipped["metadata"] == whole["metadata"]
    ours, theirs = ServiceModel(shipped), ServiceModel(whole)
    for name in shipped["operations"]:
        one, other = ours.operation_model(name), theirs.operation_model(name)
        assert {e.name for e in one.error_shapes} == {e.name for e in other.error_shapes}
        for shape, original in (
            (one.input_shape, other.input_shape),
            (one.output_shape, other.output_shape),
        ):
            assert described(shape) == described(original)


def test_a_start_imports_no_more_than_it_needs(asset: Path) -> None:
    loaded = run(asset, "import lambda_function; print(*sys.modules)").split()
    assert "lambda_function" in loaded
    assert not NEVER_AT_START & set(loaded)


def test_what_is_left_out_is_nowhere_missed(asset: Path) -> None:
    """Every module of ours, and each that one of them would import on some day, can be had."""
    program = """
import pathlib
for path in pathlib.Path().glob("*.py"):
    __import__(path.stem)
print(*sys.modules)
"""
    loaded = run(asset, program).split()
    assert {path.stem for path in RUNTIME.glob("*.py")} <= set(loaded)
    left_out = {path.replace("/", ".") for path in pruning._UNUSED}
    assert not left_out & set(loaded)


@pytest.mark.parametrize("path", pruning._DEFERRED)
def test_what_is_deferred_can_still_be_had(asset: Path, path: str) -> None:
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    program = f"import {module} as m; print(*m._DEFERRED); [getattr(m, n) for n in m._DEFERRED]"
    names = set(run(asset, program).split())
    original = ast.parse((packages() / path).read_text())
    assert names == set(pruning._DEFERRED[path] or names)
    assert names <= {
        alias.asname or alias.name.partition(".")[0]
        for node in original.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


def test_credentials_that_expire_and_configuration_files_are_still_read(
    asset: Path, tmp_path: Path
) -> None:
    (configuration := tmp_path / "config").write_text("[default]\nregion = eu-north-1\n")
    program = """
import botocore.session
session = botocore.session.get_session()
print(session.get_credentials().refresh_needed(), session.full_config["profiles"]["default"])
"""
    environ = {
        "AWS_CONFIG_FILE": str(configuration),
        "AWS_CREDENTIAL_EXPIRATION": "2999-12-31T23:59:59Z",
    }
    assert run(asset, program, environ) == "False {'region': 'eu-north-1'}\n"


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("botocore/cacert.pem", ""),
        ("botocore/data/endpoints.json", "{}"),
        ("botocore/data/endpoints.json", '{"partitions": [{"partition": "aws", "services": {}}]}'),
        ("botocore/docs/docstring.py", "import os\nX = os.sep\n"),
        ("aws_lambda_powertools/event_handler/__init__.py", "def __getattr__(name): ...\n"),
    ],
)
def test_a_package_that_has_changed_is_an_error(tmp_path: Path, path: str, content: str) -> None:
    copied = ["botocore/cacert.pem", "botocore/data/endpoints.json", *pruning._DEFERRED]
    for name in copied:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((packages() / name).read_text())
    shutil.copytree(packages() / "botocore/data/dynamodb", tmp_path / "botocore/data/dynamodb")
    for unused in pruning._UNUSED:
        (tmp_path / unused).mkdir(parents=True)
    (tmp_path / path).write_text(content)
    with pytest.raises(RuntimeError, match=path):
        pruning.prune(tmp_path)


def described(shape: Shape | None, above: tuple[str, ...] = ()) -> object:
    """All that the SDK reads of a shape, and of those in it."""
    if shape is None or shape.name in above:
        return shape and shape.name
    above = (*above, shape.name)
    inner = [(name, described(member, above)) for name, member in _members(shape)]
    return shape.name, shape.type_name, shape.serialization, shape.metadata, inner


def _members(shape: Shape) -> list[tuple[str, Shape]]:
    match shape:
        case StructureShape():
            return list(shape.members.items())
        case ListShape():
            return [("member", shape.member)]
        case MapShape():
            return [("key", shape.key), ("value", shape.value)]
    return []


def test_what_is_to_be_left_out_but_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in ("_keep_services", "_keep_operations", "_keep_authorities", "_defer_imports"):
        monkeypatch.setattr(pruning, step, lambda _folder: None)
    with pytest.raises(RuntimeError, match=pruning._UNUSED[0]):
        pruning.prune(tmp_path)


def test_an_operation_that_the_sdk_lacks_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "_OPERATIONS", ("GetItem", "GetNothing"))
    model = tmp_path / pruning._MODEL
    model.parent.mkdir(parents=True)
    shutil.copy(packages() / pruning._MODEL, model)
    with pytest.raises(RuntimeError, match="service-2"):
        pruning._keep_operations(tmp_path)


def packages() -> Path:
    """Where this environment has its packages, which are the asset's versions."""
    return Path(botocore.__file__).parents[1]


@contextmanager
def dynamodb(tls: ssl.SSLContext | None) -> Iterator[int]:
    """A server that has no item, on the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            # In the connection's thread: a client that turns away mustn't stop the server.
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


def get_item(asset: Path, endpoint: str, environ: Mapping[str, str] | None = None) -> str:
    """What becomes of a request by the asset's client: a status, or an exception's name."""
    program = """
from table import make_client
try:
    answer = make_client().get_item(TableName="users", Key={"pk": {"S": "a"}})
    print(answer["ResponseMetadata"]["HTTPStatusCode"])
except Exception as error:
    print(type(error).__name__)
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
            "AWS_DEFAULT_REGION": "eu-west-1",
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
