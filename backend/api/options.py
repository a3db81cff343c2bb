"""An environment's options for the API."""

import re
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

    def __post_init__(self) -> None:
        """Refuse a throttle that lets nothing through."""
        if self.rate < 1 or self.burst < 1:
            raise ValueError(
                f"Throttle(rate={self.rate}, burst={self.burst}) refuses every request: use 1 or"
                " more for both."
            )


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A custom domain name for the API.

    Attributes:
        name: Such as "api.example.com".
        certificate_arn: Its certificate, in the stack's region.
    """

    name: str
    certificate_arn: str

    def __post_init__(self) -> None:
        """Refuse what can't be a domain's name or its certificate."""
        if not re.fullmatch(r"([a-z0-9-]+\.)+[a-z0-9-]+", self.name):
            raise ValueError(
                f"A domain can't be named {self.name!r}: use lower case and no https://, such as"
                " 'api.example.com'."
            )
        if not re.match(r"arn:[^:]+:acm:", self.certificate_arn):
            raise ValueError(
                f"{self.certificate_arn!r} is no certificate of {self.name}: use the ARN of one in"
                " AWS Certificate Manager, arn:aws:acm:…"
            )


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
        for origin in self.cors_origins:
            if not re.fullmatch(r"\*|https?://[^/]+", origin):
                raise ValueError(
                    f"cors_origins has {origin!r}, which no browser sends: use the scheme and the"
                    " host, without a slash at the end, such as 'https://app.example.com'."
                )
