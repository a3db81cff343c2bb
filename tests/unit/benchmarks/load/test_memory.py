import os
import time
import xml.etree.ElementTree as ET

import pytest

from benchmarks.load import chart, memory
from benchmarks.load.memory import Growth, Sample

MB = 1_000_000
SECONDS = 600


def samples(leak: float = 0.0, cloud: float = 0.0) -> list[Sample]:
    """Every 5 s; leak, cloud: MB that each worker, and the emulator, gains in a second."""
    return [
        Sample(
            float(at),
            int((100 + cloud * at) * MB),
            {worker: int((60 + leak * at) * MB) for worker in (1, 2)},
        )
        for at in range(0, SECONDS, 5)
    ]


def test_flat_memory_is_no_fault() -> None:
    found = memory.growth(samples(), 0, SECONDS)
    assert found.workers == {1: (60 * MB, 60 * MB), 2: (60 * MB, 60 * MB)}
    assert list(found.faults(100_000)) == []


def test_workers_that_leak_are_a_fault() -> None:
    (fault,) = memory.growth(samples(leak=0.005), 0, SECONDS).faults(1_000)
    expected = "The function's workers grew from 121 to 126 MB in 1,000 requests, by more than 1%"
    assert fault.startswith(expected)


def test_the_c_library_may_keep_so_much_of_each_request() -> None:
    found = memory.growth(samples(leak=0.05), 0, SECONDS)
    assert list(found.faults(100_000)) == []
    (fault,) = found.faults(80_000)
    assert "by more than 1% and 500 bytes each" in fault


def test_the_emulator_may_keep_so_much_of_each_request() -> None:
    found = memory.growth(samples(cloud=1), 0, SECONDS)
    assert list(found.faults(100_000)) == []
    (fault,) = found.faults(70_000)
    assert fault.startswith("The local cloud grew from 188 to 668 MB in 70,000 requests")


def test_workers_that_come_and_go_say_nothing() -> None:
    turned = [s._replace(workers={int(s.at): 60 * MB}) for s in samples()]
    (fault,) = memory.growth(turned, 0, SECONDS).faults(100_000)
    assert "No worker of the function lasted" in fault


def test_one_process_that_is_no_worker_is_not_counted() -> None:
    with memory.sampled(os.getpid(), memory.SAMPLES * 0.01) as found:
        for _ in range(6_000):
            if found:
                break
            time.sleep(0.01)
    assert found
    assert found[-1].cloud > MB
    assert found[-1].workers == {}


def test_a_run_without_samples_is_a_fault() -> None:
    assert list(Growth((0, 0), {}).faults(1))


@pytest.mark.parametrize("taken", [samples(), []])
def test_the_picture_is_xml(taken: list[Sample]) -> None:
    root = ET.fromstring(chart.picture([0.5, 1.5, 30], taken, SECONDS))  # noqa: S314 our own
    assert len(root.findall("{http://www.w3.org/2000/svg}polyline")) == 4
