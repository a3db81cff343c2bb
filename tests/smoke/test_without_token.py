"""What the API answers to whoever has no token, wherever it is deployed."""

from tests.deployed import Client


def test_it_works(anonymous: Client) -> None:
    answer = anonymous.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_it_is_closed(anonymous: Client) -> None:
    # The gateway's own answer: the function is not even asked.
    answer = anonymous.get("/users")
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
