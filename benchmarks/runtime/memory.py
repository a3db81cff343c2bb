"""Whether this project's function keeps its size, however many requests it serves."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final, NamedTuple

from benchmarks.runtime.calls import JANE, Call, create, get, page, patch
from benchmarks.runtime.function import Place, Prepared, running
from benchmarks.runtime.times import REQUESTS, resident
from tooling.progress import Failure, step

LATER: Final = 10 * REQUESTS
# Threads and allocators need this by chance; 50 bytes that each request leaves behind are more.
_TOLERANCE: Final = 0.02


class Sizes(NamedTuple):
    """Resident megabytes after REQUESTS requests, and after LATER ones."""

    settled: float
    later: float

    def faults(self) -> Iterator[str]:
        """Say so if it grew by more than what is tolerated."""
        if self.later > self.settled * (1 + _TOLERANCE):
            yield f"Its memory grows: {self}. Find what it keeps of each request."

    def __str__(self) -> str:
        return (
            f"{self.settled:.1f} MB after {REQUESTS:,} requests, {self.later:.1f} after {LATER:,}"
        )


def measure(place: Place, one: Prepared) -> Sizes:
    """Start the subject, and make calls of each kind, each about another user."""
    sizes = {}
    title = one.subject.title
    with step(f"{title}: memory, {LATER:,} requests"), running(place, one) as function:
        for number in range(LATER):
            call, expected = _request(number)
            status = function.invoke(call).response["statusCode"]
            if status != expected:
                raise Failure(f"{title}: the response to {call.name} was {status}.")
            if number + 1 in {REQUESTS, LATER}:
                sizes[number + 1] = resident(function.pid)
    return Sizes(sizes[REQUESTS], sizes[LATER])


def _request(number: int) -> tuple[Call, HTTPStatus]:
    """Of ten requests five read, one each lists, changes and creates, and two are refused."""
    # If something is kept for each username, email or page, it grows, too.
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
