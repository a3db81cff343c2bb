"""Gets subjects ready: their assets are made, and proven to work, before anything is measured."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import boto3
import botocore

from benchmarks.runtime import correctness, instructions, subjects
from benchmarks.runtime.certificates import Certificates
from benchmarks.runtime.dynamodb import Recording
from benchmarks.runtime.function import Place, running
from benchmarks.runtime.runtime_api import FunctionFailed
from benchmarks.runtime.subjects import Asset, Subject
from tests.dynamodb_local import create_table, started_engine
from tooling.install import LOCAL
from tooling.progress import Failure, say, step

# Counts don't depend on what else runs, but waiting for processors helps nobody.
_PARALLEL: Final = os.cpu_count() or 1


class Prepared(NamedTuple):
    """A subject that works, and what DynamoDB answered to it."""

    subject: Subject
    asset: Asset
    recording: Recording


@contextmanager
def place() -> Iterator[tuple[Place, Path, Certificates]]:
    """Where functions run, a folder for their assets, and what they are to trust."""
    with tempfile.TemporaryDirectory(dir=LOCAL, prefix="benchmark-") as name:
        folder = Path(name)
        certificates = Certificates(folder)
        authorities = folder / "authorities.pem"
        bundled = Path(botocore.__file__).with_name("cacert.pem").read_text()
        authorities.write_text(bundled + certificates.root)
        with step("awslambdaric"):
            python = subjects.lambda_python()
        yield Place(python, certificates.context(), authorities), folder, certificates


def prepare(
    where: Place, folder: Path, certificates: Certificates, chosen: Sequence[Subject]
) -> list[Prepared]:
    """Raises Failure when a subject doesn't do what it is to be measured at."""
    prepared = []
    with started_engine() as endpoint:
        client = boto3.client(
            "dynamodb",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 the engine takes any
        )
        for subject in chosen:
            with step(f"{subject.title}: its asset, and whether it works"):
                asset = subjects.make(subject, folder, certificates.root)
                recording = Recording()
                create_table(client, subject.name)
                with (
                    told(subject),
                    running(
                        where, asset.root, recording, table=subject.name, upstream=endpoint
                    ) as function,
                ):
                    correctness.prove(function, subject.calls, subject.title)
            prepared.append(Prepared(subject, asset, recording))
    return prepared


def count(
    where: Place, folder: Path, prepared: Sequence[Prepared], calls: Sequence[str], requests: int
) -> Mapping[str, Mapping[str, float]]:
    """Instructions by the subject's name and by phase, as instructions.count has them."""

    def counted(one: Prepared) -> Mapping[str, float]:
        subject, files = one.subject, folder / f"{one.subject.name}-counts"
        files.mkdir()
        callgrind = instructions.Callgrind(files)
        names = [name for name in calls if name in subject.calls]
        try:
            with (
                told(subject),
                running(
                    where,
                    one.asset.root,
                    one.recording,
                    table=subject.name,
                    wrapper=callgrind.wrapper,
                    init_timeout=instructions.INIT_TIMEOUT,
                ) as function,
            ):
                return instructions.count(function, callgrind.take, names, requests, subject.title)
        finally:
            callgrind.close()
            shutil.rmtree(files)

    counts = {}
    with ThreadPoolExecutor(_PARALLEL) as pool:
        jobs = {pool.submit(counted, one): one.subject for one in prepared}
        for job in as_completed(jobs):
            counts[jobs[job].name] = job.result()
            say(f"  {jobs[job].title}: instructions counted, {len(counts)} of {len(prepared)}")
    return counts


@contextmanager
def told(subject: Subject) -> Iterator[None]:
    """A function's failure is one of the benchmark."""
    try:
        yield
    except FunctionFailed as failure:
        raise Failure(f"{subject.title} failed; see above.", str(failure)) from failure
