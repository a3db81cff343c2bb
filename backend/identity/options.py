"""What an environment chooses about access tokens."""

from dataclasses import dataclass

_SHORTEST_MINUTES = 5
_LONGEST_MINUTES = 24 * 60


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """An OpenID Connect provider whose access tokens the API accepts.

    The access log contains the tokens' `sub`, so it must not be an email address.

    Attributes:
        url: The value of `iss`. The keys that verify tokens are found below it (OpenID Connect
            Discovery 1.0, section 4).
        audience: A token must name one of these in `aud` or, if it has none, in `client_id`.
    """

    url: str
    audience: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse an issuer whose tokens the gateway could not verify, or would all refuse."""
        if not self.url.startswith("https://"):
            raise ValueError(
                f"The issuer's url is {self.url!r}: use the tokens' `iss`, which starts with"
                " https://."
            )
        if not self.audience:
            raise ValueError(
                f"No token of {self.url} would be accepted: name at least one audience."
            )


@dataclass(frozen=True, kw_only=True)
class IdentityOptions:
    """Options of the access tokens and of the user pool that issues them to programs.

    Attributes:
        issuer: Your OpenID Connect provider. None makes a user pool, which the other options are
            for.
        clients: Names of clients, one for each program or one for all. Each client has its own
            secret; docs/operations.md says how to replace one.
        token_minutes: How long a token is valid, 5 to 1440.
    """

    issuer: Issuer | None = None
    clients: tuple[str, ...] = ("Machine",)
    token_minutes: int = 15

    def __post_init__(self) -> None:
        """Refuse a pool that could issue no tokens."""
        if not self.issuer and not self.clients:
            raise ValueError("clients must name at least one client, which can get tokens.")
        if not _SHORTEST_MINUTES <= self.token_minutes <= _LONGEST_MINUTES:
            raise ValueError(
                f"token_minutes must be {_SHORTEST_MINUTES} to {_LONGEST_MINUTES}, which Cognito"
                f" permits; not {self.token_minutes}."
            )
