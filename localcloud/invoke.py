"""./scripts/invoke: runs the function's code on one request in this process, for a debugger."""

import argparse
import importlib
import json
import os
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import unquote

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from localcloud import emulator
from localcloud.events import event
from localcloud.hotswap import cloud_failures_explained, function_of_the_api, routes
from tooling.progress import failures_explained, say

_DESCRIPTION = """\
Runs the checkout's code on one request, with the users of the running sandbox, in a process that a
debugger can stop: breakpoint() in the code opens one here. The sandbox itself skips breakpoint().
"""


def main() -> None:
    """Parse the command line, and print the response."""
    parser = argparse.ArgumentParser(
        prog="./scripts/invoke",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("method", help="such as PATCH", metavar="METHOD")
    parser.add_argument("path", help="such as /users/jane or /users?limit=5", metavar="PATH")
    parser.add_argument("body", nargs="?", help="JSON", metavar="BODY")
    arguments = parser.parse_args()
    with failures_explained():
        emulator.use(emulator.running())
        keys = {route["RouteKey"] for route in routes()}
        with cloud_failures_explained():
            os.environ.update(_variables())
    handler = importlib.import_module("backend.api.runtime.lambda_function").handler
    request = request_event(arguments.method, arguments.path, arguments.body, keys)
    response = handler(request, LambdaContext())
    say(json.dumps({name: response[name] for name in ("statusCode", "headers")}, indent=2))
    with failures_explained():
        print(response["body"], flush=True)  # noqa: T201 it is the output


def request_event(
    method: str, target: str, body: str | None, route_keys: Collection[str]
) -> dict[str, Any]:
    """Return the event that the gateway makes of a request.

    Args:
        method: The method, as the client writes it.
        target: The path and the query, percent-encoded.
        body: The body, as the client sends it.
        route_keys: The deployed API's routes.
    """
    path, _, query = target.partition("?")
    decoded = unquote(path)
    result = event(method, decoded, query=query, raw=body)
    # AWS decodes twice what it reports as the path, and cuts it at a question mark.
    reported = unquote(decoded).partition("?")[0]
    result["rawPath"] = result["requestContext"]["http"]["path"] = reported
    result.pop("pathParameters", None)
    result["routeKey"] = result["requestContext"]["routeKey"] = "$default"
    for key in sorted(route_keys, key=lambda key: key.count("{")):  # the most exact one wins
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(key))
        if found := re.fullmatch(pattern, f"{method} {decoded}"):
            result["routeKey"] = result["requestContext"]["routeKey"] = key
            if parameters := found.groupdict():
                result["pathParameters"] = parameters
            break
    return result


def _variables() -> dict[str, str]:
    name, alias = function_of_the_api()
    configuration = boto3.client("lambda").get_function_configuration(
        FunctionName=name, Qualifier=alias
    )
    variables: dict[str, str] = configuration["Environment"]["Variables"]
    return variables


if __name__ == "__main__":  # for debuggers, which start a module
    main()
