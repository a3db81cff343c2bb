"""Shows what a script's module finds when it starts."""

import json
import os
import subprocess
import sys


def main() -> None:
    """Print its arguments, its variables and the status of a child."""
    done = subprocess.run(["/bin/sh", "-c", "exit 7"], check=False)
    found = {"arguments": sys.argv[1:], "environment": dict(os.environ), "status": done.returncode}
    sys.stdout.write(json.dumps(found))
