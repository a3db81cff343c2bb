"""Whether this project's function keeps its size, however many requests it answers."""

from http import HTTPStatus
from typing import Final, NamedTuple

from benchmarks.runtime.calls import JANE, Call, create, get, page, patch
from benchmarks.runtime.function import Place, running
from benchmarks.runtime.times import REQUESTS, resident
from benchmarks.runtime.workbench import Prepared, told
from tooling.progress import Failure, step

LATER: Final = 10 * REQUESTS
# What threads and allocators need by chance; 50 bytes that each request leaves behind are more.
TOLERANCE: Final = 0.02


class Sizes(NamedTuple):
    """Resident megabytes after REQUESTS requests, and after LATER ones."""

    settled: float
    later: float

    @property
    def has_grown(self) -> bool:
        """By more than what is tolerated."""
        return self.later > self.settled * (1 + TOLERANCE)

    def __str__(self) -> str:
        return (
            f"{self.settled:.1f} MB after {REQUESTS:,} requests, {self.later:.1f} after {LATER:,}"
        )


def measure(where: Place, one: Prepared) -> Sizes:
    """Of a subject that starts for it, with calls of each kind, each about another user."""
    sizes = {}
    with (
        step(f"{one.subject.title}: memory, {LATER:,} requests"),
        told(one.subject),
        running(where, one.asset.root, one.recording, table=one.subject.name) as function,
    ):
        for number in range(LATER):
            call, expected = _request(number)
            status = function.invoke(call).answer["statusCode"]
            if status != expected:
                raise Failure(f"{one.subject.title}: {call.name} answered {status}.")
            if number + 1 in {REQUESTS, LATER}:
                sizes[number + 1] = resident(function.pid)
    return Sizes(sizes[REQUESTS], sizes[LATER])


def _request(number: int) -> tuple[Call, HTTPStatus]:
    """Of ten five read, one each lists, changes, creates, and two are refused."""
    # What is kept by a user's name, email or page is seen to grow, too.
    user = {**JANE, "username": f"jane.{number}", "email": f"jane.{number}@example.com"}
    match number % 10:
        case 0:
            return create(user), HTTPStatus.CREATED
        case 1:
            return patch(user["username"]), HTTPStatus.OK
        case 2:
            return page(user["username"]), HTTPStatus.OK
        case 3:
            return create({**user, "email": f"jane.{number}"}), HTTPStatus.UNPROCESSABLE_ENTITY
        case 4:
            return page(f"-{number}"), HTTPStatus.BAD_REQUEST
    return get(user["username"]), HTTPStatus.OK
