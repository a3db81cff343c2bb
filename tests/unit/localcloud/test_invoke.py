"""The event that ./scripts/invoke makes of a request."""

import pytest

from localcloud.invoke import request_event

ROUTE_KEYS = {"$default", "GET /users", "GET /users/{username}", "PATCH /users/{username}"}


@pytest.mark.parametrize(
    ("target", "raw_path", "username"),
    [
        ("/users/jane", "/users/jane", "jane"),
        ("/users/a%2Bb@x.y", "/users/a+b@x.y", "a+b@x.y"),
        ("/users/a+b@x.y", "/users/a+b@x.y", "a+b@x.y"),
        ("/users/J%C3%BCrgen", "/users/Jürgen", "Jürgen"),
        ("/users/%zz", "/users/%zz", "%zz"),
        # What AWS reports as the path isn't what it takes the parameter from.
        ("/users/jane%3Fx", "/users/jane", "jane?x"),
        ("/users/literal%252Fvalue", "/users/literal/value", "literal%2Fvalue"),
    ],
)
def test_the_path_is_decoded_as_the_gateway_does(target: str, raw_path: str, username: str) -> None:
    event = request_event("GET", f"{target}?limit=%35", None, ROUTE_KEYS)
    assert event["routeKey"] == event["requestContext"]["routeKey"] == "GET /users/{username}"
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == raw_path
    assert event["pathParameters"] == {"username": username}
    assert event["rawQueryString"] == "limit=%35"


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/nothing"),
        ("DELETE", "/users"),
        ("get", "/users"),
        ("GET", "/users/a%2Fb"),
        ("PUT", "/users/jane"),
    ],
)
def test_what_no_route_matches_is_for_the_default_route(method: str, target: str) -> None:
    event = request_event(method, target, None, ROUTE_KEYS)
    assert event["routeKey"] == event["requestContext"]["routeKey"] == "$default"
    assert event["requestContext"]["http"]["method"] == method
    assert "pathParameters" not in event
