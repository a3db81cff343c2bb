"""Takes out of the function's packages what it never uses: a cold start would pay for it.

What a package must look like for this is checked: one that has changed is an error of the build,
and is to be looked at before its new version ships.
"""

import shutil
from pathlib import Path
from typing import Final

from backend.api.deferral import Refused, deferred

# What nothing that the function calls reads: most of Powertools; what botocore knows of services,
# and its authorities, as runtime/client.py signs with it and no more; time zones; urllib3 for
# browsers.
_UNUSED: Final = (
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/utilities/auth_alpha",
    "aws_lambda_powertools/utilities/batch",
    "aws_lambda_powertools/utilities/circuit_breaker",
    "aws_lambda_powertools/utilities/data_classes",
    "aws_lambda_powertools/utilities/data_masking",
    "aws_lambda_powertools/utilities/feature_flags",
    "aws_lambda_powertools/utilities/idempotency",
    "aws_lambda_powertools/utilities/kafka",
    "aws_lambda_powertools/utilities/parameters",
    "aws_lambda_powertools/utilities/parser",
    "aws_lambda_powertools/utilities/streaming",
    "aws_lambda_powertools/utilities/validation",
    "botocore/cacert.pem",
    "botocore/data",
    "dateutil/zoneinfo",
    "tzdata/zoneinfo",  # only the names are asked for, which are beside it
    "urllib3/contrib/emscripten",
)

# Modules whose imports wait for their first use: these, or all that can wait.
_DEFERRED: Final[dict[str, tuple[str, ...] | None]] = {
    # The first import of anything would get the package's metrics, tracer and logger together.
    "aws_lambda_powertools/__init__.py": None,
    # Dates of credentials that expire, configuration files, queries of JSON: Lambda has none.
    "aws_lambda_powertools/logging/logger.py": ("jmespath_utils",),
    "botocore/compat.py": ("tzlocal",),
    "botocore/configloader.py": ("configparser",),
    "botocore/credentials.py": ("dateutil", "parse", "tzlocal", "tzutc"),
    "botocore/tokens.py": ("dateutil", "tzutc"),
    "botocore/utils.py": ("dateutil", "tzutc"),
    # For HTTP/2, which the SDK doesn't speak.
    "urllib3/http2/__init__.py": ("version",),
}


def prune(folder: Path) -> None:
    """Change the packages that are installed in the folder.

    Raises RuntimeError when one isn't what this expects.
    """
    _defer_imports(folder)
    for unused in _UNUSED:
        path = folder / unused
        if path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            raise RuntimeError(f"{unused} is not what this build expects; see {__file__}.")
    # Scripts and what the installer wrote about itself: not imported, and not reproducible.
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for name in ("RECORD", "INSTALLER", "REQUESTED", "uv_cache.json"):
        for path in folder.glob(f"*.dist-info/{name}"):
            path.unlink()


def _defer_imports(folder: Path) -> None:
    for path, names in _DEFERRED.items():
        module = folder / path
        try:
            module.write_text(deferred(module.read_text("utf-8"), names), "utf-8")
        except (FileNotFoundError, Refused) as error:
            raise RuntimeError(f"The imports of {path} can't be deferred: {error}.") from None
