"""How much memory the local cloud and the function's workers have, while there is load."""

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

import psutil

PARTS: Final = 10  # of a run: the second is compared with the last
SAMPLES: Final = 120
# All workers together may grow by this share, and by what the C library keeps of each request:
# docs/benchmarks.md explains it.
WORKERS_SHARE: Final = 0.01
WORKER_BYTES_A_REQUEST: Final = 500
# The local cloud keeps everything in its memory, such as the logs of each request.
CLOUD_BYTES_A_REQUEST: Final = 6_000
_MB: Final = 1_000_000


class Sample(NamedTuple):
    """Resident bytes at a time in epoch seconds: the emulator's, and each worker's by its pid."""

    at: float
    cloud: int
    workers: dict[int, int]


@contextmanager
def sampled(emulator: int, seconds: float) -> Iterator[list[Sample]]:
    """Take samples meanwhile.

    Args:
        emulator: The number of its process; its children that have a function are the workers.
        seconds: How long it takes to have SAMPLES samples.
    """
    samples: list[Sample] = []
    ended = threading.Event()

    def take() -> None:
        while not ended.wait(seconds / SAMPLES):
            samples.append(_sample(psutil.Process(emulator)))

    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(take)
        try:
            yield samples
        finally:
            ended.set()
        taken.result()  # raises psutil.NoSuchProcess if the emulator has ended


def _sample(emulator: psutil.Process) -> Sample:
    workers = {}
    for child in emulator.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "AWS_LAMBDA_FUNCTION_NAME" in child.environ():
                workers[child.pid] = child.memory_info().rss
    return Sample(time.time(), emulator.memory_info().rss, workers)


class Growth(NamedTuple):
    """Mean resident megabytes in the second part of a run, and in the last.

    Attributes:
        lasting: How many workers lasted through both parts.
        workers: Theirs, together.
    """

    cloud: tuple[float, float]
    lasting: int
    workers: tuple[float, float]

    def faults(self, requests: int) -> Iterator[str]:
        """Yield a sentence for each limit that is exceeded.

        Args:
            requests: How many there were between the two parts' middles.
        """
        if not self.lasting:
            yield "No worker of the function lasted from the second part to the last."
        before, after = self.workers
        if after > before * (1 + WORKERS_SHARE) + requests * WORKER_BYTES_A_REQUEST / _MB:
            yield (
                f"The function's workers grew from {before:.0f} to {after:.0f} MB in "
                f"{requests:,} requests, by more than {WORKERS_SHARE:.0%} and "
                f"{WORKER_BYTES_A_REQUEST} bytes each."
            )
        before, after = self.cloud
        if after > before + requests * CLOUD_BYTES_A_REQUEST / _MB:
            yield (
                f"The local cloud grew from {before:.0f} to {after:.0f} MB in "
                f"{requests:,} requests, by more than {CLOUD_BYTES_A_REQUEST:,} bytes each."
            )


def growth(samples: Sequence[Sample], began: float, ended: float) -> Growth:
    """Compare the second part of the time with the last."""
    length = (ended - began) / PARTS
    parts = [
        [s for s in samples if start <= s.at < start + length]
        for start in (began + length, ended - length)
    ]
    lasting = set.intersection(*(set(s.workers) for part in parts for s in part))
    cloud = (statistics.fmean(s.cloud for s in part) / _MB for part in parts)
    workers = (
        statistics.fmean(sum(s.workers[worker] for worker in lasting) for s in part) / _MB
        for part in parts
    )
    return Growth((next(cloud), next(cloud)), len(lasting), (next(workers), next(workers)))
