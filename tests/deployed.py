"""A client of a deployed API, for tests that run against any deployment.

API Gateway responds to some requests itself, with `{"message": "..."}` and without X-Request-Id,
which every response of the function has. The statuses that matter here:

- 429: a throttle of the account, the stage or the route is exceeded. The function was not invoked.
  https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
- 503: Lambda did not invoke the function, because the account's concurrent executions (a new
  account may have as few as 10) are used up; or the function did not respond within 30 s.
  https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
- 400, 403, 404: the request's target is invalid by RFC 3986, or there is no such route.
"""

import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

# How many requests the tests send at once, unless --long says that the API is on this machine. Even
# a new account has more concurrent executions.
AT_ONCE: Final = 8
# A request that takes this long hangs. API Gateway waits at most 30 s for the function; a local
# cloud on a busy machine may take longer.
_HANGS_SECONDS: Final = 120
_PAUSES: Final = (1, 2, 4, 8, 16)
_IDEMPOTENT: Final = {"GET", "HEAD", "PUT", "DELETE"}  # RFC 9110, 9.2.2
_MAKE_SAFE: Final = {"if-match", "idempotency-key"}


class Client(httpx.Client):
    """A client that repeats requests that API Gateway refused, if that is safe. It is thread-safe.

    It returns the function's own 503.

    Args:
        endpoint: The API's URL.
        headers: The headers of each request.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        endpoint: str,
        headers: dict[str, str] | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(
            base_url=endpoint,
            headers=headers,
            timeout=_HANGS_SECONDS,
            # The server may close a kept connection just when it is used again.
            transport=httpx.HTTPTransport(
                retries=len(_PAUSES),  # to connect: the DNS may take a while to know a new name
                limits=httpx.Limits(max_keepalive_connections=0),
            ),
            # No proxy reaches the loopback.
            trust_env=urlsplit(endpoint).hostname not in {"127.0.0.1", "localhost"},
        )
        self._sleep = sleep

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request, repeat it for up to half a minute, and return the last response."""
        response = super().send(request, **options)
        for pause in _PAUSES:
            if not _may_be_repeated(request, response):
                break
            self._sleep(float(response.headers.get("Retry-After", pause)))
            response = super().send(request, **options)
        return response

    def send_raw(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request target as it is, without the usual normalization."""
        raw = f"{self.base_url.path.rstrip('/')}{target}".encode()
        return self.request(method, "/", content=body, headers=headers, extensions={"target": raw})

    def create(self, user: dict[str, Any], key: str) -> list[httpx.Response]:
        """Create a user, and repeat the request while the response is 503.

        Returns:
            All responses. All but the last are 503.
        """
        responses: list[httpx.Response] = []
        for _ in range(20):
            response = self.post("/users", json=user, headers={"Idempotency-Key": key})
            responses.append(response)
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            self._sleep(float(response.headers.get("Retry-After", 1)))
        return responses


def is_the_gateways(response: httpx.Response) -> bool:
    """Return whether API Gateway, not the function, made the response."""
    if "X-Request-Id" in response.headers:
        return False
    if response.request.method == "HEAD":
        return True
    try:
        document = response.json()
    except ValueError:
        return False
    return isinstance(document, dict) and document.keys() == {"message"}


def assert_refused(response: httpx.Response, status: int) -> None:
    """Fail unless the function refused the request with a status and a problem, or the gateway did.

    Use this only for requests whose target is invalid by RFC 3986, which API Gateway may refuse.
    """
    said = f"{response.status_code} {response.headers} {response.text}"
    if is_the_gateways(response):
        assert response.status_code in {400, 403, 404}, said
    else:
        assert response.status_code == status, said
        assert response.headers.get("Content-Type") == "application/problem+json", said


def _may_be_repeated(request: httpx.Request, response: httpx.Response) -> bool:
    if not is_the_gateways(response):
        return False
    match response.status_code:
        case httpx.codes.TOO_MANY_REQUESTS:
            return True
        case httpx.codes.SERVICE_UNAVAILABLE:
            # The function may have been invoked.
            return request.method in _IDEMPOTENT or not _MAKE_SAFE.isdisjoint(request.headers)
    return False
