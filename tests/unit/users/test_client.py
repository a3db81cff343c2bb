"""The client's verdicts beside botocore's; tests/integration has what it does on the wire."""

import json
import re
import ssl
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError
from botocore.parsers import create_parser
from botocore.retries import standard

from backend.users.dynamodb.client import Client, DynamoDBError, Failure, Request, RetryQuota
from backend.users.dynamodb.deadline import Deadline
from backend.users.errors import Unavailable
from tests.certificates import Certificates

STANDARD: Any = standard  # of which its stubs know a part
OPERATIONS = ("BatchGetItem", "GetItem", "Query", "TransactWriteItems")
MODEL = botocore.session.get_session().get_service_model("dynamodb")
CODES = sorted(
    {
        *(e.name for name in OPERATIONS for e in MODEL.operation_model(name).error_shapes),
        *STANDARD.ThrottledRetryableChecker._THROTTLED_ERROR_CODES,
        *STANDARD.TransientRetryableChecker._TRANSIENT_ERROR_CODES,
        *("AccessDeniedException", "ExpiredTokenException", "InternalFailure"),
        *("ItemCollectionSizeLimitExceededException", "SerializationException"),
        *("UnrecognizedClientException", "ValidationException"),
    }
    # Table.transact waits for it, with pauses of its own.
    - {"TransactionInProgressException"}
)
FORMS = ("{}", "com.amazonaws.dynamodb.v20120810#{}", "aws#{}:http://amazonaws.com/")


def botocore_s_verdict(status: int, body: bytes) -> tuple[str, bool]:
    """The error's code, and whether botocore would repeat the request."""
    operation = MODEL.operation_model("GetItem")
    response = {"status_code": status, "headers": {}, "body": body}
    shape: Any = operation.output_shape
    parsed = create_parser("json").parse(response, shape)
    http = AWSResponse("https://dynamodb", status, HTTPHeaders(), None)
    context = STANDARD.RetryContext(1, operation, parsed, http, None, {})
    checkers = (
        STANDARD.TransientRetryableChecker(),
        STANDARD.ThrottledRetryableChecker(),
        STANDARD.ThrottlingStatusCodeChecker(),
        STANDARD.ModeledRetryableChecker(),
    )
    return parsed["Error"]["Code"], any(checker.is_retryable(context) for checker in checkers)


