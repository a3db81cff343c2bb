"""DynamoDB's address is found once, when the client is made, and not anew for each request.

botocore has two ways: a service's rules, which it applies to each request, whose every table they
ask for; and, for services that have no rules, a table of regions, which it reads once.
"""

from typing import Any, Final

from botocore.exceptions import UnknownServiceError

_RULES: Final = "endpoint-rule-set-1"


class WithoutRules:
    """Loads all of botocore's data but the rules: its component `data_loader`."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Any:
        """See botocore.loaders.Loader. Of rules it says what is said where there are none."""
        if type_name == _RULES:
            raise UnknownServiceError(service_name=service_name, known_service_names="")
        return self._loader.load_service_model(service_name, type_name, api_version)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
