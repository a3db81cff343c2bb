"""Starts a local cloud and deploys a stack to it."""

import time
from pathlib import Path
from typing import Final

from localcloud import emulator
from localcloud.deployment import LOCAL_ENVIRONMENT, Deployment
from localcloud.emulator import Emulator
from localcloud.hotswap import Hotswap
from tooling.processes import Interruption
from tooling.progress import Failure, step

_READY_SECONDS: Final = 300.0  # a limit only for what hangs


def start(
    cloud: Emulator,
    folder: Path,
    interruption: Interruption,
    *,
    environment: str = LOCAL_ENVIRONMENT,
) -> tuple[Deployment, Hotswap]:
    """Start the cloud, deploy the environment's stack to it, and wait until the API responds.

    Args:
        cloud: What to start; stop it in any case.
        folder: Takes what the tools write.
        interruption: Notes the signals that ask to stop.
        environment: One of constants.py.

    Returns:
        What deploys again, and what puts edited code live.

    Raises:
        Failure: A step fails.
        Interrupted: A signal asked to stop.
    """
    emulator.use(cloud.variables)
    deployment = Deployment(folder, cloud, environment)
    try:
        # Synthesizing takes longest and needs no cloud: it goes on beside the next two steps.
        deployment.start_synthesis()
        with step("local cloud"):
            cloud.start(interruption)
        with step("cdk bootstrap"):
            deployment.bootstrap(interruption)
        with step("cdk synth"):
            deployment.finish_synthesis(interruption)
        with step("cdk deploy"):
            deployment.deploy(interruption)
        with step("first response"):
            hotswap = Hotswap(deployment.environment, folder)
            hotswap.verify(interruption)
            _await_response(cloud, interruption)
    finally:
        deployment.abandon()
    return deployment, hotswap


def _await_response(cloud: Emulator, interruption: Interruption) -> None:
    deadline = time.monotonic() + _READY_SECONDS

    def is_ready() -> bool:
        if cloud.has_ended() or time.monotonic() > deadline:
            raise Failure(
                "The API does not respond; the local cloud's log is above.", cloud.read_log()
            )
        return emulator.get(f"{cloud.endpoint}/health") is not None

    interruption.wait_until(is_ready)
