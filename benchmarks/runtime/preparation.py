"""Makes the subjects' assets, and proves that they work, before anything is measured."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import boto3
import botocore

from benchmarks.project import create_table, started_engine
from benchmarks.runtime import correctness, subjects
from benchmarks.runtime.dynamodb import Recording
from benchmarks.runtime.function import Place, Prepared, running
from benchmarks.runtime.subjects import Subject
from tests.certificates import Certificates
from tooling.install import LOCAL
from tooling.progress import step


@contextmanager
def prepared(chosen: Sequence[Subject]) -> Iterator[tuple[Place, list[Prepared]]]:
    """Yield where functions run, and the subjects, each with its recording.

    Raises:
        Failure: A subject doesn't do what it is to be measured at.
    """
    with tempfile.TemporaryDirectory(dir=LOCAL, prefix="benchmark-") as name:
        folder = Path(name)
        certificates = Certificates(folder)
        authorities = folder / "authorities.pem"
        bundled = Path(botocore.__file__).with_name("cacert.pem").read_text()
        authorities.write_text(bundled + certificates.root)
        with step("awslambdaric"):
            python = subjects.lambda_python()
        place = Place(python, certificates.context(), authorities)
        with started_engine() as endpoint:
            client = boto3.client(
                "dynamodb",
                endpoint_url=endpoint,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",  # noqa: S106 the engine takes any
            )
            ready = []
            for subject in chosen:
                with step(f"{subject.title}: make and try it"):
                    asset = subjects.make(subject, folder, certificates.root)
                    create_table(client, subject.name)
                    one = Prepared(subject, asset, Recording())
                    with running(place, one, upstream=endpoint) as function:
                        correctness.prove(function, subject)
                ready.append(one)
        yield place, ready
