"""./scripts/token: prints an access token of the running sandbox, or of a deployed stack."""

import argparse
from typing import Final

from localcloud import emulator
from tooling import tokens
from tooling.progress import failures_explained

_DESCRIPTION: Final = """\
Prints a fresh access token of the API: from the running sandbox and, with --stack NAME, from a
deployed stack if your AWS credentials can read its user pool. In a shell: $(./scripts/token)
"""


def main() -> None:
    """Parse the command line, and print the token and nothing else to the standard output."""
    parser = argparse.ArgumentParser(
        prog="./scripts/token",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stack", help="a deployed stack", metavar="NAME")
    parser.add_argument(
        "--role",
        help="with --stack: assume this role, such as the one that the stack has for a pipeline "
        "in another account",
        metavar="ARN",
    )
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        help="such as users/read; may be repeated; without it, the token has all scopes",
    )
    arguments = parser.parse_args()
    if arguments.role and not arguments.stack:
        parser.error("--role is for a --stack")
    with failures_explained():
        if arguments.stack:
            token = tokens.of_stack(arguments.stack, arguments.scope, role=arguments.role)
        else:
            emulator.use(emulator.running())
            token = tokens.of_api(emulator.API_ID, arguments.scope)
        print(token, flush=True)  # noqa: T201 it is the output


if __name__ == "__main__":
    main()
