"""The asset of the API's function."""

from typing import Final

from backend.functions.bundling import Asset, File

HANDLER: Final = "backend.api.runtime.lambda_function.handler"

_STATIC: Final = "backend/api/runtime/static"
_SWAGGER_UI: Final = "node_modules/swagger-ui-dist"

# Most of Powertools; botocore's data about services and its certificates, because the function uses
# botocore only for signatures and credentials; the time zones' data, because only their names are
# needed; urllib3's support for browsers.
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
    "tzdata/zoneinfo",
    "urllib3/contrib/emscripten",
)


def _swagger_ui(name: str) -> File:
    return File(f"{_SWAGGER_UI}/{name}", "./scripts/run installs it")


# Large files are compressed here, once: browsers accept gzip, and a response has at most 6 MB.
ASSET: Final = Asset(
    code=("backend/api/routes.py", "backend/api/runtime", "backend/users"),
    requirements="backend/api/runtime/requirements.txt",
    unused=_UNUSED,
    files={
        f"{_STATIC}/openapi.json.gz": File("docs/openapi.json", "./scripts/openapi writes it"),
        f"{_STATIC}/swagger-ui/LICENSE": _swagger_ui("LICENSE"),
        f"{_STATIC}/swagger-ui/NOTICE": _swagger_ui("NOTICE"),
        f"{_STATIC}/swagger-ui/swagger-ui-bundle.js.gz": _swagger_ui("swagger-ui-bundle.js"),
        f"{_STATIC}/swagger-ui/swagger-ui-bundle.js.LICENSE.txt": _swagger_ui(
            "swagger-ui-bundle.js.LICENSE.txt"
        ),
        f"{_STATIC}/swagger-ui/swagger-ui.css.gz": _swagger_ui("swagger-ui.css"),
    },
)
