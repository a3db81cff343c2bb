"""Gets access tokens of a deployed API, as a client of its user pool (client credentials)."""

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tooling.progress import Failure

_SECONDS: Final = 120
# Where the environment leads every SDK to the local cloud.
_LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "localhost"})
_NO_PROXY: Final = urllib.request.ProxyHandler({})  # none could reach this machine's loopback


class ForeignIssuer(Failure):
    """The API accepts the tokens of an issuer that isn't part of its stack."""


class _Client(NamedTuple):
    """A client of a user pool, with the secret that proves it."""

    user_pool_id: str
    id: str
    secret: str


def of_stack(name: str, scopes: Iterable[str] = (), *, role: str | None = None) -> str:
    """Return a token of a stack's API, in the account and region of the environment.

    Args:
        name: The stack's name.
        scopes: What the token allows; without any, it allows everything.
        role: The ARN of a role to assume; without one, the caller's own credentials count.

    Raises:
        Failure: AWS refuses a call or can't be reached, or the stack has no API.
        ForeignIssuer: Another issuer makes the tokens.
    """
    with _aws_responds():
        session = _session(role)
        pages = session.client("cloudformation").get_paginator("list_stack_resources")
        apis = [
            resource["PhysicalResourceId"]
            for page in pages.paginate(StackName=name)
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::ApiGatewayV2::Api"
        ]
    if not apis:
        raise Failure(f"The stack {name} has no API: name another one.")
    return of_api(apis[0], scopes, session=session)


def of_api(api_id: str, scopes: Iterable[str] = (), *, session: boto3.Session | None = None) -> str:
    """Return a token of an API.

    Args:
        api_id: The API's id.
        scopes: What the token allows; without any, it allows everything.
        session: Where the API is; without one, in the account and region of the environment.

    Raises:
        Failure: AWS refuses a call or can't be reached, or the API has no authorizer.
        ForeignIssuer: Another issuer makes the tokens.
    """
    with _aws_responds():
        session = session or boto3.Session()
        client = _client(session, api_id)
        cognito = session.client("cognito-idp")
        pool = cognito.describe_user_pool(UserPoolId=client.user_pool_id)
        endpoint = cognito.meta.endpoint_url
    if urllib.parse.urlsplit(endpoint).hostname in _LOCAL_HOSTS:  # it has no domains
        return _ask(f"{endpoint}/oauth2/token", client, scopes, _NO_PROXY)
    region = client.user_pool_id.split("_")[0]
    host = f"{pool['UserPool']['Domain']}.auth.{region}.amazoncognito.com"
    return _ask(f"https://{host}/oauth2/token", client, scopes)


def _session(role: str | None) -> boto3.Session:
    if role is None:
        return boto3.Session()
    taken = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="token")["Credentials"]
    return boto3.Session(
        aws_access_key_id=taken["AccessKeyId"],
        aws_secret_access_key=taken["SecretAccessKey"],
        aws_session_token=taken["SessionToken"],
    )


def _client(session: boto3.Session, api_id: str) -> _Client:
    """Return the first client whose tokens the API accepts; only Cognito has its secret."""
    found = session.client("apigatewayv2").get_authorizers(ApiId=api_id)["Items"]
    if not found:
        raise Failure("The API is not deployed yet: wait until it is.")
    trusted = found[0]["JwtConfiguration"]
    host, _, user_pool_id = trusted["Issuer"].removeprefix("https://").partition("/")
    if not host.startswith("cognito-idp."):
        raise ForeignIssuer(f"The API accepts the tokens of {trusted['Issuer']}: get one there.")
    client = session.client("cognito-idp").describe_user_pool_client(
        UserPoolId=user_pool_id, ClientId=trusted["Audience"][0]
    )["UserPoolClient"]
    return _Client(user_pool_id, client["ClientId"], client["ClientSecret"])


def _ask(
    url: str, client: _Client, scopes: Iterable[str], *handlers: urllib.request.BaseHandler
) -> str:
    """Request a token with the client's own credentials (RFC 6749, section 4.4)."""
    form = {"grant_type": "client_credentials", "scope": " ".join(scopes)}
    credentials = base64.b64encode(f"{client.id}:{client.secret}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 http is the loopback's
        url,
        urllib.parse.urlencode({name: value for name, value in form.items() if value}).encode(),
        {
            "Authorization": f"Basic {credentials}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_SECONDS) as response:
            return str(json.loads(response.read())["access_token"])
    except urllib.error.HTTPError as error:
        raise Failure(f"{url} gives no token: {error.code} {_reason(error)}") from None
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"{url} can't be reached: {error}") from None


def _reason(error: urllib.error.HTTPError) -> str:
    """Return the response's error code (RFC 6749, section 5.2)."""
    with suppress(ValueError, OSError):
        document: Any = json.loads(error.read())
        if isinstance(document, dict):
            return str(document.get("error", ""))
    return ""


@contextmanager
def _aws_responds() -> Iterator[None]:
    """Turn a refused or failed call of AWS, or of the local cloud, into a Failure."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"The API's stack can't be read: {error}") from None
