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
# All workers together may grow by this share, and by what the C library keeps of each request: the
# trace's id goes into an environment variable (on Lambda, too), and setenv(3) never frees a value.
# With the holes that it leaves in the heap that is 400 bytes of this function, 610 of F
# (docs/benchmarks.md), and 145 of one that does nothing; with one id for all requests, none.
WORKERS_SHARE: Final = 0.01
WORKER_BYTES_A_REQUEST: Final = 500
# The local cloud keeps everything in its memory: the logs of each request, the markers of creates.
CLOUD_BYTES_A_REQUEST: Final = 6_000
_MB: Final = 1_000_000


class Sample(NamedTuple):
    """Resident bytes at a time in epoch seconds: the emulator's, and each worker's by its id."""

    at: float
    cloud: int
    workers: dict[int, int]


@contextmanager
def sampled(emulator: int, seconds: float) -> Iterator[list[Sample]]:
    """Samples that are taken meanwhile, as many in those seconds as SAMPLES says.

    emulator: the number of its process; its children that have a function are the workers.
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
        taken.result()  # raises psutil.NoSuchProcess when the emulator has ended


def _sample(emulator: psutil.Process) -> Sample:
    workers = {}
    for child in emulator.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "AWS_LAMBDA_FUNCTION_NAME" in child.environ():
                workers[child.pid] = child.memory_info().rss
    return Sample(time.time(), emulator.memory_info().rss, workers)


class Growth(NamedTuple):
    """Mean resident bytes in the second part of a run, and in the last.

    workers: of each worker that was there in both; of all others nothing is known.
    """

    cloud: tuple[float, float]
    workers: dict[int, tuple[float, float]]

    def faults(self, requests: int) -> Iterator[str]:
        """Sentences; requests: how many were answered between the two parts' middles."""
        if not self.workers:
            yield "No worker of the function lasted from the second part to the last."
        before, after = self.together()
        if after > before * (1 + WORKERS_SHARE) + requests * WORKER_BYTES_A_REQUEST:
            yield (
                f"The function's workers grew from {before / _MB:.0f} to {after / _MB:.0f} MB in "
                f"{requests:,} requests, by more than {WORKERS_SHARE:.0%} and "
                f"{WORKER_BYTES_A_REQUEST} bytes each."
            )
        before, after = self.cloud
        if after - before > requests * CLOUD_BYTES_A_REQUEST:
            yield (
                f"The local cloud grew from {before / _MB:.0f} to {after / _MB:.0f} MB in "
                f"{requests:,} requests, by more than {CLOUD_BYTES_A_REQUEST:,} bytes each."
            )

    def together(self) -> tuple[float, float]:
        """The workers' sums in both parts."""
        return (
            sum(before for before, _ in self.workers.values()),
            sum(after for _, after in self.workers.values()),
        )


def growth(samples: Sequence[Sample], began: float, ended: float) -> Growth:
    """Compare the two parts of the time between."""
    length = (ended - began) / PARTS
    early = [s for s in samples if began + length <= s.at < began + 2 * length]
    late = [s for s in samples if ended - length <= s.at < ended]
    lasting = set(early[0].workers) & set(late[-1].workers) if early and late else set()
    for sample in (*early, *late):
        lasting &= set(sample.workers)
    return Growth(
        (
            statistics.fmean(s.cloud for s in early),
            statistics.fmean(s.cloud for s in late),
        ),
        {
            worker: (
                statistics.fmean(s.workers[worker] for s in early),
                statistics.fmean(s.workers[worker] for s in late),
            )
            for worker in sorted(lasting)
        },
    )
