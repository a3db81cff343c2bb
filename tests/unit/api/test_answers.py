import json
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

ITEM = {"pk": {"S": "user#2"}, "version": {"N": "7"}, "user": {"M": {"email": {"S": "ä@b"}}}}
KEY: Any = {"pk": {"S": "user#2"}, "sk": {"S": "jane"}}


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> list[bytes]:
        return [self._body]


class Line:
    """What comes back from DynamoDB, in order; the last answer again and again."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.answers: list[tuple[int, bytes, int]] = []
        meet: Any = self._meet  # the stubs know of no handler that returns something
        client.meta.events.register("before-send.dynamodb", meet)

    def says(self, document: Any, *, status: int = 200) -> None:
        body = json.dumps(document).encode()
        self.answers.append((status, body, zlib.crc32(body)))

    def _meet(self, **_: Any) -> AWSResponse:
        status, body, checksum = self.answers[0]
        del self.answers[: len(self.answers) - 1 and 1]
        headers = {"x-amzn-requestid": "ABC", "x-amz-crc32": str(checksum)}
        fields = HTTPHeaders.from_dict(headers)
        return AWSResponse("https://dynamodb", status, fields, _Raw(body))


@pytest.fixture
def client(client: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> "DynamoDBClient":
    """It tries again at once."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    return client


@pytest.fixture
def line(client: "DynamoDBClient") -> Line:
    return Line(client)


def test_an_answer_is_what_its_json_says(client: "DynamoDBClient", line: Line) -> None:
    line.says({"Item": ITEM})
    answer = client.get_item(TableName="users", Key=KEY)
    assert answer["Item"] == ITEM
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["ResponseMetadata"]["RequestId"] == "ABC"


def test_no_answer_is_walked_through_by_the_model(
    client: "DynamoDBClient", line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    def walk(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("botocore.parsers.JSONParser._do_parse", walk)
    line.says({"Items": [ITEM], "Count": 1})
    assert client.query(TableName="users", KeyConditionExpression="")["Items"] == [ITEM]


def test_an_answer_that_was_damaged_on_its_way_is_asked_for_again(
    client: "DynamoDBClient", line: Line
) -> None:
    line.answers.append((200, b'{"Item', 1))
    line.says({"Item": ITEM})
    answer = client.get_item(TableName="users", Key=KEY)
    assert answer["Item"] == ITEM
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1


def test_an_answer_that_does_not_have_its_checksum_is_asked_for_again(
    client: "DynamoDBClient", line: Line
) -> None:
    line.answers.append((200, b'{"Item": {}}', 1))
    line.says({"Item": ITEM})
    assert client.get_item(TableName="users", Key=KEY)["Item"] == ITEM


def test_a_refusal_has_its_reasons(client: "DynamoDBClient", line: Line) -> None:
    reasons = [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": ITEM}]
    kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
    line.says({"__type": kind, "Message": "no", "CancellationReasons": reasons}, status=400)
    with pytest.raises(client.exceptions.TransactionCanceledException) as caught:
        client.transact_write_items(TransactItems=[{"Put": {"TableName": "users", "Item": KEY}}])
    response = caught.value.response
    assert response["CancellationReasons"] == reasons
    assert response["Error"]["Code"] == "TransactionCanceledException"


def test_an_error_that_is_no_json_is_an_error_by_its_status(
    client: "DynamoDBClient", line: Line
) -> None:
    line.answers.append((503, b"<html>busy</html>", zlib.crc32(b"<html>busy</html>")))
    with pytest.raises(ClientError) as caught:
        client.get_item(TableName="users", Key=KEY)
    assert caught.value.response["Error"]["Code"] == "503"
