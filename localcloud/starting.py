"""Starts a local cloud and deploys the stack onto it."""

import time
from pathlib import Path
from typing import Final

from localcloud import emulator
from localcloud.deployment import LOCAL_ENVIRONMENT, Deployment
from localcloud.emulator import Emulator
from localcloud.hotswap import Hotswap
from tooling.processes import Interruption
from tooling.progress import Failure, say, step

_READY_SECONDS: Final = 300.0  # what takes so long hangs


def start(
    cloud: Emulator,
    folder: Path,
    interruption: Interruption,
    *,
    environment: str = LOCAL_ENVIRONMENT,
) -> tuple[Deployment, Hotswap]:
    """Start the cloud, deploy the environment to it, and wait until the API answers."""
    emulator.use(cloud.variables)
    deployment = Deployment(folder, cloud, environment)
    try:
        # Synthesizing takes longest and needs no cloud: it goes on beside the next two steps.
        deployment.start_synthesis()
        with step("local cloud"):
            cloud.start(interruption)
        _say_what_was_restored(*cloud.restored())
        with step("cdk bootstrap"):
            deployment.bootstrap(interruption)
        with step("cdk synth"):
            deployment.finish_synthesis(interruption)
        with step("cdk deploy"):
            deployment.deploy(interruption)
        with step("first answer"):
            hotswap = Hotswap(deployment.environment, folder)
            hotswap.verify(interruption)
            _await_answer(cloud, interruption)
    finally:
        deployment.abandon()
    return deployment, hotswap


def _say_what_was_restored(restored: int, refused: int) -> None:
    if restored or refused:
        text = f"  The last local cloud ended before it saved. Writes restored: {restored}"
        say(text + (f", refused: {refused}; emulator.log says which." if refused else "."))


def _await_answer(cloud: Emulator, interruption: Interruption) -> None:
    deadline = time.monotonic() + _READY_SECONDS

    def is_ready() -> bool:
        if cloud.has_ended() or time.monotonic() > deadline:
            raise Failure(
                "The API does not answer; the local cloud's log is above.", cloud.read_log()
            )
        return emulator.get(f"{cloud.endpoint}/health") is not None

    interruption.wait_until(is_ready)
