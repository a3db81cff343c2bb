"""./scripts/token: an access token of the API, of the running sandbox or of a deployed stack."""

import argparse
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

from localcloud import emulator
from localcloud.emulator import API_ID
from tooling.progress import Failure, failures_explained

_DESCRIPTION: Final = """\
Prints a fresh access token of the API: from the running sandbox and, with --stack NAME, from a
deployed stack if your AWS credentials can read its user pool. In a shell: $(./scripts/token)
"""
_SECONDS: Final = 120
# Where the environment leads every SDK to the local cloud.
_LOCAL_HOSTS: Final = frozenset({"127.0.0.1", "localhost"})
_NO_PROXY: Final = urllib.request.ProxyHandler({})  # none could reach this machine's loopback


class ForeignIssuer(Failure):
    """The tokens that the API takes come from an issuer that isn't of its stack."""


class _Client(NamedTuple):
    """Of a user pool; the secret proves that somebody is it."""

    user_pool_id: str
    id: str
    secret: str


def main() -> None:
    """Parse the command line, and print the token, and nothing else, to the standard output."""
    parser = argparse.ArgumentParser(
        prog="./scripts/token",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stack", help="a stack that is deployed", metavar="NAME")
    parser.add_argument(
        "--role",
        help="with --stack: take this role, such as the stack's that lets another account do so",
        metavar="ARN",
    )
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        help="such as users/read; may be given again; without it the token has all",
    )
    arguments = parser.parse_args()
    if arguments.role and not arguments.stack:
        parser.error("--role is for a --stack")
    with failures_explained():
        if arguments.stack:
            token = of_stack(arguments.stack, arguments.scope, role=arguments.role)
        else:
            token = _of_running_sandbox(arguments.scope)
        print(token, flush=True)  # noqa: T201 it is the output


def of_sandbox(endpoint: str, scopes: Iterable[str] = ()) -> str:
    """A token of the local cloud at the endpoint, which use() has made that of every SDK.

    Raises Failure, and ForeignIssuer.
    """
    with _aws_answers():
        client = _client(boto3.Session(), API_ID)
    return _ask(f"{endpoint}/oauth2/token", client, scopes, _NO_PROXY)


def of_stack(name: str, scopes: Iterable[str] = (), *, role: str | None = None) -> str:
    """A token of the stack that is deployed to the account and region of the environment.

    role: whose account that is, and what is permitted there; without it the caller's own.
    Raises Failure, and ForeignIssuer.
    """
    with _aws_answers():
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
        client = _client(session, apis[0])
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


def _of_running_sandbox(scopes: Iterable[str]) -> str:
    variables = emulator.running()
    emulator.use(variables)
    return of_sandbox(variables["AWS_ENDPOINT_URL"], scopes)


def _client(session: boto3.Session, api_id: str) -> _Client:
    """The first of those whose tokens the API takes. Its secret is nowhere but in Cognito."""
    found = session.client("apigatewayv2").get_authorizers(ApiId=api_id)["Items"]
    if not found:
        raise Failure("The API is not deployed yet: wait until it is.")
    trusted = found[0]["JwtConfiguration"]
    host, _, user_pool_id = trusted["Issuer"].removeprefix("https://").partition("/")
    if not host.startswith("cognito-idp."):
        raise ForeignIssuer(f"The API takes the tokens of {trusted['Issuer']}: get one there.")
    client = session.client("cognito-idp").describe_user_pool_client(
        UserPoolId=user_pool_id, ClientId=trusted["Audience"][0]
    )["UserPoolClient"]
    return _Client(user_pool_id, client["ClientId"], client["ClientSecret"])


def _ask(
    url: str, client: _Client, scopes: Iterable[str], *handlers: urllib.request.BaseHandler
) -> str:
    """A token by the client's own credentials (RFC 6749, section 4.4)."""
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
        with urllib.request.build_opener(*handlers).open(request, timeout=_SECONDS) as answer:
            return str(json.loads(answer.read())["access_token"])
    except urllib.error.HTTPError as error:
        raise Failure(f"{url} gives no token: {error.code} {_reason(error)}") from None
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"{url} can't be reached: {error}") from None


def _reason(error: urllib.error.HTTPError) -> str:
    """Its word for what is wrong (RFC 6749, section 5.2)."""
    with suppress(ValueError, OSError):
        answer: Any = json.loads(error.read())
        if isinstance(answer, dict):
            return str(answer.get("error", ""))
    return ""


@contextmanager
def _aws_answers() -> Iterator[None]:
    """Raises Failure when AWS, or the local cloud, refuses a call, or can't be reached."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"The API's stack can't be read: {error}") from None


if __name__ == "__main__":
    main()
