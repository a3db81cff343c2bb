"""Many clients at once: nothing is lost, nothing happens twice."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

_CLIENTS = 16
_TRIES = 20
# Cold functions for all at once take a small machine longer than a gateway would wait.
_TIMEOUT_SECONDS = 120


def test_no_update_is_lost(
    endpoint: str, authorization: dict[str, str], api: httpx.Client, name: str, is_long: bool
) -> None:
    updates = 100 if is_long else 3
    created = api.post("/users", json={"username": name, "attributes": {"counter": 0}})
    assert created.status_code == 201

    def count(_client: int) -> Counter[int]:
        """Add to the counter, each time to what was read; the statuses that it took."""
        statuses: Counter[int] = Counter()
        with httpx.Client(
            base_url=endpoint, headers=authorization, timeout=_TIMEOUT_SECONDS
        ) as client:
            while statuses[200] < updates:
                read = client.get(f"/users/{name}")
                assert read.status_code == 200, read.text
                attributes = {"counter": read.json()["attributes"]["counter"] + 1}
                changed = client.patch(
                    f"/users/{name}",
                    json={"attributes": attributes},
                    headers={"If-Match": read.headers["ETag"]},
                )
                statuses[changed.status_code] += 1
        return statuses

    with ThreadPoolExecutor(_CLIENTS) as pool:
        statuses = sum(pool.map(count, range(_CLIENTS)), Counter[int]())
    # 503: too many writers met. Nothing was done, and a repeat is safe.
    assert statuses.keys() <= {200, 412, 503}, statuses
    user = api.get(f"/users/{name}").json()
    assert user["attributes"] == {"counter": _CLIENTS * updates}
    assert user["version"] == 1 + _CLIENTS * updates


def test_one_key_at_once_makes_one_user(
    endpoint: str, authorization: dict[str, str], api: httpx.Client, new_name: Callable[[], str]
) -> None:
    name = new_name()
    body = {"username": name, "email": f"{name}@example.com"}

    def create(_try: int) -> httpx.Response:
        return httpx.post(
            f"{endpoint}/users",
            json=body,
            headers={**authorization, "Idempotency-Key": f"key-{name}"},
            timeout=_TIMEOUT_SECONDS,
        )

    with ThreadPoolExecutor(_TRIES) as pool:
        answers = list(pool.map(create, range(_TRIES)))
    same = {(a.status_code, a.text, a.headers["ETag"], a.headers["Location"]) for a in answers}
    read = api.get(f"/users/{name}")
    assert same == {(201, read.text, read.headers["ETag"], f"/users/{name}")}
    assert Counter(a.headers.get("Idempotency-Replayed") for a in answers) == {
        None: 1,
        "true": _TRIES - 1,
    }
