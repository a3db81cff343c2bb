"""./scripts/sandbox: deploys the stack to a local cloud with the CDK CLI, and serves the API."""

import argparse
import sys
from typing import Final

from localcloud.command import run
from localcloud.deployment import LOCAL_ENVIRONMENT
from localcloud.emulator import PORT
from localcloud.serving import serve
from tooling.processes import Interrupted, Interruption
from tooling.progress import failures_explained, say

_DESCRIPTION: Final = """\
Deploys the stack onto a local cloud with the real CDK CLI, and serves the API until Ctrl-C.
Needs no AWS account and no Docker, and never reaches AWS. Ctrl-C keeps the users for the next
start; a kill loses those made since the last Ctrl-C.
"""
_EPILOG: Final = """\
With a COMMAND: runs it against an empty sandbox of its own on a free port, and exits with its
status. API_ENDPOINT and API_TOKEN (valid for a day) are set, and every AWS_* variable leads to the
local cloud. Nothing is kept. --environment deploys another environment's stack, less what the local
cloud can't do. With --enforce-iam, the function may do only what its role's policies permit; your
own key may do everything.
"""


def main() -> None:
    """Parse the command line, and run what it asks for."""
    arguments, command = _parse(sys.argv[1:])
    interruption = Interruption()
    try:
        with failures_explained():
            if command:
                status = run(
                    command,
                    interruption,
                    environment=arguments.environment,
                    enforces_iam=arguments.enforce_iam,
                )
                sys.exit(status)
            serve(arguments.port or PORT, interruption, fresh=arguments.fresh)
    except Interrupted as interrupted:
        say("\nStopped.")
        sys.exit(interrupted.status)


def _parse(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    own, command = words, []
    if "--" in words:
        position = words.index("--")
        own, command = words[:position], words[position + 1 :]
    parser = argparse.ArgumentParser(
        prog="./scripts/sandbox",
        usage="%(prog)s [--port N] [--fresh]\n"
        "       %(prog)s [--environment NAME] [--enforce-iam] -- COMMAND [ARGUMENT ...]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--port", type=_port, help=f"listen on this port, not on {PORT}", metavar="N"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="start without users; removes the kept ones"
    )
    parser.add_argument(
        "--environment",
        help="with a COMMAND: deploy this one's stack, less what the local cloud can't do",
        metavar="NAME",
        default=LOCAL_ENVIRONMENT,
    )
    parser.add_argument(
        "--enforce-iam",
        action="store_true",
        help="with a COMMAND: refuse what the policies of IAM don't permit, as AWS does",
    )
    arguments = parser.parse_args(own)
    if len(own) < len(words) and not command:
        parser.error("there is no COMMAND after --")
    if command and (arguments.port or arguments.fresh):
        parser.error("a COMMAND has an empty sandbox on a free port: leave those options out")
    if not command:
        if arguments.enforce_iam:
            parser.error("--enforce-iam is for a COMMAND")
        if arguments.environment != LOCAL_ENVIRONMENT:
            parser.error("--environment is for a COMMAND")
    return arguments, command


def _port(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 65535:  # noqa: PLR2004
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port: use a number from 1 to 65535")
