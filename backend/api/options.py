"""What an environment chooses about the API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Throttle:
    """How many requests the gateway lets through; it responds to those beyond with 429.

    Attributes:
        rate: requests a second, in the long run.
        burst: requests at once.
    """

    rate: int
    burst: int


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A domain name of your own for the API.

    Attributes:
        name: such as "api.example.com".
        certificate_arn: a certificate for it, in the stack's region.
    """

    name: str
    certificate_arn: str


@dataclass(frozen=True, kw_only=True)
class APIOptions:
    """Options of the HTTP API and its function.

    Attributes:
        tags: tags of the HTTP API.
        open_docs: whether the API's documentation can be read without a token.
        cors_origins: whose pages may call the API from a browser, such as
            "https://app.example.com"; the gateway responds to their preflights.
        throttle: the limit of each route.
        list_throttle: the limit of each route that lists users, which costs more than the others.
        domain: closes the API's default address; None leaves it open.
        log_level: the function's level.
        debug_share: the share of requests, from 0 to 1, logged at DEBUG whatever the level.
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
        """Refuse what the function would refuse only when it starts."""
        if not 0 <= self.debug_share <= 1:
            raise ValueError(f"debug_share must be from 0 to 1, not {self.debug_share}.")
