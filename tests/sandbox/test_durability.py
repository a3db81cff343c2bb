"""What the local cloud keeps, however it ends."""

import fcntl
import os
import re
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from localcloud import emulator
from localcloud.emulator import Emulator
from tests.sandbox.conftest import Start, aws_client, with_token
from tooling.processes import Interruption
from tooling.progress import Failure

TABLE = "things"
DEFINITION: Any = {
    "TableName": TABLE,
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def test_every_acknowledged_user_is_there_after_the_cloud_was_killed(
    start: Start, port: int, tmp_path: Path
) -> None:
    sandbox = start("--port", str(port))
    sandbox.read_until("Ctrl-C stops it")
    [cloud] = psutil.Process(sandbox.process.pid).children()
    acknowledged: dict[str, Any] = {}
    enough = threading.Event()

    base_url, headers = f"http://127.0.0.1:{port}", with_token(tmp_path / "sandbox")

    def write(writer: int) -> None:
        with httpx.Client(
            base_url=base_url, headers=headers, timeout=120, trust_env=False
        ) as client:
            for number in range(1_000_000):
                username = f"user-{writer}-{number}"
                try:
                    answer = client.post("/users", json={"username": username})
                except httpx.TransportError:
                    return
                assert answer.status_code == 201
                acknowledged[username] = answer.json()
                if len(acknowledged) > 50:
                    enough.set()

    with ThreadPoolExecutor() as pool:
        writers = [pool.submit(write, writer) for writer in range(4)]
        assert enough.wait(300)
        cloud.kill()
        for writer in writers:
            writer.result()
    assert sandbox.finish() == 1
    assert "The local cloud ended by itself, its log is above" in sandbox.output
    assert "Every user is kept; what else was changed" in sandbox.output
    assert sandbox.left_running() == []

    again = start("--port", str(port))
    again.read_until("Ctrl-C stops it")
    said = re.search(r"ended before it saved. Writes restored: (\d+)\.", again.output)
    assert said
    assert int(said[1]) >= len(acknowledged)
    for username, user in acknowledged.items():
        # The token from before the kill is good for what was restored.
        read = httpx.get(
            f"{base_url}/users/{username}", headers=headers, timeout=120, trust_env=False
        )
        assert read.json() == user
    assert again.signal(signal.SIGINT) == 0


class Cloud:
    """The emulator alone, with a table, again and again in one folder."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self._folder = folder
        self._handlers = {
            number: signal.getsignal(number)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        self._interruption = Interruption()

    def start(self) -> None:
        port = emulator.free_port()
        self.emulator = Emulator(self._folder, port, is_kept=True)
        self.emulator.start(self._interruption)
        self.dynamodb = aws_client("dynamodb", self.emulator.variables)
        self.s3 = aws_client("s3", self.emulator.variables)

    def put(self, *names: str) -> None:
        for name in names:
            self.dynamodb.put_item(TableName=TABLE, Item={"id": {"S": name}})

    def names(self) -> set[str]:
        return {item["id"]["S"] for item in self.dynamodb.scan(TableName=TABLE)["Items"]}

    def kill(self) -> None:
        process = emulator.process_of(self.emulator.variables)
        assert process
        os.kill(process, signal.SIGKILL)
        self.emulator.stop()

    def generation(self) -> Path:
        [generation] = [path for path in self.state.iterdir() if path.name.isdecimal()]
        return generation

    def close(self) -> None:
        self.emulator.stop()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A started cloud with a checkpoint, in which there is a table with one item."""
    cloud = Cloud(tmp_path)
    cloud.start()
    cloud.dynamodb.create_table(**DEFINITION)
    cloud.put("before")
    cloud.emulator.checkpoint()
    yield cloud
    cloud.close()


def test_a_record_that_was_being_written_at_the_kill_is_left_out(cloud: Cloud) -> None:
    cloud.put("one", "two")
    cloud.kill()
    journal = cloud.generation() / "journal"
    first, second = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(first + second[:-20])
    cloud.start()
    assert cloud.emulator.restored() == (1, 0)
    cloud.put("three")
    cloud.kill()
    cloud.start()
    assert cloud.emulator.restored() == (2, 0)
    assert cloud.names() == {"before", "one", "three"}


def test_each_kind_of_write_is_made_again(cloud: Cloud) -> None:
    key = {"id": {"S": "before"}}
    put: Any = {"Put": {"TableName": TABLE, "Item": {"id": {"S": "transaction"}}}}
    statement = f"INSERT INTO \"{TABLE}\" VALUE {{'id': 'statement%d'}}"
    cloud.dynamodb.update_item(
        TableName=TABLE,
        Key=key,
        UpdateExpression="ADD n :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    cloud.dynamodb.batch_write_item(
        RequestItems={TABLE: [{"PutRequest": {"Item": {"id": {"S": "batch"}}}}]}
    )
    cloud.dynamodb.transact_write_items(TransactItems=[put])
    cloud.dynamodb.execute_statement(Statement=statement % 1)
    cloud.dynamodb.execute_transaction(TransactStatements=[{"Statement": statement % 2}])
    cloud.dynamodb.batch_execute_statement(Statements=[{"Statement": statement % 3}])
    cloud.put("gone")
    cloud.dynamodb.delete_item(TableName=TABLE, Key={"id": {"S": "gone"}})
    names = cloud.names()
    cloud.kill()
    cloud.start()
    assert cloud.emulator.restored() == (8, 0)
    assert cloud.names() == names
    assert cloud.dynamodb.get_item(TableName=TABLE, Key=key)["Item"]["n"] == {"N": "1"}


def test_a_checkpoint_that_fails_says_so_and_loses_nothing(cloud: Cloud) -> None:
    generation = cloud.generation()
    cloud.put("one")
    in_its_way = cloud.state / "unfinished"
    in_its_way.touch()
    with pytest.raises(Failure, match="can't keep what was deployed") as failure:
        cloud.emulator.checkpoint()
    assert "FileExistsError" in failure.value.output
    cloud.put("two")
    assert not cloud.emulator.stop()
    in_its_way.unlink()
    cloud.start()
    assert cloud.emulator.restored() == (2, 0)
    assert cloud.names() == {"before", "one", "two"}
    assert cloud.generation() == generation


def test_a_clean_stop_and_a_long_journal_make_a_checkpoint(cloud: Cloud) -> None:
    cloud.put("one")
    first = cloud.generation()
    assert cloud.emulator.stop()
    assert cloud.generation() != first
    cloud.start()
    assert cloud.emulator.restored() == (0, 0)
    assert cloud.names() == {"before", "one"}
    value = {"S": "x" * 390_000}
    requests: list[Any] = [
        {"PutRequest": {"Item": {"id": {"S": f"{number}"}, "value": value}}} for number in range(25)
    ]
    cloud.emulator.checkpoint()
    third = cloud.generation()
    for _ in range(2):
        cloud.dynamodb.batch_write_item(RequestItems={TABLE: requests})
    assert cloud.generation() != third
    cloud.kill()
    cloud.start()
    assert cloud.emulator.restored() == (0, 0)
    assert cloud.dynamodb.get_item(TableName=TABLE, Key={"id": {"S": "24"}})["Item"]


def test_what_cannot_be_made_again_is_counted_and_stops_nothing(cloud: Cloud) -> None:
    cloud.put("one")
    cloud.kill()
    journal = cloud.generation() / "journal"
    record = journal.read_text()
    journal.write_text(record.replace(TABLE, "another") + record)
    cloud.start()
    assert cloud.emulator.restored() == (1, 1)
    assert cloud.names() == {"before", "one"}


@pytest.mark.parametrize("name", ["dynamodb.json", "journal"])
def test_damage_is_refused_and_stays_as_it_is(cloud: Cloud, name: str) -> None:
    cloud.put("one")
    cloud.kill()
    path = cloud.generation() / name
    path.write_bytes(damaged := b"damaged\n" + path.read_bytes())
    with pytest.raises(Failure, match="can't be read"):
        cloud.start()
    assert path.read_bytes() == damaged


def test_what_a_deployment_that_never_ended_made_is_gone(tmp_path: Path, cloud: Cloud) -> None:
    def make_bucket(name: str) -> None:
        cloud.s3.create_bucket(Bucket=name)
        cloud.s3.put_object(Bucket=name, Key="key", Body=b"body")

    make_bucket("before")
    cloud.emulator.checkpoint()
    cloud.kill()
    cloud.start()
    make_bucket("after")
    cloud.dynamodb.create_table(**{**DEFINITION, "TableName": "after"})
    assert cloud.emulator.stop()
    cloud.start()
    assert cloud.dynamodb.list_tables()["TableNames"] == [TABLE]
    buckets = {bucket["Name"] for bucket in cloud.s3.list_buckets()["Buckets"]}
    assert buckets == {"before"}
    assert cloud.s3.get_object(Bucket="before", Key="key")["Body"].read() == b"body"


def test_a_kill_between_two_generations_leaves_either(cloud: Cloud) -> None:
    cloud.put("one")
    cloud.kill()
    generation = cloud.generation()
    # Killed before the new one was complete, and, below, before the old one was removed.
    (cloud.state / "unfinished").mkdir()
    (cloud.state / "unfinished" / "dynamodb.json").touch()
    (cloud.state / "0").mkdir()
    cloud.start()
    assert cloud.generation() == generation
    assert cloud.names() == {"before", "one"}
    cloud.emulator.checkpoint()
    assert not (cloud.state / "unfinished").exists()


def test_what_was_kept_before_there_were_generations_stays(cloud: Cloud) -> None:
    assert cloud.emulator.stop()
    generation = cloud.generation()
    (generation / "journal").unlink()
    for path in generation.iterdir():
        path.rename(cloud.state / path.name)
    generation.rmdir()
    cloud.start()
    cloud.put("one")
    cloud.kill()
    cloud.start()
    assert cloud.names() == {"before", "one"}
    cloud.emulator.checkpoint()
    assert not list(cloud.state.glob("*.json"))
    cloud.kill()
    cloud.start()
    assert cloud.names() == {"before", "one"}


def test_no_other_may_write_while_one_that_was_left_still_saves(cloud: Cloud) -> None:
    with (cloud.state / "lock").open() as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
