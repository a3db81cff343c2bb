"""An environment's options for the API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Throttle:
    """How many requests the gateway lets through. The response to others is 429.

    Attributes:
        rate: Requests per second, in the long run.
        burst: Requests at once.
    """

    rate: int
    burst: int


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A custom domain name for the API.

    Attributes:
        name: Such as "api.example.com".
        certificate_arn: Its certificate, in the stack's region.
    """

    name: str
    certificate_arn: str


@dataclass(frozen=True, kw_only=True)
class APIOptions:
    """Options of the HTTP API and its function.

    Attributes:
        tags: The HTTP API's tags.
        open_docs: Whether the documentation needs no token.
        cors_origins: The origins whose pages may call the API from a browser, such as
            "https://app.example.com".
        throttle: The limit of each route that doesn't list users.
        list_throttle: The limit of each route that lists users, which costs more.
        domain: A custom domain name, which replaces the default one; None for the default one.
        log_level: The function's log level.
        debug_share: The share of requests, from 0 to 1, to log at DEBUG whatever the level.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    open_docs: bool = False
    cors_origins: tuple[str, ...] = ()
    throttle: Throttle = Throttle(rate=100, burst=200)
    list_throttle: Throttle = Throttle(rate=20, burst=40)
    domain: Domain | None = None
    log_level: Literal["DEBUG", "INFO"] = "INFO"
    debug_share: float = 0

    def __post_init__(self) -> None:
        """Check the options now, not when the function starts.

        Raises:
            ValueError: An option is out of range.
        """
        if not 0 <= self.debug_share <= 1:
            raise ValueError(f"debug_share must be from 0 to 1, not {self.debug_share}.")
