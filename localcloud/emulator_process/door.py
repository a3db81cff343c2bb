"""Decides, in the emulator's own process, who may reach what.

The emulator obeys everybody, other users of this machine and pages in the developer's browser
included, and its address of the API is long. So this door judges each request:

- A request that holds the key, a random session token that each start makes anew, is for the
  emulator. So is one with the session token of a role that a holder of the key has assumed.
- A request that is signed as for AWS, or whose path begins with /_, is refused without the key.
- Three kinds of requests reach the emulator without the key, as on AWS: for an access token; for
  the keys that verify one, which the API's authorizer fetches; and the response of a custom
  resource, whose random path is its key.
- Every other request is for the API, whose paths begin at the root of the address.
- A request that names another host is refused: a page could have made its own name lead here.
- The door itself responds at /_door, with the id of its process.
"""

import hmac
import os
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from ministack.services import sts  # type: ignore[import-not-found]  # is in its environment

type Scope = dict[str, Any]
type Report = Callable[[dict[str, Any]], None]
type App = Callable[[Scope, Any, Callable[[dict[str, Any]], Awaitable[None]]], Awaitable[None]]

_TOKEN_KEYS = re.compile(r"/[\w-]+_[0-9A-Za-z]+/\.well-known/jwks\.json")
_CUSTOM_RESOURCE = re.compile(r"/_ministack/cfn-response/[\w-]+")
# All that these requests need; others could make the emulator route them to another service.
_PLAIN_HEADERS = frozenset({b"content-length", b"content-type", b"host", b"transfer-encoding"})
_REFUSED = b"This is the local cloud's own door: pages in a browser and other hosts are refused.\n"
_NO_KEY = (
    b"The local cloud takes its own key only, which each start makes anew: "
    b"run `. .local/sandbox/aws.env` in this shell.\n"
)


def behind_door(app: App, report: Report, *, port: str, api_id: str, key: str) -> App:
    """Return an ASGI application that lets only some requests through to another one.

    Args:
        app: The emulator.
        report: Called for each response of the API.
        port: The port that the door is on.
        api_id: The API that requests without a key reach.
        key: The session token that opens the door.
    """

    async def door(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        is_public, holds_key = _is_public(scope), _holds_key(scope, headers, key)
        is_for_cloud = (
            is_public or holds_key or scope["path"].startswith("/_") or _is_signed(scope, headers)
        )
        if not _is_own_host(headers.get(b"host", b""), port):
            await _refuse(scope, send, _REFUSED)
        elif not is_for_cloud:
            await call_api(scope, receive, send)
        elif _is_from_browser(headers):
            await _refuse(scope, send, _REFUSED)
        elif is_public:
            await app(_plain(scope), receive, send)
        elif not holds_key:
            await _refuse(scope, send, _NO_KEY)
        elif scope["path"] == "/_door":
            await _respond(send, 200, str(os.getpid()).encode())
        else:
            await app(scope, receive, send)

    async def call_api(scope: Scope, receive: Any, send: Any) -> None:
        started, status = time.perf_counter(), 0

        async def observed(message: dict[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await app(_for_api(scope, api_id), receive, observed)
        if scope["type"] == "http":
            milliseconds = (time.perf_counter() - started) * 1000
            request = {"method": scope["method"], "path": scope["path"]}
            report({**request, "status": status, "milliseconds": milliseconds})

    return door


def _is_own_host(host: bytes, port: str) -> bool:
    # Names are compared without regard to case (RFC 4343), and may end in the root's dot.
    name, _, given = host.lower().partition(b":")
    return name.removesuffix(b".") in {b"127.0.0.1", b"localhost"} and (given or b"80") == (
        port.encode()
    )


def _is_signed(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    return (
        headers.get(b"authorization", b"").startswith(b"AWS4-HMAC-SHA256")
        or b"x-amz-signature=" in scope["query_string"].lower()
    )


def _holds_key(scope: Scope, headers: dict[bytes, bytes], key: str) -> bool:
    # A presigned URL has it in its query, and SDKs differ in how they write its name.
    query = parse_qsl(scope["query_string"].decode("latin-1"))
    presigned = {name.lower(): value for name, value in query}.get("x-amz-security-token", "")
    given = headers.get(b"x-amz-security-token", presigned.encode())
    assumed = (session.get("SessionToken") or "" for session in sts._sessions.values())
    return any(hmac.compare_digest(given, known.encode()) for known in (key, *assumed) if known)


def _is_public(scope: Scope) -> bool:
    match scope.get("method"), scope["path"]:
        case "POST", "/oauth2/token":
            return True
        case "GET", path:
            return _TOKEN_KEYS.fullmatch(path) is not None
        case "PUT", path:
            return _CUSTOM_RESOURCE.fullmatch(path) is not None
    return False


def _plain(scope: Scope) -> Scope:
    headers = [
        (name, value)
        for name, value in scope["headers"]
        if name in _PLAIN_HEADERS
        or (name == b"authorization" and value.lower().startswith(b"basic "))
    ]
    return {**scope, "headers": headers, "query_string": b""}


def _is_from_browser(headers: dict[bytes, bytes]) -> bool:
    # Any value of Sec-Fetch-Site counts: when a page makes Chromium prefetch, it sends "none", as
    # for its user. Browsers without Sec-Fetch-*, like Safari until 16.3, are known by name only.
    return (
        b"origin" in headers
        or any(name.startswith(b"sec-fetch-") for name in headers)
        or headers.get(b"user-agent", b"").startswith(b"Mozilla/")
    )


def _for_api(scope: Scope, api_id: str) -> Scope:
    prefix = f"/_aws/execute-api/{api_id}"
    raw_path = prefix.encode() + scope["raw_path"]
    return {**scope, "path": prefix + scope["path"], "raw_path": raw_path}


async def _refuse(scope: Scope, send: Any, sentence: bytes) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await _respond(send, 403, sentence)


async def _respond(send: Any, status: int, text: bytes) -> None:
    fields = [(b"content-type", b"text/plain"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": text})
