import pytest

from backend.users.dynamodb.deadline import Deadline
from backend.users.errors import Unavailable


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def deadline(time: Time) -> Deadline:
    return Deadline(5, clock=time, sleep=time.sleep)


def test_what_remains_is_never_nothing(time: Time, deadline: Deadline) -> None:
    time.now += 4
    assert deadline.remaining() == 1
    time.now += 1
    with pytest.raises(TimeoutError):
        deadline.remaining()


def test_an_attempt_ends_with_its_call(time: Time, deadline: Deadline) -> None:
    assert deadline.attempt(2).remaining() == 2
    time.now += 4
    assert deadline.attempt(2).remaining() == 1
    time.now += 2
    with pytest.raises(TimeoutError):
        deadline.attempt(2).remaining()


def test_pauses_are_random_and_grow_to_a_limit(
    time: Time, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda _least, most: most)
    pauses = []
    for _ in range(7):
        began = time.now
        deadline.pause("reason")
        pauses.append(round(time.now - began, 6))
    assert pauses == [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 0.8]


def test_a_pause_is_as_long_as_dynamodb_asks(time: Time, deadline: Deadline) -> None:
    deadline.pause("reason", at_least=3)
    assert time.now == 103


def test_no_pause_is_begun_that_would_take_all(time: Time, deadline: Deadline) -> None:
    with pytest.raises(Unavailable) as unavailable:
        deadline.pause("throttled", at_least=5)
    assert (unavailable.value.reason, time.now) == ("throttled", 100)
