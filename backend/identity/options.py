"""What an environment chooses about access tokens."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """An OpenID Connect provider whose access tokens the API accepts.

    The access log has the tokens' `sub`, so that an investigation knows who called: it must not be
    an email address.

    Attributes:
        url: the value of `iss`; the keys that verify tokens are found below it (OpenID Connect
            Discovery 1.0, section 4).
        audience: a token names one of these in `aud` or, if it has none, in `client_id`.
    """

    url: str
    audience: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class IdentityOptions:
    """Options of the access tokens, and of the user pool that gives them to programs.

    Attributes:
        issuer: your OpenID Connect provider; None makes a user pool. The other options are the
            pool's.
        clients: names, one for each program or for all of them. Another name is another client with
            another secret; docs/operations.md says how to replace one.
        token_minutes: how long a token is valid, 5 to 1440.
    """

    issuer: Issuer | None = None
    clients: tuple[str, ...] = ("Machine",)
    token_minutes: int = 15
