"""The OpenAPI document as a whole."""

import json
from typing import Any, Final

from backend.api.openapi import operations, parameters, responses, schemas, service, users
from backend.api.runtime import bodies
from backend.api.runtime.explanations import EXPLANATIONS
from backend.api.runtime.problems import INTERNAL_ERROR, PROBLEM_TYPES
from backend.users.errors import MAX_FAULTS

# The version of the interface, not of a build.
_VERSION: Final = "1.1.0"

_DESCRIPTION: Final = f"""\
Creates, reads, lists, changes and removes users.

**Values.** Requests and responses are JSON in UTF-8. A `null` member means that the member is \
absent; responses hold no `null`. An unknown member in a request is refused, so that a misspelt \
name is never stored in silence. Ignore members of responses that you don't know: later versions \
may add some. Usernames and email addresses are each unique, and upper and lower case make no \
difference.

**Numbers.** An integer from -2^63 to 2^64-1 comes back as it is. Any other number comes back as \
the IEEE 754 double that is nearest to it: `0.1000000000000000055` as `0.1`, `1E5` as `100000.0`. \
A number that is too large or too small for a double, such as `1e400` or `1e-400`, is refused, and \
so is a larger integer that is not exactly a double.

**Writes that meet.** `ETag` names one state of a user. Send it back in `If-Match` when you \
change or remove the user: the answer is 412 when the user has changed since. Send it in \
`If-None-Match` when you get the user: the answer is 304 when nothing has changed.

**Creating twice.** With an `Idempotency-Key`, a repeated `POST /users` of the same caller gets \
the first answer again for 24 hours, and creates nothing. A create that was refused is not \
remembered. The caller is the token's `sub`, or its `client_id` or `azp` where it has no `sub`; \
with a token that has none of them a key is refused. Send a key with each create that you would \
repeat after a 503 or a lost answer: without one, a create whose answer was 503 may still take \
effect some minutes later.

**Lists.** A page holds as many users as `limit` says while that many remain. Follow \
`next_cursor`, or the `Link` with `rel="next"`, until there is none. A walk sees every user that \
exists throughout exactly once.

**Limits.** A body has at most {bodies.MAX_BYTES:,} bytes. Every query parameter occurs at most \
once, and below `/users` an unknown one is refused. A problem lists the first {MAX_FAULTS} faults \
of a body; its `detail` says when there are more.

**Errors.** An error is `application/problem+json` (RFC 9457). Decide by `type`, which never \
changes; `detail` tells a person what to do; `instance` holds the request's id. A method that a \
path doesn't have is 405 with `Allow`, a path that the API doesn't have is 404. These are all \
types:

{{problems}}

**Answers of the gateway.** The gateway in front of the API answers some requests by itself, with \
`application/json` and one member, `message`: 401 without a valid token, 403 without the scope, \
413, 429 when there are too many requests, 500 and 503 when the API doesn't answer it. Those \
answers have none of the header fields that other answers of their status have, so that \
`Retry-After` may be missing; `WWW-Authenticate` says what is wrong with a token.

**Who may call.** Send an access token in `Authorization: Bearer`; its scope `users/read` allows \
`GET` and `HEAD`, `users/write` the other methods. `/health` needs none. A deployment may open \
what tells of the API, too: `/openapi.json`, `/docs` and the pages of the problems.
"""


def make() -> dict[str, Any]:
    """Return the OpenAPI document as a deep copy of JSON values."""
    document = {
        "openapi": "3.1.1",
        "info": {
            "title": "User management",
            "version": _VERSION,
            "description": _DESCRIPTION.format(problems=_problems()),
            "contact": {"name": "Whoever runs this deployment"},
            "license": {"name": "MIT No Attribution", "identifier": "MIT-0"},
        },
        "servers": [
            {
                "url": "/",
                "description": "The deployment that serves this document: a sandbox, staging or "
                "production.",
                "x-internal": False,
            }
        ],
        "security": operations.SECURITY,
        "tags": [
            {"name": users.TAG, "description": "The users, and the calls on one of them."},
            {"name": service.TAG, "description": "What the API says about itself."},
        ],
        "paths": {**users.paths(), **service.paths()},
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
                    "description": "An access token (JWT) of the OpenID Connect issuer that the "
                    "deployment names. Its signature, issuer, audience, times and scope are "
                    "checked, as RFC8725 advises.",
                }
            },
        },
    }
    result: dict[str, Any] = json.loads(json.dumps(document))
    return result


def _problems() -> str:
    kinds = [*PROBLEM_TYPES.values(), INTERNAL_ERROR]
    return "\n".join(
        f"- [/problems/{k.name}](problems/{k.name}) ({k.status}): {EXPLANATIONS[k.name]}"
        for k in kinds
    )
