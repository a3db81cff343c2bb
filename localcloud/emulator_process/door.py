"""The emulator's front door, in its own process: who may reach what.

The door is there because the emulator does what anybody asks for, a page in the developer's browser
included, and because its address of the API is long:

- A call that carries an AWS signature, or whose path begins with /_, is for the emulator. No
  browser makes one, so that what a browser sends is refused.
- So are the two that Cognito has nobody sign: for a token, and for the keys that verify one, which
  the API's authorizer asks for.
- Every other call is for the API, whose paths begin at the root of the address.
- Calls that name another host are refused: a page could have had its own name lead here.
- The door itself answers at /_door, with the number of its process.
"""

import os
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

type Scope = dict[str, Any]
type Report = Callable[[dict[str, Any]], None]
type App = Callable[[Scope, Any, Callable[[dict[str, Any]], Awaitable[None]]], Awaitable[None]]

_KEYS = re.compile(r"/[\w-]+/\.well-known/jwks\.json")
_REFUSAL = b"This is the local cloud's own door: pages in a browser and other hosts are refused.\n"


def behind_door(app: App, report: Report, *, port: str, api_id: str) -> App:
    """The ASGI application `app` behind the door, which reports the API's answers."""
    hosts = {f"{host}:{port}".encode() for host in ("127.0.0.1", "localhost")}

    async def door(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        is_for_cloud = (
            scope["path"].startswith("/_") or _is_signed(scope, headers) or _is_for_cognito(scope)
        )
        if headers.get(b"host") not in hosts or (is_for_cloud and _is_from_browser(headers)):
            await _refuse(scope, send)
        elif scope["path"] == "/_door":
            await _answer(send, 200, str(os.getpid()).encode())
        elif is_for_cloud:
            await app(scope, receive, send)
        else:
            await call_api(scope, receive, send)

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


def _is_signed(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    return (
        headers.get(b"authorization", b"").startswith(b"AWS4-HMAC-SHA256")
        or b"x-amz-signature=" in scope["query_string"].lower()
    )


def _is_for_cognito(scope: Scope) -> bool:
    match scope.get("method"), scope["path"]:
        case "POST", "/oauth2/token":
            return True
        case "GET", path:
            return _KEYS.fullmatch(path) is not None
    return False


def _is_from_browser(headers: dict[bytes, bytes]) -> bool:
    # Any value counts: Chromium says "none", as if nobody but its user asked, when a page has it
    # prefetch. Browsers before Sec-Fetch-*, like Safari until 16.3, say nothing in a GET but who
    # they are.
    return (
        b"origin" in headers
        or any(name.startswith(b"sec-fetch-") for name in headers)
        or headers.get(b"user-agent", b"").startswith(b"Mozilla/")
    )


def _for_api(scope: Scope, api_id: str) -> Scope:
    prefix = f"/_aws/execute-api/{api_id}"
    raw_path = prefix.encode() + scope["raw_path"]
    return {**scope, "path": prefix + scope["path"], "raw_path": raw_path}


async def _refuse(scope: Scope, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await _answer(send, 403, _REFUSAL)


async def _answer(send: Any, status: int, text: bytes) -> None:
    fields = [(b"content-type", b"text/plain"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": text})
