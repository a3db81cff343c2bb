"""The measured calls: the events that API Gateway would send."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from benchmarks.project import event

PAGE_SIZE: Final = 25
# So many that each shard has more than a page reads of it.
_USERS: Final = 200
_SUBJECT: Final = "4f1c9a7e-0000-4000-8000-3b2a1d0c9e8f"
_HEADERS: Final = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    # As long as a token of Cognito's. It has been checked when the event reaches the function.
    "authorization": "Bearer " + "eyJraWQiOiJ" * 80,
    "content-type": "application/json",
    "host": "api-id.execute-api.us-east-1.amazonaws.com",
    "user-agent": "python-httpx/0.28.1",
    "x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
    "x-forwarded-for": "192.0.2.1",
    "x-forwarded-port": "443",
    "x-forwarded-proto": "https",
}

JANE: Final = {
    "username": "jane.doe",
    "email": "Jane.Doe@example.com",
    "given_name": "Jane",
    "family_name": "Doe",
    "display_name": "Jane Doe",
    "phone_number": "+4930901820",
    "locale": "de-DE",
    "zoneinfo": "Europe/Berlin",
    "country": "DE",
}
# All after her, sorted by username.
OTHERS: Final = tuple(
    {**JANE, "username": f"john.doe.{number:03}", "email": f"John.Doe.{number:03}@example.com"}
    for number in range(_USERS - 1)
)
PATCH: Final = {"display_name": "Jane D. Doe"}


class Call(NamedTuple):
    """A call of the API. name: its kind, under which DynamoDB's responses are recorded."""

    name: str
    event: dict[str, Any]


def _call(
    name: str, method: str, path: str, *, scope: str, body: object = None, query: str = ""
) -> Call:
    request = event(method, path, body, query=query, headers=_HEADERS)
    claims = {
        "sub": _SUBJECT,
        "client_id": _SUBJECT,
        "iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_example",
        "scope": scope,
        "token_use": "access",
        "version": "2",
    }
    request["requestContext"]["authorizer"] = {"jwt": {"claims": claims, "scopes": [scope]}}
    if query:
        request["queryStringParameters"] = dict(pair.split("=") for pair in query.split("&"))
    return Call(name, request)


def create(user: Mapping[str, str]) -> Call:
    """Create a user."""
    return _call("create", "POST", "/users", scope="users/write", body=user)


def get(username: str = JANE["username"]) -> Call:
    """Read a user."""
    return _call("get", "GET", f"/users/{username}", scope="users/read")


def patch(username: str = JANE["username"]) -> Call:
    """Change one of a user's members."""
    # As plain JSON: frameworks refuse merge patches, or need extra code for them.
    return _call("patch", "PATCH", f"/users/{username}", scope="users/write", body=PATCH)


def page(prefix: str = "") -> Call:
    """List the first page of all users, or of those with this prefix."""
    query = f"limit={PAGE_SIZE}" + (f"&username_prefix={prefix}" if prefix else "")
    return _call("page", "GET", "/users", scope="users/read", query=query)


MEASURED: Final = {"get": get(), "create": create(JANE), "patch": patch(), "page": page()}
