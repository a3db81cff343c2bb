import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.aws_stubs import Request, Response, serving
from tests.dynamodb_local import create_table

EXISTS = Response(400, {}, b'{"__type":"com.amazonaws.dynamodb.v20120810#ResourceInUseException"}')
LOST = Response(None, {}, b"")


@pytest.mark.parametrize("responses", [[LOST, EXISTS], [EXISTS]], ids=["its own", "another's"])
def test_a_table_that_exists_is_refused_unless_a_lost_attempt_made_it(
    responses: list[Response],
) -> None:
    def answer(_: Request) -> Response:
        return responses.pop(0)

    with serving(answer) as endpoint:
        client = boto3.client(
            "dynamodb",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 the stub takes any
            config=Config(retries={"mode": "standard"}),
        )
        if LOST in responses:
            create_table(client, "users")
        else:
            with pytest.raises(ClientError, match="ResourceInUseException"):
                create_table(client, "users")
        client.close()
    assert responses == []
