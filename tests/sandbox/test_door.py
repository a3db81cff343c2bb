"""Who may do what through the one port that the local cloud has."""

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from localcloud import emulator
from tests.sandbox.conftest import Sandbox, aws_client, variables_of

SCOPE = "20261121/us-east-1"
SIGNATURE = {"Authorization": f"AWS4-HMAC-SHA256 Credential=test/{SCOPE}/dynamodb/x"}
JSON = {"Content-Type": "application/x-amz-json-1.0"}
LIST_TABLES = {**SIGNATURE, **JSON, "X-Amz-Target": "DynamoDB_20120810.ListTables"}
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
# What the emulator takes for a signature.
_QUERY = f"X-Amz-Signature=x&X-Amz-Credential=test/{SCOPE}/lambda/aws4_request"
WITHOUT_THE_KEY = [
    ("POST", "/", LIST_TABLES),
    ("POST", "/", {**LIST_TABLES, "X-Amz-Security-Token": ""}),
    ("POST", "/", {**LIST_TABLES, "X-Amz-Security-Token": "guess"}),
    ("POST", "/?X-Amz-Security-Token=guess", LIST_TABLES),
    (
        "POST",
        "/",
        {**LIST_TABLES, "Authorization": SIGNATURE["Authorization"].replace("test", "0" * 12)},
    ),
    ("POST", "/2015-03-31/functions", SIGNATURE),
    ("GET", f"/2015-03-31/functions?{_QUERY}", {}),
    ("GET", f"/2015-03-31/functions?{_QUERY}&X-Amz-Security-Token=guess", {}),
    ("GET", f"/bucket/key?{_QUERY}", {}),
    ("POST", "/_ministack/reset", {}),
    ("POST", "/%5Fministack/reset", {}),
    ("POST", "/_ministack/config", {}),
    ("GET", "/_ministack/health", {}),
    ("GET", "/_localstack/health", {}),
    ("GET", "/_ministack/lambda-code/function", {}),
    ("PUT", "/_ministack/cfn-signal/x", {}),
    ("GET", f"/_aws/execute-api/{emulator.API_ID}/health", {}),
    ("GET", "/_door", {}),
]
FUNCTION = json.dumps(
    {
        "FunctionName": "hostile",
        "Runtime": "python3.13",
        "Handler": "x.x",
        "Role": "arn:aws:iam::000000000000:role/x",
        "Code": {"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="},
    }
)
NOBODY = 65534
IS_ROOT = os.getuid() == 0


def test_the_api_is_at_the_root(cloud: httpx.Client) -> None:
    created = cloud.post("/users", json={"username": "at-the-root"})
    assert cloud.get(created.headers["Location"]).json() == created.json()
    assert cloud.get("/health").json() == {"status": "ok"}


