"""Takes out of the function's packages what it never uses: a cold start would pay for it.

What a package must look like for this is checked: one that has changed is an error of the build,
and is to be looked at before its new version ships.
"""

import gzip
import hashlib
import json
import re
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from backend.api.deferral import Refused, deferred

# Of botocore's 440 services the function calls one; the others are nine tenths of its size.
_SDK_DATA: Final = Path("botocore", "data")
_SDK_SERVICES: Final = frozenset({"dynamodb"})
# Where each service is, in each partition. A megabyte of JSON, read at each start.
_ENDPOINTS: Final = _SDK_DATA / "endpoints.json"
# Of its 62 operations runtime/table.py calls these; the model also holds a manual.
_MODEL: Final = _SDK_DATA / "dynamodb" / "2012-08-10" / "service-2.json.gz"
_OPERATIONS: Final = ("BatchGetItem", "GetItem", "Query", "TransactWriteItems")

# Who vouches for AWS's services, by the certificates' SHA-256: those that
# https://www.amazontrust.com/repository/ recommends to who keeps a list of authorities.
# The SDK's other 130 don't, and reading them took most of the first request, and of each
# connection's beginning. AWS_CA_BUNDLE names another file, as ever.
_AUTHORITIES: Final = Path("botocore", "cacert.pem")
_TRUSTED: Final = {
    "Amazon Root CA 1": "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
    "Amazon Root CA 2": "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
    "Amazon Root CA 3": "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
    "Amazon Root CA 4": "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
    "Starfield Services Root Certificate Authority - G2": (
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5"
    ),
}
_CERTIFICATE: Final = re.compile(
    "-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n", re.S
)

# What nothing that the function calls imports: two fifths of Powertools, of which a page of its own
# for OpenAPI documents is the largest part, time zones, and urllib3 for browsers.
_UNUSED: Final = (
    "aws_lambda_powertools/event_handler/openapi/swagger_ui",
    "aws_lambda_powertools/utilities/auth_alpha",
    "aws_lambda_powertools/utilities/batch",
    "aws_lambda_powertools/utilities/circuit_breaker",
    "aws_lambda_powertools/utilities/data_masking",
    "aws_lambda_powertools/utilities/feature_flags",
    "aws_lambda_powertools/utilities/idempotency",
    "aws_lambda_powertools/utilities/kafka",
    "aws_lambda_powertools/utilities/parameters",
    "aws_lambda_powertools/utilities/parser",
    "aws_lambda_powertools/utilities/streaming",
    "aws_lambda_powertools/utilities/validation",
    "dateutil/zoneinfo",
    "tzdata/zoneinfo",  # only the names are asked for, which are beside it
    "urllib3/contrib/emscripten",
)

# Modules whose imports wait for their first use: these, or all that can wait.
_DEFERRED: Final[dict[str, tuple[str, ...] | None]] = {
    # Of Powertools' packages the first import of anything would get everything: resolvers for
    # AppSync and Bedrock, the classes of thirty kinds of events, a tracer.
    "aws_lambda_powertools/__init__.py": None,
    "aws_lambda_powertools/event_handler/__init__.py": None,
    "aws_lambda_powertools/event_handler/openapi/__init__.py": None,
    "aws_lambda_powertools/utilities/data_classes/__init__.py": None,
    # What writes the SDK's manual.
    "botocore/docs/__init__.py": None,
    "botocore/docs/docstring.py": None,
    # Dates of credentials that expire, configuration files, queries of JSON: Lambda has none.
    "aws_lambda_powertools/logging/logger.py": ("jmespath_utils",),
    "botocore/compat.py": ("tzlocal",),
    "botocore/configloader.py": ("configparser",),
    "botocore/credentials.py": ("dateutil", "parse", "tzlocal", "tzutc"),
    "botocore/paginate.py": ("jmespath",),
    "botocore/regions.py": ("jmespath",),
    "botocore/tokens.py": ("dateutil", "tzutc"),
    "botocore/utils.py": ("dateutil", "tzutc"),
    "botocore/waiter.py": ("jmespath",),
    # For HTTP/2, which the SDK doesn't speak.
    "urllib3/http2/__init__.py": ("version",),
}


