"""A version of the API's function, called as the gateway calls it."""

import json
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

_SCOPES: Final = ("users/read", "users/write")


class Unexpected(Exception):
    """An answer that code which works doesn't give; the text names the step and nothing personal.

    status: of the answer; None where there was none.
    """

    def __init__(self, step: str, what: str, status: int | None = None) -> None:
        super().__init__(f"{step}: {what}")
        self.status = status


@dataclass(frozen=True)
class Answer:
    """What the function returned, its header names in lower case; document is its body, read."""

    status: int
    headers: dict[str, str]
    document: Any


class Version:
    """A version, or what an alias leads to.

    client: of Lambda. caller: becomes the token's subject.
    """

    def __init__(self, client: Any, arn: str, *, caller: str) -> None:
        self._client = client
        self._arn = arn
        self._caller = caller

    def table(self) -> str:
        """Return the name of the table in its settings. Raises Unexpected."""
        try:
            found = self._client.get_function_configuration(FunctionName=self._arn)
        except (BotoCoreError, ClientError) as error:
            raise Unexpected("table", f"its name is unknown, {type(error).__name__}") from None
        variables: dict[str, str] = found.get("Environment", {}).get("Variables", {})
        if "TABLE_NAME" not in variables:  # encrypted, perhaps with a key that isn't permitted here
            raise Unexpected("table", "its name is unknown")
        return variables["TABLE_NAME"]

    def call(
        self,
        step: str,
        route: str,
        *,
        username: str = "",
        query: str = "",
        body: dict[str, Any] | None = None,
        if_match: str = "",
        expected: tuple[int, ...],
    ) -> Answer:
        """Send a request.

        step: names it in the log and in its id. route: such as "GET /users/{username}".
        Raises Unexpected for any other status than the expected, and where there is no answer.
        """
        event = self._event(
            step, route, username=username, query=query, body=body, if_match=if_match
        )
        try:
            response = self._client.invoke(FunctionName=self._arn, Payload=json.dumps(event))
            payload = response["Payload"].read()
        except ClientError as error:
            raise Unexpected(
                step, f"Lambda refused it, {error.response['Error']['Code']}"
            ) from None
        except BotoCoreError as error:
            raise Unexpected(step, f"no answer, {type(error).__name__}") from None
        if "FunctionError" in response:
            raise Unexpected(step, f"the function failed, {response['FunctionError']}")
        answer = _read(step, payload)
        if answer.status not in expected:
            problem = answer.document.get("type") if isinstance(answer.document, dict) else None
            wanted = " or ".join(map(str, expected))
            raise Unexpected(step, f"{answer.status} {problem}, not {wanted}", answer.status)
        return answer

    def _event(
        self,
        step: str,
        route: str,
        *,
        username: str,
        query: str,
        body: dict[str, Any] | None,
        if_match: str,
    ) -> dict[str, Any]:
        # Payload format 2.0, as far as it says anything about the request:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
        method, _, resource = route.partition(" ")
        path = resource.replace("{username}", username)
        claims = {"sub": self._caller, "scope": " ".join(_SCOPES)}
        return {
            "version": "2.0",
            "routeKey": route,
            "rawPath": path,
            "rawQueryString": query,
            **({"pathParameters": {"username": username}} if username else {}),
            "headers": {
                "content-type": "application/json",
                **({"if-match": if_match} if if_match else {}),
            },
            "requestContext": {
                "authorizer": {"jwt": {"claims": claims, "scopes": list(_SCOPES)}},
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1"},
                "requestId": f"{self._caller}-{step}",
                "routeKey": route,
                "stage": "$default",
            },
            "isBase64Encoded": False,
            **({"body": json.dumps(body)} if body is not None else {}),
        }


def _read(step: str, payload: bytes) -> Answer:
    try:
        match json.loads(payload):
            case {"statusCode": int(status), "headers": dict(headers), "body": str(body)}:
                return Answer(
                    status,
                    {name.lower(): str(value) for name, value in headers.items()},
                    json.loads(body) if body else None,
                )
    except ValueError:
        pass
    raise Unexpected(step, "no answer that the gateway could pass on, or no JSON in it")