class Stub:
    """A DynamoDB that says `status` and `body` to everything."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b"{}"
        self.requests: list[tuple[dict[str, str], bytes]] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                stub.requests.append((dict(self.headers.items()), body))
                self.send_response(stub.status)
                self.send_header("Content-Length", str(len(stub.body)))
                self.end_headers()
                self.wfile.write(stub.body)

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub()
    with stub.server:
        thread = threading.Thread(target=stub.server.serve_forever, args=(0.01,))
        thread.start()
        yield stub
        stub.server.shutdown()
        thread.join()


def ask(stub: Stub, host: str = "localhost") -> str:
    """What becomes of a request: "found", or the code of what was raised."""
    client = Client(f"http://{host}:{stub.server.server_port}", "eu-north-1", attempt_seconds=60)
    request = Request("GetItem", {"TableName": "ü"}, lambda _document: "found")
    deadline = Deadline(150, sleep=lambda _seconds: None)
    try:
        return client.call(request, deadline, lambda _operation, _milliseconds: None)
    except (DynamoDBError, Unavailable) as error:
        return type(error).__name__
    finally:
        client.close()


@pytest.mark.usefixtures("in_lambda")
@pytest.mark.parametrize("status", [400, 401, 403, 409, 413, 429, 500, 502, 503, 504])
def test_an_error_is_what_botocore_says_it_is(stub: Stub, status: int) -> None:
    stub.status = status
    for number, code in enumerate(CODES):
        form = FORMS[number % len(FORMS)]
        stub.body = json.dumps({"__type": form.format(code), "message": "no"}).encode()
        parsed, is_repeated = botocore_s_verdict(status, stub.body)
        # The model of an error decides for botocore; here a status of "too many" always does.
        is_repeated = is_repeated or status == 429
        stub.requests.clear()
        expected = "Unavailable" if is_repeated else "DynamoDBError"
        assert (parsed, ask(stub), len(stub.requests)) == (code, expected, 1 + is_repeated)


@pytest.mark.usefixtures("in_lambda")
@pytest.mark.parametrize("token", ["", "a/session+token=="])
@pytest.mark.parametrize("host", ["localhost", "LocalHost", "somebody@localhost"])
def test_what_is_sent_is_what_was_signed(
    stub: Stub, token: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    assert ask(stub, host) == "found"
    [(headers, body)] = stub.requests
    assert json.loads(body) == {"TableName": "ü"}
    assert headers["X-Amz-Target"] == "DynamoDB_20120810.GetItem"
    assert headers.get("X-Amz-Security-Token", "") == token
    [(scope, names, _)] = re.findall(
        r"^AWS4-HMAC-SHA256 Credential=test/(\S+), SignedHeaders=(\S+), Signature=(\w{64})$",
        headers["Authorization"],
    )
    assert scope == f"{headers['X-Amz-Date'][:8]}/eu-north-1/dynamodb/aws4_request"
    received = {name.lower(): value for name, value in headers.items()}
    signed = {name: received[name] for name in names.split(";")}
    assert {"host", "content-type", "x-amz-date", "x-amz-target"} <= signed.keys()
    assert headers["Host"] == f"{host.rpartition('@')[2]}:{stub.server.server_port}"
    again = AWSRequest("POST", f"http://{headers['Host']}/", signed, body)
    again.context["timestamp"] = headers["X-Amz-Date"]
    auth = SigV4Auth(Credentials("test", "test", token or None), "dynamodb", "eu-north-1")
    text = auth.string_to_sign(again, auth.canonical_request(again))
    assert headers["Authorization"].endswith(f"Signature={auth.signature(text, again)}")


@pytest.mark.parametrize(("is_throttled", "repeats"), [(False, 35), (True, 100)])
def test_a_quota_is_used_up_and_comes_back(is_throttled: bool, repeats: int) -> None:
    quota = RetryQuota()
    failure = Failure("x", is_throttled=is_throttled)
    assert [quota.acquire([failure]) for _ in range(repeats + 1)] == [True] * repeats + [False]
    quota.release(failure)
    assert [quota.acquire([failure]) for _ in range(2)] == [True, False]
    for _ in range(500 // repeats):
        quota.release(None)
    assert [quota.acquire([failure]) for _ in range(2)] == [True, False]


def test_a_quota_that_does_not_reach_for_all_pays_for_none() -> None:
    quota = RetryQuota()
    assert not quota.acquire([Failure("x")] * 36)
    assert quota.acquire([Failure("x")] * 35)


@pytest.mark.usefixtures("in_lambda")
def test_each_successful_request_gives_back(stub: Stub) -> None:
    client = Client(f"http://localhost:{stub.server.server_port}", "eu-north-1", attempt_seconds=60)

    def attempts(status: int, requests: int) -> int:
        stub.status = status
        stub.requests.clear()
        deadline = Deadline(150, sleep=lambda _seconds: None)
        request = Request("GetItem", {}, lambda _document: "found")
        with suppress(Unavailable):
            client.call_all([request] * requests, deadline, lambda _operation, _milliseconds: None)
        return len(stub.requests)

    stub.body = b'{"__type": "InternalServerError"}'
    while attempts(500, 1) == 2:  # 14 each, of 500: 10 are left
        pass
    attempts(200, 3)
    assert attempts(500, 1) == 1
    attempts(200, 1)
    assert attempts(500, 1) == 2
    client.close()


@pytest.mark.usefixtures("in_lambda")
def test_no_response_waits_for_one_that_has_not_begun(tmp_path: Path) -> None:
    """After a handshake a socket with TLS is readable, though there is only a session ticket."""
    certificates = Certificates(tmp_path)
    (bundle := tmp_path / "bundle.pem").write_text(certificates.root)
    is_other_told = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if b"first" in body:
                is_other_told.wait()
            self.send_response(200)
            self.send_header("x-amz-crc32", str(zlib.crc32(body)))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = certificates.context().wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        endpoint = f"https://localhost:{server.server_port}"
        client = Client(endpoint, "us-east-1", authorities=str(bundle), attempt_seconds=30)
        requests = [Request("Query", {"of": name}, lambda d: d["of"]) for name in ("first", "b")]
        try:
            found = client.call_all(requests, Deadline(30), lambda *_: is_other_told.set())
        finally:
            is_other_told.set()
            client.close()
            server.shutdown()
            thread.join()
    assert found == ["first", "b"]


def test_without_credentials_there_is_no_client(
    in_lambda: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(NoCredentialsError):
        Client("http://localhost", "us-east-1")


@pytest.mark.usefixtures("in_lambda")
@pytest.mark.parametrize("endpoint", ["", "localhost:8000", "ftp://localhost", "https://"])
def test_an_endpoint_is_an_address(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        Client(endpoint, "us-east-1")


@pytest.mark.usefixtures("in_lambda")
def test_private_authorities_are_not_held_to_what_python_asks_for(tmp_path: Path) -> None:
    """Amazon's are."""
    certificates = Certificates(tmp_path)
    (bundle := tmp_path / "bundle.pem").write_text(certificates.root)
    private = Client("https://localhost", "us-east-1", authorities=str(bundle))
    amazon = Client("https://localhost", "us-east-1")
    assert private._tls
    assert amazon._tls
    assert not private._tls.verify_flags & ssl.VERIFY_X509_STRICT
    assert amazon._tls.verify_flags & ssl.VERIFY_X509_STRICT
    for context in (private._tls, amazon._tls):
        assert context.check_hostname
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
