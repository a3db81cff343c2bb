"""What the AWS SDK would send."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest


def sent(client: Any, **parameters: Any) -> "AWSPreparedRequest":
    """The request of a GetItem, which is stopped before it leaves."""
    requests: list[AWSPreparedRequest] = []

    def stop(request: "AWSPreparedRequest", **_: Any) -> None:
        requests.append(request)
        raise InterruptedError

    client.meta.events.register("before-send", stop)
    with pytest.raises(InterruptedError):
        client.get_item(TableName="users", **parameters)
    [request] = requests
    return request
