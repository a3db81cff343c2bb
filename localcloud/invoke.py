"""./scripts/invoke: the function's code answers one request in this process, for a debugger."""

import argparse
import importlib
import json
import os
import sys

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from localcloud.emulator import HOST, PORT, get, use
from localcloud.events import event
from localcloud.hotswap import RUNTIME, function_of_the_api, the_cloud_answers
from localcloud.progress import Failure, explain, say

_DESCRIPTION = """\
Answers one request by the checkout's code, in a process of its own that a debugger can stop:
breakpoint() in the code opens one here, and is passed over where the sandbox serves. The users are
those of the running sandbox.
"""


def main() -> None:
    """Parse the command line, and print the answer."""
    parser = argparse.ArgumentParser(
        prog="./scripts/invoke",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("method", help="such as PATCH", metavar="METHOD")
    parser.add_argument("path", help="such as /users/jane or /users?limit=5", metavar="PATH")
    parser.add_argument("body", nargs="?", help="JSON", metavar="BODY")
    parser.add_argument("--port", type=int, default=PORT, help="the sandbox's", metavar="N")
    arguments = parser.parse_args()
    endpoint = f"http://{HOST}:{arguments.port}"
    if get(f"{endpoint}/_door") is None:
        say(
            f"No sandbox answers on port {arguments.port}: start ./scripts/sandbox in another "
            "terminal, or name its port with --port."
        )
        sys.exit(1)
    use(endpoint)
    try:
        with the_cloud_answers():
            os.environ.update(_variables())
    except Failure as failure:
        explain(failure)
        sys.exit(1)
    sys.path.insert(0, str(RUNTIME))
    handler = importlib.import_module("lambda_function").handler
    path, _, query = arguments.path.partition("?")
    request = event(arguments.method.upper(), path, query=query, raw=arguments.body)
    answer = handler(request, LambdaContext())
    say(json.dumps({name: answer[name] for name in ("statusCode", "headers")}, indent=2))
    print(answer["body"])  # noqa: T201 it is the output


def _variables() -> dict[str, str]:
    name, alias = function_of_the_api()
    configuration = boto3.client("lambda").get_function_configuration(
        FunctionName=name, Qualifier=alias
    )
    variables: dict[str, str] = configuration["Environment"]["Variables"]
    return variables


if __name__ == "__main__":  # for debuggers, which start a module
    main()
