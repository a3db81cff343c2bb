"""Who may do what through the one port that the local cloud has."""

import base64
import json

import boto3
import httpx
import pytest

from localcloud import emulator

SIGNATURE = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/dynamodb/x"}
LIST_TABLES = {**SIGNATURE, "X-Amz-Target": "DynamoDB_20120810.ListTables"}
FROM_A_PAGE = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "same-origin"},
    # Chromium, when a page has it prefetch another (speculation rules).
    {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
    # An image's request in Safari before 16.4.
    {"User-Agent": "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/16.3 Safari/605.1.15"},
]


def test_the_api_is_at_the_root(cloud: httpx.Client) -> None:
    created = cloud.post("/users", json={"username": "jane"})
    assert cloud.get(created.headers["Location"]).json() == created.json()
    assert cloud.get("/health").json() == {"status": "ok"}


def test_tools_of_aws_reach_the_cloud(cloud: httpx.Client) -> None:
    tables = boto3.client(
        "dynamodb",
        endpoint_url=str(cloud.base_url),
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 it is the emulator's
    ).list_tables()["TableNames"]
    assert len(tables) == 1
    assert cloud.post("/", headers=LIST_TABLES, content="{}").json()["TableNames"] == tables


@pytest.mark.parametrize("headers", FROM_A_PAGE)
@pytest.mark.parametrize(
    ("method", "path", "own"),
    [
        ("POST", "/", LIST_TABLES),
        ("GET", "/2015-03-31/functions?X-Amz-Signature=x&X-Amz-Credential=x", {}),
        ("POST", "/_ministack/reset", {}),
        ("GET", "/_ministack/health", {}),
        ("GET", f"/_aws/execute-api/{emulator.API_ID}/health", {}),
        ("POST", "/oauth2/token", {}),
        ("GET", "/us-east-1_aaaaaaaaa/.well-known/jwks.json", {}),
    ],
)
def test_pages_do_not_reach_the_cloud(
    cloud: httpx.Client, method: str, path: str, own: dict[str, str], headers: dict[str, str]
) -> None:
    assert cloud.request(method, path, headers={**own, **headers}).status_code == 403
    assert cloud.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/2015-03-31/functions"),
        ("GET", "/oauth2/token"),
        ("GET", "/oauth2/authorize"),
        ("POST", "/oauth2/token/"),
        ("POST", "/oauth2/revoke"),
        ("POST", "/login"),
        ("POST", "/us-east-1_aaaaaaaaa/.well-known/jwks.json"),
        ("GET", "/us-east-1_aaaaaaaaa/.well-known/openid-configuration"),
        ("GET", "/bucket/key"),
        ("GET", "/bucket/folder/.well-known/jwks.json"),
    ],
)
def test_what_is_not_signed_is_for_the_api(cloud: httpx.Client, method: str, path: str) -> None:
    answer = cloud.request(method, path)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.status_code == 404


def test_programs_reach_what_cognito_has_nobody_sign(cloud: httpx.Client) -> None:
    refused = cloud.post("/oauth2/token", data={"grant_type": "client_credentials"})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client")
    payload = cloud.headers["Authorization"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    pool = claims["iss"].rpartition("/")[2]
    assert cloud.get(f"/{pool}/.well-known/jwks.json").json()["keys"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:PORT", "127.0.0.1", "[::1]:PORT"])
@pytest.mark.parametrize("path", ["/health", "/_ministack/health"])
def test_another_host_is_refused(cloud: httpx.Client, host: str, path: str) -> None:
    headers = {"Host": host.replace("PORT", str(cloud.base_url.port))}
    assert cloud.get(path, headers=headers).status_code == 403


def test_a_page_may_ask_the_api_what_any_page_may_ask(cloud: httpx.Client) -> None:
    assert cloud.get("/health", headers=FROM_A_PAGE[0]).status_code == 200
