"""./scripts/audit: known vulnerabilities of everything that is locked."""

import argparse
import datetime
import signal
import sys
from collections.abc import Sequence
from typing import Final

from supplychain import advisories, settings
from supplychain.advisories import Advisory
from supplychain.settings import AcceptedAdvisory
from tooling.progress import Failure, explain, say, step

_DESCRIPTION: Final = """\
Asks public databases which known vulnerabilities have the packages in uv.lock and in each
package-lock.json, and fails if there is one that pyproject.toml does not accept, or if it could not
ask. Needs the network.
"""


def main() -> None:
    """Ask, and print what was found; exits with 1 unless all is well."""
    argparse.ArgumentParser(prog="./scripts/audit", description=_DESCRIPTION).parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        found, unanswered = _ask()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    accepted = settings.read().accepted_advisories
    today = datetime.datetime.now(datetime.UTC).date()
    faults = judge(found, accepted, today, is_complete=not unanswered)
    for failure in unanswered:
        explain(failure)
    for fault in faults:
        say(fault)
    if unanswered or faults:
        sys.exit(1)
    say(f"No known vulnerabilities ({len(accepted)} accepted).")


def _ask() -> tuple[list[Advisory], list[Failure]]:
    """What was found, and what could not be asked: one database may answer when another doesn't."""
    found: list[Advisory] = []
    unanswered: list[Failure] = []
    for group in settings.groups():
        try:
            with step(f"Python packages of {group}"):
                found += advisories.of_python(group)
        except Failure as failure:
            unanswered.append(failure)
    for folder in settings.NODE_FOLDERS:
        try:
            with step(f"Node packages of {folder}"):
                found += advisories.of_node(folder)
        except Failure as failure:
            unanswered.append(failure)
    return found, unanswered


def judge(
    found: Sequence[Advisory],
    accepted: Sequence[AcceptedAdvisory],
    today: datetime.date,
    *,
    is_complete: bool,
) -> list[str]:
    """What is wrong, a line for each.

    is_complete: whether every database was asked: else nobody knows what is accepted for nothing.
    """
    in_force = {entry.id for entry in accepted if today <= entry.until}
    faults = [
        f"{advisory.package} ({advisory.where}) has {', '.join(advisory.ids)}: {advisory.remedy}."
        for advisory in found
        if in_force.isdisjoint(advisory.ids)
    ]
    known = {name for advisory in found for name in advisory.ids}
    for entry in accepted:
        if entry.id not in in_force:
            faults.append(f"{entry.id} was accepted until {entry.until} only: decide again.")
        elif is_complete and entry.id not in known:
            faults.append(f"{entry.id} is accepted, but nothing locked has it: take it out.")
    return faults


if __name__ == "__main__":
    main()
