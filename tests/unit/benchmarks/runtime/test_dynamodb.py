import http.client
import json
import ssl
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from benchmarks.runtime.certificates import Certificates
from benchmarks.runtime.dynamodb import Recording, Stub

JANE = json.dumps({"Key": {"sk": {"S": "jane"}}}).encode()
JOHN = json.dumps({"Key": {"sk": {"S": "john"}}}).encode()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def engine() -> Iterator[str]:
    class Engine(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({self.headers["X-Amz-Target"]: json.loads(request)}).encode()
            self.send_response(400 if b"bad" in request else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Engine) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Client:
    def __init__(self, stub: Stub, certificates: Certificates) -> None:
        context = ssl.create_default_context(cadata=certificates.root)
        port = int(stub.endpoint.rpartition(":")[2])
        self._connection = http.client.HTTPSConnection("localhost", port, context=context)

    def ask(self, operation: str, body: bytes) -> tuple[int, bytes, http.client.HTTPMessage]:
        headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Authorization": "AWS4"}
        self._connection.request("POST", "/", body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read(), answer.headers

    def close(self) -> None:
        self._connection.close()


def test_what_the_engine_said_is_said_again(certificates: Certificates, engine: str) -> None:
    recording, said = Recording(), []
    for upstream in (engine, None):
        with Stub(recording, certificates.context(), upstream).serving() as stub:
            client = Client(stub, certificates)
            stub.scene = "get"
            said.append([client.ask("GetItem", body)[:2] for body in (JANE, JOHN)])
            client.close()
    assert said[0] == said[1]
    assert said[0][0] == (200, json.dumps({"DynamoDB_20120810.GetItem": json.loads(JANE)}).encode())


def test_an_answer_is_as_dynamodb_frames_it(certificates: Certificates) -> None:
    recording = Recording()
    recording.keep("get", "GetItem", JANE, b'{"Item":{}}')
    with Stub(recording, certificates.context(), None).serving() as stub:
        stub.scene = "get"
        client = Client(stub, certificates)
        _, body, headers = client.ask("GetItem", JANE)
        client.close()
    assert int(headers["x-amz-crc32"]) == zlib.crc32(body)
    assert headers["Content-Type"] == "application/x-amz-json-1.0"
    assert len(headers["x-amzn-RequestId"]) == 52


def test_what_was_not_recorded_is_a_failure(certificates: Certificates) -> None:
    with Stub(Recording(), certificates.context(), None).serving() as stub:
        stub.scene = "get"
        client = Client(stub, certificates)
        assert client.ask("GetItem", JANE)[0] == 500
        client.close()
    assert stub.failures == ["GetItem was not recorded for get"]


def test_what_the_engine_refused_is_not_recorded(certificates: Certificates, engine: str) -> None:
    recording = Recording()
    with Stub(recording, certificates.context(), engine).serving() as stub:
        stub.scene = "create"
        client = Client(stub, certificates)
        assert client.ask("PutItem", b'{"bad": 1}')[0] == 400
        client.close()
    with pytest.raises(KeyError):
        recording.answer("create", "PutItem", b'{"bad": 1}')


def test_a_write_that_differs_gets_the_last_answer_of_its_scene() -> None:
    recording = Recording()
    recording.keep("patch", "UpdateItem", b"10:00", b"first")
    recording.keep("patch", "UpdateItem", b"10:01", b"last")
    recording.keep("create", "UpdateItem", b"10:02", b"elsewhere")
    assert recording.answer("patch", "UpdateItem", b"10:00") == b"first"
    assert recording.answer("patch", "UpdateItem", b"11:00") == b"last"


def test_who_does_not_know_the_root_is_not_served(
    certificates: Certificates, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Stub(Recording(), certificates.context(), None).serving() as stub:
        client = Client(stub, Certificates(tmp_path))
        with pytest.raises(ssl.SSLCertVerificationError):
            client.ask("GetItem", JANE)
        client.close()
