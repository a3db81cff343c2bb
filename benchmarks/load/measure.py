"""Makes the load on the sandbox that it is started in, and judges what came of it."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.load import report
from benchmarks.load.caller import FILL
from benchmarks.load.memory import growth, sampled
from benchmarks.marks import commit
from localcloud import emulator
from tooling.install import LOCAL, ROOT
from tooling.progress import Failure, explain, say

CALLERS: Final = 16
_LOCUST: Final = LOCAL / "load" / "bin" / "locust"
_VERIFYING_SECONDS: Final = 600
_SHOWN_FAULTS: Final = 10


def main() -> None:
    """Arguments: the minutes, and --write to write the page."""
    minutes, *options = sys.argv[1:]
    try:
        outcome = measured(int(minutes))
        text = report.text(outcome)
        if options:
            report.write(outcome)
        sys.stdout.write(text)
        judge(outcome)
    except Failure as failure:
        explain(failure)
        sys.exit(1)


def measured(minutes: int) -> report.Outcome:
    """Make the load. Raises Failure when it can't be made."""
    # The sandbox that this is started in leads every SDK, and this, to its own local cloud.
    cloud = emulator.process_of(os.environ) if "AWS_SESSION_TOKEN" in os.environ else None
    if cloud is None:
        raise Failure("No sandbox runs this: start this with ./scripts/load.")
    measured_commit = commit()  # of the function that is deployed
    *_, busy = os.getloadavg()
    with sampled(cloud, minutes * 60) as samples:
        record = _record(minutes)
    mix = [request for request in record["requests"] if request[1] != FILL]
    if not mix:
        raise Failure("No request was made.", "\n".join(record["faults"][:_SHOWN_FAULTS]))
    # All callers have their users by then.
    began = max((at for at, name, *_ in record["requests"] if name == FILL), default=mix[0][0])
    ended = max(at for at, *_ in mix)
    requests = [report.Request(*r) for r in mix if r[0] >= began]
    return report.Outcome(
        commit=measured_commit,
        busy=busy,
        callers=CALLERS,
        began=began,
        ended=ended,
        requests=requests,
        acknowledged=record["acknowledged"],
        faults=record["faults"],
        samples=samples,
        growth=growth(samples, began, ended),
    )


def judge(outcome: report.Outcome) -> None:
    """Raises Failure when an answer was wrong, something was lost, or memory grew."""
    faults = [*outcome.faults, *outcome.growth.faults(outcome.requests_between())]
    if faults:
        shown = faults[:_SHOWN_FAULTS]
        if len(faults) > len(shown):
            shown.append(f"... and {len(faults) - len(shown):,} more")
        raise Failure(
            f"Faults: {len(faults):,} in {len(outcome.requests):,} requests. "
            "They are above: find the cause before anybody else does.",
            "\n".join(shown),
        )
    say(
        "Every answer was one that the contract names, nothing was lost, and memory grew no more "
        "than docs/benchmarks.md says."
    )


def _record(minutes: int) -> dict[str, Any]:
    """What benchmarks/load/locustfile.py writes."""
    with tempfile.TemporaryDirectory(dir=LOCAL) as folder:
        path = Path(folder) / "record.json"
        command = [
            *[str(_LOCUST), "--locustfile", "benchmarks/load/locustfile.py", "--headless"],
            *["--users", str(CALLERS), "--spawn-rate", str(CALLERS), "--only-summary"],
            *["--stop-timeout", str(_VERIFYING_SECONDS), "--loglevel", "WARNING"],
        ]
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LOAD_RECORD": str(path),
            "LOAD_SECONDS": str(60 * minutes),
        }
        say(f"  {CALLERS} callers for {minutes} minutes, then everything is read once more ...")
        done = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode or not path.exists():
            raise Failure("locust failed; see above.", done.stderr)
        found: dict[str, Any] = json.loads(path.read_text())
        return found


if __name__ == "__main__":
    main()