def prune(folder: Path) -> None:
    """Change the packages that are installed in the folder.

    Raises RuntimeError when one isn't what this expects.
    """
    _keep_services(folder)
    _keep_operations(folder)
    _keep_authorities(folder)
    _defer_imports(folder)
    for unused in _UNUSED:
        if not (folder / unused).is_dir():
            raise _unexpected(Path(unused))
        shutil.rmtree(folder / unused)
    # Scripts and what the installer wrote about itself: not imported, and not reproducible.
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for name in ("RECORD", "INSTALLER", "REQUESTED", "uv_cache.json"):
        for path in folder.glob(f"*.dist-info/{name}"):
            path.unlink()


def _keep_services(folder: Path) -> None:
    services = [path for path in (folder / _SDK_DATA).iterdir() if path.is_dir()]
    if not {path.name for path in services} >= _SDK_SERVICES:
        raise _unexpected(_SDK_DATA)
    for service in services:
        if service.name not in _SDK_SERVICES:
            shutil.rmtree(service)
    endpoints = json.loads((folder / _ENDPOINTS).read_text())
    try:
        for partition in endpoints["partitions"]:
            known = partition["services"]
            partition["services"] = {n: known[n] for n in known if n in _SDK_SERVICES}
        [aws] = [p for p in endpoints["partitions"] if p["partition"] == "aws"]
    except (KeyError, ValueError):
        raise _unexpected(_ENDPOINTS) from None
    if aws["services"].keys() != _SDK_SERVICES:
        raise _unexpected(_ENDPOINTS)
    (folder / _ENDPOINTS).write_text(json.dumps(endpoints, separators=(",", ":")))


def _keep_operations(folder: Path) -> None:
    model = json.loads(gzip.decompress((folder / _MODEL).read_bytes()))
    shapes = model["shapes"]
    try:
        model["operations"] = {name: model["operations"][name] for name in _OPERATIONS}
    except KeyError:
        raise _unexpected(_MODEL) from None
    waiting, needed = list(_shapes_in(model["operations"])), set()
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += _shapes_in(shapes[name])
    model["shapes"] = {name: shapes[name] for name in shapes if name in needed}
    content = json.dumps(_without_manual(model), separators=(",", ":")).encode()
    (folder / _MODEL).write_bytes(gzip.compress(content, mtime=0))


def _shapes_in(part: Any) -> Iterator[str]:
    """The names of the shapes that a part of the model refers to."""
    if isinstance(part, dict):
        if isinstance(name := part.get("shape"), str):
            yield name
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _shapes_in(inner)


def _without_manual(part: Any) -> Any:
    if isinstance(part, list):
        return [_without_manual(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    # A member that happens to have the name is no text.
    kept = {n: v for n, v in part.items() if n != "documentation" or not isinstance(v, str)}
    return {name: _without_manual(inner) for name, inner in kept.items()}


def _keep_authorities(folder: Path) -> None:
    found = {
        hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest(): certificate
        for certificate in _CERTIFICATE.findall((folder / _AUTHORITIES).read_text())
    }
    if not found.keys() >= set(_TRUSTED.values()):
        raise _unexpected(_AUTHORITIES)
    kept = [f"# {name}\n{found[fingerprint]}" for name, fingerprint in _TRUSTED.items()]
    (folder / _AUTHORITIES).write_text("\n".join(kept))


def _defer_imports(folder: Path) -> None:
    for path, names in _DEFERRED.items():
        module = folder / path
        try:
            module.write_text(deferred(module.read_text("utf-8"), names), "utf-8")
        except (FileNotFoundError, Refused) as error:
            raise RuntimeError(f"The imports of {path} can't be deferred: {error}.") from None


def _unexpected(path: Path) -> RuntimeError:
    return RuntimeError(f"{path} is not what this build expects; see {__file__}.")
