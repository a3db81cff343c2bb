"""What an environment chooses about access tokens."""

from dataclasses import dataclass


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
