"""Many clients at once: nothing is lost, nothing happens twice."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.deployed import AT_ONCE, Client


def test_no_update_is_lost(api: Client, name: str, is_long: bool) -> None:
    clients, updates = (16, 100) if is_long else (AT_ONCE, 6)
    created = api.post("/users", json={"username": name, "attributes": {"counter": 0}})
    assert created.status_code == 201

    def count(_client: int) -> Counter[int]:
        """Add to the counter, each time to what was read; the statuses that it took."""
        statuses: Counter[int] = Counter()
        while statuses[200] < updates:
            read = api.get(f"/users/{name}")
            assert read.status_code == 200, read.text
            attributes = {"counter": read.json()["attributes"]["counter"] + 1}
            changed = api.patch(
                f"/users/{name}",
                json={"attributes": attributes},
                headers={"If-Match": read.headers["ETag"]},
            )
            statuses[changed.status_code] += 1
        return statuses

    with ThreadPoolExecutor(clients) as pool:
        statuses = sum(pool.map(count, range(clients)), Counter[int]())
    # 503: too many writers met, or DynamoDB's response was lost, and the change is made or not.
    assert statuses.keys() <= {200, 412, 503}, statuses
    user = api.get(f"/users/{name}").json()
    counter = user["attributes"]["counter"]
    assert statuses[200] <= counter <= statuses[200] + statuses[503]
    assert user["version"] == 1 + counter


def test_one_key_at_once_makes_one_user(
    api: Client, new_name: Callable[[], str], is_long: bool
) -> None:
    tries = 20 if is_long else AT_ONCE
    name = new_name()
    body = {"username": name, "email": f"{name}@example.com"}

    def create(_try: int) -> list[httpx.Response]:
        return api.create(body, key=f"key-{name}")

    with ThreadPoolExecutor(tries) as pool:
        attempts = list(pool.map(create, range(tries)))
    answers = [responses[-1] for responses in attempts]
    same = {(a.status_code, a.text, a.headers["ETag"], a.headers["Location"]) for a in answers}
    read = api.get(f"/users/{name}")
    assert same == {(201, read.text, read.headers["ETag"], f"/users/{name}")}
    replayed = [a.headers.get("Idempotency-Replayed") for a in answers]
    # Who was answered 503 may have made the user, and is told so by the repeat.
    made_by_503 = any(len(responses) > 1 for responses in attempts) and None not in replayed
    assert Counter(replayed) == ({"true": tries} if made_by_503 else {None: 1, "true": tries - 1})