def test_tools_of_aws_reach_the_cloud_with_the_key(cloud: httpx.Client, folder: Path) -> None:
    variables = variables_of(folder)
    tables = aws_client("dynamodb", variables).list_tables()["TableNames"]
    assert len(tables) == 1
    role = aws_client("sts", variables).assume_role(
        RoleArn=f"arn:aws:iam::{emulator.ACCOUNT}:role/reader", RoleSessionName="reader"
    )["Credentials"]
    assumed = {
        **variables,
        "AWS_ACCESS_KEY_ID": role["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": role["SecretAccessKey"],
        "AWS_SESSION_TOKEN": role["SessionToken"],
    }
    assert aws_client("dynamodb", assumed).list_tables()["TableNames"] == tables
    s3 = aws_client("s3", variables)
    s3.create_bucket(Bucket="bucket")
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": "key"})
    assert cloud.put(url, content="body", headers={"Authorization": ""}).status_code == 200
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"body"


@pytest.mark.parametrize(("method", "path", "headers"), WITHOUT_THE_KEY)
def test_another_user_does_not_reach_the_cloud(
    cloud: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    refused = cloud.request(method, path, headers={"Authorization": "", **headers}, content=b"{}")
    assert refused.status_code == 403
    assert refused.text.endswith("run `. .local/sandbox/aws.env` in this shell.\n")


def test_the_requests_that_need_no_key_reach_nothing_else(
    cloud: httpx.Client, folder: Path
) -> None:
    [table] = aws_client("dynamodb", variables_of(folder)).list_tables()["TableNames"]
    scan = {**LIST_TABLES, "X-Amz-Target": "DynamoDB_20120810.Scan"}
    for headers in (scan, {**scan, "Authorization": ""}):
        for method, path in (
            ("GET", "/bucket/.well-known/jwks.json"),
            ("GET", "/us-east-1_aaaaaaaaa/.well-known/jwks.json"),
            ("GET", "/us-east-1_aaaaaaaaa/.well-known/jwks.json?Action=Scan"),
            ("POST", "/oauth2/token"),
            ("PUT", "/_ministack/cfn-response/unknown"),
        ):
            content = json.dumps({"TableName": table})
            response = cloud.request(method, path, headers=headers, content=content)
            assert "Items" not in response.text


def as_another_user(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run this as another user of this machine, who is in the folder already.

    Only root can become another user. Whoever isn't runs it himself: the key is demanded of
    everybody, and what files say to others is in their modes.
    """
    other: dict[str, Any] = {}
    if IS_ROOT:
        other = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    return subprocess.run(
        command,
        check=False,
        cwd=folder,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        **other,
    )


def test_another_user_reads_nothing(sandbox: Sandbox, folder: Path) -> None:
    [pem] = folder.glob("working-*/state/cognito-pool-keys/*-access.pem")
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder.parent / "open").touch()
    assert as_another_user(folder.parent, "cat", "open").returncode == 0
    for path in (folder / "aws.env", pem):
        assert path.stat().st_mode & 0o077 == 0
    if IS_ROOT:
        for path in (folder / "aws.env", pem, folder / "emulator.log"):
            refused = as_another_user(folder.parent, "cat", str(path.relative_to(folder.parent)))
            assert refused.stderr.endswith("Permission denied\n")


def test_no_process_and_no_log_shows_the_key(sandbox: Sandbox, folder: Path) -> None:
    key = variables_of(folder)["AWS_SESSION_TOKEN"]
    assert len(key) >= 32
    for process in psutil.Process(sandbox.process.pid).children(recursive=True):
        assert key not in " ".join(process.cmdline())
    for log in folder.glob("*.log"):
        assert key not in log.read_text()
    assert key not in sandbox.output


def test_another_user_runs_nothing(cloud: httpx.Client, folder: Path) -> None:
    url = f"{cloud.base_url}/2015-03-31/functions"
    authorization = f"Authorization: {SIGNATURE['Authorization']}"
    made = as_another_user(
        folder.parent,
        "curl",
        "--silent",
        "--noproxy",
        "*",
        url,
        "-H",
        authorization,
        "-d",
        FUNCTION,
    )
    assert made.stdout.endswith("run `. .local/sandbox/aws.env` in this shell.\n")
    functions = aws_client("lambda", variables_of(folder)).list_functions()["Functions"]
    assert all(function["FunctionName"] != "hostile" for function in functions)


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


@pytest.mark.parametrize(
    "host", ["LOCALHOST:PORT", "LocalHost.:PORT", "127.0.0.1:PORT", "localhost:PORT"]
)
def test_its_own_name_is_its_own_however_it_is_written(cloud: httpx.Client, host: str) -> None:
    headers = {"Host": host.replace("PORT", str(cloud.base_url.port))}
    assert cloud.get("/health", headers=headers).status_code == 200
    assert cloud.get("/users?limit=1", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:PORT", "127.0.0.1", "[::1]:PORT", "localhost..:PORT"),
        *("localhost:1", "localhost:PORT:PORT", "localhost.evil.example:PORT", ".:PORT"),
    ],
)
@pytest.mark.parametrize("path", ["/health", "/_ministack/health"])
def test_another_host_is_refused(cloud: httpx.Client, host: str, path: str) -> None:
    headers = {"Host": host.replace("PORT", str(cloud.base_url.port))}
    assert cloud.get(path, headers=headers).status_code == 403


def test_a_page_may_ask_the_api_what_any_page_may_ask(cloud: httpx.Client) -> None:
    assert cloud.get("/health", headers=FROM_A_PAGE[0]).status_code == 200
