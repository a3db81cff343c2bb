"""Calls a version of the API's function as the gateway would."""

import json
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

_SCOPES: Final = ("users/read", "users/write")


class UnexpectedResponse(Exception):
    """A response that working code doesn't give, or none. The message has nothing personal.

    Args:
        step: The step of the round trip.
        what: What is wrong.
        status: The response's status; None if there was no response.
    """

    def __init__(self, step: str, what: str, status: int | None = None) -> None:
        super().__init__(f"{step}: {what}")
        self.status = status


@dataclass(frozen=True)
class Response:
    """The function's response.

    Attributes:
        status: The status code.
        headers: The headers, with names in lower case.
        document: The parsed body; None if it is empty.
    """

    status: int
    headers: dict[str, str]
    document: Any


class Version:
    """A version of the function, or the version that an alias points to.

    Args:
        client: A Lambda client.
        arn: The ARN of the version or alias.
        caller: The token's subject.
    """

    def __init__(self, client: Any, arn: str, *, caller: str) -> None:
        self._client = client
        self._arn = arn
        self._caller = caller

    def table(self) -> str:
        """Return the name of the table that the version uses.

        Raises:
            UnexpectedResponse: The name is unknown.
        """
        try:
            found = self._client.get_function_configuration(FunctionName=self._arn)
        except (BotoCoreError, ClientError) as error:
            raise UnexpectedResponse(
                "table", f"its name is unknown, {type(error).__name__}"
            ) from None
        variables: dict[str, str] = found.get("Environment", {}).get("Variables", {})
        if "TABLE_NAME" not in variables:  # encrypted, perhaps with a key that isn't permitted here
            raise UnexpectedResponse("table", "its name is unknown")
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
    ) -> Response:
        """Send a request and return its response.

        Args:
            step: The step's name, for the log and the request's id.
            route: Such as "GET /users/{username}".
            username: The value of {username} in the route.
            query: The query string.
            body: The JSON body; None for no body.
            if_match: The value of If-Match; "" leaves it out.
            expected: The expected statuses.

        Raises:
            UnexpectedResponse: The response has another status, or there is none.
        """
        event = self._event(
            step, route, username=username, query=query, body=body, if_match=if_match
        )
        try:
            invoked = self._client.invoke(FunctionName=self._arn, Payload=json.dumps(event))
            payload = invoked["Payload"].read()
        except ClientError as error:
            raise UnexpectedResponse(
                step, f"Lambda refused the call, {error.response['Error']['Code']}"
            ) from None
        except BotoCoreError as error:
            raise UnexpectedResponse(step, f"no response, {type(error).__name__}") from None
        if "FunctionError" in invoked:
            raise UnexpectedResponse(step, f"the function failed, {invoked['FunctionError']}")
        response = _read(step, payload)
        if response.status not in expected:
            document = response.document
            problem = document.get("type") if isinstance(document, dict) else None
            wanted = " or ".join(map(str, expected))
            raise UnexpectedResponse(
                step, f"{response.status} {problem}, not {wanted}", response.status
            )
        return response

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
        # The parts of payload format 2.0 that describe the request:
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


def _read(step: str, payload: bytes) -> Response:
    try:
        match json.loads(payload):
            case {"statusCode": int(status), "headers": dict(headers), "body": str(body)}:
                return Response(
                    status,
                    {name.lower(): str(value) for name, value in headers.items()},
                    json.loads(body) if body else None,
                )
    except ValueError:
        pass
    raise UnexpectedResponse(
        step, "no response that the gateway could return, or its body is no JSON"
    )
