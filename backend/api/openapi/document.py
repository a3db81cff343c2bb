"""The OpenAPI document as a whole."""

import json
from typing import Any, Final

from backend.api.openapi import operations, parameters, responses, schemas, service, users
from backend.api.runtime import bodies
from backend.api.runtime.problems import PROBLEM_TYPES
from backend.users.errors import MAX_FAULTS

# The version of the interface, not of a build.
_VERSION: Final = "1.1.0"

_DESCRIPTION: Final = f"""\
Create, read, list, change and delete users.

**Data.** Requests and responses are JSON in UTF-8. In a request, a `null` member means that the \
member is absent; responses contain no `null`. A request with an unknown member is rejected, so \
that a misspelt name is never ignored. Ignore response members that you don't know: later versions \
may add some. Usernames and emails are each unique, ignoring case.

**Numbers.** An integer from -2^63 to 2^64-1 comes back unchanged. Any other number comes back as \
the nearest IEEE 754 double: `0.1000000000000000055` as `0.1`, `1E5` as `100000.0`. A number \
outside the range of a double, such as `1e400` or `1e-400`, is rejected, and so is a larger \
integer that a double can't hold exactly.

**Concurrent changes.** An `ETag` identifies one state of a user. Send it in `If-Match` when you \
change or delete the user: if somebody else has changed the user since, the response is 412. Send \
it in `If-None-Match` when you get the user: if nothing has changed, the response is 304.

**Retrying a create.** Send an `Idempotency-Key` with each `POST /users` that you may need to \
retry. For 24 hours, the same request with the same key returns the first response again and \
creates nothing; rejected requests are not remembered. Without a key, a create that got a 503 or \
no response may still take effect some minutes later. Keys belong to the caller: the `sub` of the \
token or, if it has none, its `client_id` or `azp`. With a token that has none of these, a key is \
rejected.

**Lists.** Each page has `limit` users; only the last page may have fewer. Follow `next_cursor`, \
or the `Link` with `rel="next"`, until there is none. Paging through a list returns every user \
who exists throughout exactly once.

**Limits.** A request body has at most {bodies.MAX_BYTES:,} bytes. Send each query parameter at \
most once; the paths under `/users` reject unknown ones. A problem lists the first {MAX_FAULTS} \
faults of a body; its `detail` says if there are more.

**Errors.** Errors are `application/problem+json` (RFC 9457). In a program, decide by `type`, \
which never changes; `detail` tells a person what to do; `instance` holds the request's id. An \
unknown path gets 404; a method that the path does not support gets 405 with `Allow`. The types are:

{{problems}}

**Gateway errors.** The gateway in front of the API responds to some requests itself, with \
`application/json` and one member, `message`: 401 without a valid token, 403 without the required \
scope, 413, 429 if there are too many requests, and 500 or 503 if the API does not respond. These \
responses have none of the headers that this document lists for their status, so `Retry-After` may \
be missing; only `WWW-Authenticate` is set, and says what is wrong with a token.

**Authentication.** Send an access token in `Authorization: Bearer`. The scope `users/read` allows \
`GET` and `HEAD`, `users/write` the other methods. `/health` needs no token. A deployment may also \
open its documentation: `/`, `/openapi.json`, `/docs` and the problem pages.
"""


def make() -> dict[str, Any]:
    """Return the OpenAPI document as a deep copy of JSON values."""
    document = {
        "openapi": "3.1.1",
        "info": {
            "title": "Users",
            "version": _VERSION,
            "description": _DESCRIPTION.format(problems=_problems()),
            "contact": {"name": "The operator of this deployment"},
            "license": {"name": "MIT No Attribution", "identifier": "MIT-0"},
        },
        "servers": [
            {
                "url": "/",
                "description": "This deployment: a sandbox, staging or production.",
                "x-internal": False,
            }
        ],
        "security": operations.SECURITY,
        "tags": [
            {"name": users.TAG, "description": "Create, read, list, change and delete users."},
            {"name": service.TAG, "description": "Health and documentation of the API."},
        ],
        "paths": {**users.paths(), **service.paths()},
        # An extension, because OpenAPI has no place for it: no existing operation responds so. No
        # component either, because linters look for uses of those in operations only.
        "x-other-methods": {"405": responses.method_not_allowed()},
        "components": {
            "schemas": schemas.components(),
            "parameters": parameters.components(),
            "headers": responses.headers(),
            "responses": responses.components(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token (JWT) from the deployment's OpenID Connect "
                    "issuer. The gateway checks its signature, issuer, audience, times and scope, "
                    "as RFC8725 advises.",
                }
            },
        },
    }
    result: dict[str, Any] = json.loads(json.dumps(document))
    return result


def _problems() -> str:
    return "\n".join(
        f"- [/problems/{k.name}](problems/{k.name}) ({k.status}): {k.explanation}"
        for k in PROBLEM_TYPES.values()
    )
