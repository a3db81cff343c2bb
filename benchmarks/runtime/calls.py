"""The calls that are measured: the events that API Gateway would send, and who may answer how."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from localcloud.events import event

type Event = dict[str, Any]
type Answer = Mapping[str, Any]

PAGE_SIZE: Final = 25
# So that there is a page after the first.
USERS: Final = PAGE_SIZE + 5
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
PATCH: Final = {"display_name": "Jane D. Doe"}


class Call(NamedTuple):
    """A call of the API. name: of the kind; DynamoDB's answers are kept by it."""

    name: str
    event: Event


def _call(name: str, event: Event, scope: str) -> Call:
    claims = {
        "sub": _SUBJECT,
        "client_id": _SUBJECT,
        "iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_example",
        "scope": scope,
        "token_use": "access",
        "version": "2",
    }
    event["requestContext"]["authorizer"] = {"jwt": {"claims": claims, "scopes": [scope]}}
    if event["requestContext"]["routeKey"].endswith("{username}"):
        event["pathParameters"] = {"username": event["rawPath"].rpartition("/")[2]}
    if query := event["rawQueryString"]:
        event["queryStringParameters"] = dict(pair.split("=") for pair in query.split("&"))
    return Call(name, event)


def create(user: Mapping[str, str]) -> Call:
    """The creation of a user."""
    return _call("create", event("POST", "/users", user, headers=_HEADERS), "users/write")


def get(username: str = JANE["username"]) -> Call:
    """A read of a user."""
    path = f"/users/{username}"
    return _call("get", event("GET", path, headers=_HEADERS), "users/read")


def patch(username: str = JANE["username"]) -> Call:
    """A change of one of a user's members."""
    # As plain JSON: frameworks refuse merge patches, or want them spelt out.
    path = f"/users/{username}"
    return _call("patch", event("PATCH", path, PATCH, headers=_HEADERS), "users/write")


def page(prefix: str = "") -> Call:
    """The first page of the list, or of those whose usernames begin so."""
    query = f"limit={PAGE_SIZE}" + (f"&username_prefix={prefix}" if prefix else "")
    return _call("list", event("GET", "/users", query=query, headers=_HEADERS), "users/read")


def others() -> list[dict[str, str]]:
    """Those beside Jane, sorted by username, all after her."""
    return [
        {**JANE, "username": f"john.doe.{number:02}", "email": f"John.Doe.{number:02}@example.com"}
        for number in range(USERS - 1)
    ]


MEASURED: Final = {"get": get(), "create": create(JANE), "patch": patch(), "list": page()}
