"""What functions run on: plain data."""

import platform
from dataclasses import dataclass
from typing import Final

# pyproject.toml, .python-version and function.py have it, too.
PYTHON_VERSION: Final = (3, 13)


@dataclass(frozen=True)
class Platform:
    """What a function runs on.

    Attributes:
        architecture: Lambda's name for it, arm64 or x86_64.
        wheels: uv's name for it (`--python-platform`); None for the machine that builds.
    """

    architecture: str
    wheels: str | None


# Lambda's Python 3.13 runs on Amazon Linux 2023, whose glibc is 2.34.
LAMBDA_ARM64: Final = Platform("arm64", "aarch64-manylinux_2_28")
HOST: Final = Platform(
    "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64",
    None,
)
