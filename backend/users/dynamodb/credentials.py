"""Finds the credentials of the function's role."""

import os
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from botocore.exceptions import NoCredentialsError

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials


class Fixed(NamedTuple):
    """Credentials that never change, with the members that botocore's signer reads."""

    access_key: str
    secret_key: str
    token: str | None

    def get_frozen_credentials(self) -> "ReadOnlyCredentials":
        """Return the credentials, as botocore's classes do."""
        return cast("ReadOnlyCredentials", self)


def find() -> "Fixed | Credentials":
    """Find the role's credentials.

    Lambda puts them into the environment, where they last as long as the worker. With SnapStart,
    it names an address instead: botocore fetches them from there, and renews them.

    Raises:
        NoCredentialsError: The environment has no credentials.
    """
    access_key = os.environ.get("AWS_ACCESS_KEY_ID")
    secret_key = os.environ.get("AWS_SECRET_ACCESS_KEY")
    if access_key and secret_key:
        return Fixed(access_key, secret_key, os.environ.get("AWS_SESSION_TOKEN") or None)
    return _from_address()


def _from_address() -> "Credentials":
    # Imported here, because most functions don't need them, and they slow down a cold start.
    from botocore.credentials import ContainerProvider  # noqa: PLC0415
    from botocore.utils import ContainerMetadataFetcher  # noqa: PLC0415

    class Fetcher(ContainerMetadataFetcher):
        """Fetches from an address on the same machine, with one short attempt."""

        TIMEOUT_SECONDS = 1
        RETRY_ATTEMPTS = 1
        SLEEP_TIME = 0

    fetcher: Any = Fetcher()  # botocore's stubs ask for another class
    found = ContainerProvider(fetcher=fetcher).load()
    if found is None:
        raise NoCredentialsError
    return found
