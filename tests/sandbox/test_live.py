"""Edits while the sandbox serves, in a copy of the checkout."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.checkout import RUNTIME, USERS, Checkout
from tests.sandbox.conftest import Sandbox

MISTAKE = "{}[username]"
NOT_LIVE = "not live; what worked before still serves."

HEALTH = '"/health": self.health,'
ADDED_ROUTE = {
    RUNTIME / "calls.py": (HEALTH, f'"/hello": self.health,\n            {HEALTH}'),
    Path("backend/api/routes.py"): (
        '    *_reads("/health"',
        '    *_reads("/hello", Access.OPEN),\n    *_reads("/health"',
    ),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    opened = Checkout(tmp_path_factory.mktemp("checkout"))
    yield opened
    opened.sandbox.terminate()


def test_edited_code_is_live_by_itself(checkout: Checkout) -> None:
    edit = {USERS / "errors.py": ("There is no user with", "Nobody has")}
    with checkout.edited(edit) as said:
        assert re.search(r"^backend/users/errors\.py: live after .+ \(hotswap\)$", said, re.M)
        assert checkout.get("/users/jane").json()["detail"] == "Nobody has this username."
    assert checkout.get("/users/jane").json()["detail"] == "There is no user with this username."


@pytest.mark.parametrize(
    ("file", "old", "new", "path"),
    [
        (RUNTIME / "static" / "docs.html", "<title>", "<title>Our ", "/docs"),
        (Path("docs/openapi.json"), '"title": "', '"title": "Our ', "/openapi.json"),
    ],
)
def test_an_edited_page_is_live_as_code_is(
    checkout: Checkout, file: Path, old: str, new: str, path: str
) -> None:
    with checkout.edited({file: (old, new)}) as said:
        assert re.search(rf"^{re.escape(str(file))}: live after .+ \(hotswap\)$", said, re.M)
        assert new in checkout.get(path).text


@pytest.mark.parametrize(
    ("module", "old", "new", "said"),
    [
        (
            "errors.py",
            '"""What',
            'import no_such_module; """What',
            "ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("errors.py", '"""What', 'def broken(:; """What', "SyntaxError: invalid syntax"),
        ("lambda_function.py", "handler = ", "handler = lambda *_: None; _ = ", "/health: null"),
    ],
)
def test_broken_code_is_not_live_and_what_worked_serves(
    checkout: Checkout, module: str, old: str, new: str, said: str
) -> None:
    with checkout.edited({RUNTIME / module: (old, new)}) as output:
        assert said in output
        if "Error" in said:
            assert f'File "backend/api/runtime/{module}", line 1' in output
        assert output.endswith(f"backend/api/runtime/{module}: {NOT_LIVE}\n")
        assert checkout.get("/health").status_code == 200


def test_an_added_route_is_deployed_and_broken_infrastructure_is_not(checkout: Checkout) -> None:
    calls = RUNTIME / "calls.py"
    mistaken = {**ADDED_ROUTE, calls: (HEALTH, ADDED_ROUTE[calls][1] + "(")}
    with checkout.edited(mistaken) as said:
        assert said.endswith(f"routes.py and 1 more: {NOT_LIVE}\n")
        text = (checkout.folder / calls).read_text()
        repaired = checkout.write(calls, text.replace("self.health,(", "self.health,"))
        # The files that were not at fault are deployed with it.
        assert re.search(r"routes\.py and 1 more: live after .+ \(cdk deploy\)$", repaired, re.M)
        assert checkout.get("/hello").json() == {"status": "ok"}
        checkout.sandbox.read_until(r"^GET    /hello               200 +\d+ ms$")

        broken = checkout.write(Path("constants.py"), "APP NAME")
        assert 'File "constants.py", line 1' in broken
        assert "SyntaxError: invalid syntax" in broken
        assert broken.endswith(f"constants.py: {NOT_LIVE}\n")
        assert checkout.get("/hello").json() == {"status": "ok"}


def test_pages_of_the_named_origins_may_call_the_api(checkout: Checkout) -> None:
    origin = "http://localhost:3000"
    question = {
        "Origin": origin,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, content-type, if-match",
    }
    edit = {Path("constants.py"): ('"5e7ca11e"},', f'"5e7ca11e"}}, cors_origins=("{origin}",),')}
    with checkout.edited(edit):
        answer = checkout.request("OPTIONS", "/users/jane", question)
        assert answer.status_code < 300
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
        assert "if-match" in answer.headers["Access-Control-Allow-Headers"]
        answer = checkout.request("GET", "/users/jane", {"Origin": origin})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (404, origin)
        assert "etag" in answer.headers["Access-Control-Expose-Headers"]
        # Any other origin's page may not.
        answer = checkout.request("GET", "/users/jane", {"Origin": "http://localhost:3001"})
        assert "Access-Control-Allow-Origin" not in answer.headers
    answer = checkout.request("OPTIONS", "/users/jane", question)
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_code_that_a_deployment_breaks_is_taken_back(checkout: Checkout) -> None:
    edits = {
        RUNTIME / "settings.py": ("import os\n", "import os\nos.environ['UNSET']\n"),
        Path("backend/api/infrastructure.py"): ("seconds(20)", "seconds(19)"),
    }
    with checkout.edited(edits) as said:
        assert "KeyError: 'UNSET'" in said
        assert said.endswith(NOT_LIVE + "\n")
        assert checkout.get("/health").status_code == 200


def test_what_no_code_works_with_is_said(checkout: Checkout) -> None:
    edit = {Path("backend/api/infrastructure.py"): ('"LOG_LEVEL"', '"LEVEL"')}
    with checkout.edited(edit) as said:
        assert "KeyError: 'LOG_LEVEL'" in said
        assert said.endswith("not live; and nothing serves until it is repaired.\n")
    assert checkout.get("/health").status_code == 200


def test_what_was_hotswapped_and_taken_back_while_it_was_stopped_is_not_live(
    checkout: Checkout,
) -> None:
    errors = checkout.folder / USERS / "errors.py"
    original = errors.read_text()
    checkout.write(USERS / "errors.py", original.replace("There is no user", "Nobody is"))
    checkout.sandbox.terminate()
    errors.write_text(original)
    checkout.start()
    assert checkout.get("/users/jane").json()["detail"] == "There is no user with this username."


def test_it_says_what_is_asked_and_logged_but_no_username(checkout: Checkout) -> None:
    edit = {
        RUNTIME / "handler.py": (
            '"""Answer one request."""',
            'print("here", flush=True)\n        """Answer one request."""',
        ),
        USERS / "validation.py": ("    return username.lower()", f"    {MISTAKE}\n    return ''"),
    }
    with checkout.edited(edit):
        for _ in range(20):
            assert checkout.get("/users/jane").status_code == 500
            said = checkout.sandbox.read_until(r"^GET    /users/\{username\}    500 +\d+ ms$")
            # What it logs after 50 ms, the emulator has with the next request.
            if f"\n      {MISTAKE}\n" in said:
                break
    assert checkout.get("/nothing").status_code == 404
    checkout.sandbox.read_until(r"^GET    \(no route\) +404 +\d+ ms$")
    assert "\n  here\n" in said
    assert "\n  ERROR bug exception_name=KeyError\n" in said
    assert f"\n      {MISTAKE}\n" in said  # the source, not the value
    assert "users/jane" not in said


def test_a_breakpoint_opens_the_debugger_in_invoke_and_is_passed_over_where_it_serves(
    checkout: Checkout,
) -> None:
    edit = {RUNTIME / "calls.py": ("user = self._users", "breakpoint(); user = self._users")}
    with checkout.edited(edit):
        assert checkout.get("/users/jane").status_code == 404
        done = subprocess.run(
            [*checkout.command("localcloud.invoke"), "GET", "/users/jane"],
            check=True,
            env={**os.environ, "AWS_PROFILE": "real", "AWS_ENDPOINT_URL_DYNAMODB": "http://[::]"},
            input="p _username(event)\ncontinue\n",
            capture_output=True,
            text=True,
        )
    assert "(Pdb) 'jane'\n" in done.stdout
    assert "user-not-found" in done.stdout


def test_a_command_beside_it_has_a_cloud_of_its_own(checkout: Checkout) -> None:
    assert checkout.post("/users", {"username": "served"}).status_code == 201
    script = (
        "import httpx, os; api = httpx.Client(base_url=os.environ['API_ENDPOINT'], timeout=120, "
        "trust_env=False, "
        "headers={'Authorization': 'Bearer ' + os.environ['API_TOKEN']}); "
        "print(api.get('/users/served').status_code); "
        "print(api.post('/users', json={'username': 'commanded'}).status_code)"
    )
    beside = Sandbox(
        checkout.folder,
        ["--", sys.executable, "-c", script],
        command=checkout.command("localcloud.sandbox"),
    )
    assert beside.finish() == 0
    assert beside.output.endswith("\n404\n201\n")
    assert checkout.get("/users/served").status_code == 200
    assert checkout.get("/users/commanded").status_code == 404
