"""Edits while the sandbox serves, in a copy of the checkout."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.checkout import RUNTIME, USERS, Checkout
from tests.sandbox.conftest import aws_client, variables_of

MISTAKE = "{}[username]"
NOT_LIVE = "not live; what worked before still serves."

CONSTANTS = Path("constants.py")
ORIGIN = "http://localhost:3999"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization, content-type, if-match",
}
NAMED_ORIGIN = {
    CONSTANTS: (
        "ENVIRONMENTS: Final",
        "from dataclasses import replace\n"
        f"LOCAL = replace(LOCAL, api=replace(LOCAL.api, cors_origins=({ORIGIN!r},)))\n"
        "ENVIRONMENTS: Final",
    )
}
ADDED_ROUTE = {
    Path("backend/api/routes.py"): (
        '    *_reads("/health"',
        '    *_reads("/hello", "health", Access.OPEN),\n    *_reads("/health"',
    ),
}
# It ships the domain, as the API's function does.
SECOND_FUNCTION = {
    Path("backend/component.py"): (
        "        database.grant_read_write",
        """\
        from backend.functions.bundling import Asset
        from backend.functions.function import Function
        Function(
            self, "Second", asset=Asset(code=("backend/users",)),
            handler="backend.users.errors.second", defaults=function_defaults,
            description="", environment={}, memory_mb=128, timeout=cdk.Duration.seconds(30),
        )
        database.grant_read_write""",
    ),
    USERS / "errors.py": (
        "class Fault(",
        "def second(*_):\n    return str(UserNotFound())\n\n\nclass Fault(",
    ),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    opened = Checkout(tmp_path_factory.mktemp("checkout"))
    yield opened
    opened.sandbox.terminate()


def test_edited_code_and_pages_are_live_by_themselves(checkout: Checkout) -> None:
    edits = {
        USERS / "errors.py": ("There is no user with", "Nobody has"),
        RUNTIME / "static" / "problem.html": ("<title>", "<title>Our "),
        Path("docs/openapi.json"): ('"title": "', '"title": "Our '),
    }
    with checkout.edited(edits) as said:
        assert re.search(r"^backend/.+ and 2 more: live after .+ \(hotswap\)$", said, re.M)
        assert checkout.get("/users/jane").json()["detail"] == "Nobody has this username."
        assert "<title>Our " in checkout.get("/problems/unavailable").text
        assert checkout.get("/openapi.json").json()["info"]["title"].startswith("Our ")
    assert checkout.get("/users/jane").json()["detail"] == "There is no user with this username."


@pytest.mark.parametrize(
    ("module", "old", "new", "said"),
    [
        (
            "errors.py",
            '"""',
            'import no_such_module; """',
            "ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("errors.py", '"""', 'def broken(:; """', "SyntaxError: invalid syntax"),
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


def test_it_says_what_is_asked_and_logged_but_no_username(checkout: Checkout) -> None:
    edit = {
        RUNTIME / "handler.py": (
            "started = time.perf_counter()",
            'print("here", flush=True)\n        started = time.perf_counter()',
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


def test_what_was_hotswapped_and_taken_back_while_it_was_stopped_is_not_live(
    checkout: Checkout,
) -> None:
    errors = checkout.folder / USERS / "errors.py"
    original = errors.read_text()
    checkout.write({USERS / "errors.py": original.replace("There is no user", "Nobody is")})
    checkout.sandbox.terminate()
    errors.write_text(original)
    checkout.start()
    assert checkout.get("/users/jane").json()["detail"] == "There is no user with this username."


# The last, since what it deploys stays.
def test_an_edited_stack_is_deployed_and_what_does_not_work_is_not_live(checkout: Checkout) -> None:
    infrastructure, settings = Path("backend/api/infrastructure.py"), RUNTIME / "settings.py"
    correct = {path: (checkout.folder / path).read_text() for path in (infrastructure, settings)}
    constants = (checkout.folder / CONSTANTS).read_text()
    mistake = {infrastructure: ('"LOG_LEVEL"', '"LEVEL"')}
    outage = checkout.replace({**ADDED_ROUTE, **NAMED_ORIGIN, **SECOND_FUNCTION, **mistake})
    assert "KeyError: 'LOG_LEVEL'" in outage
    assert outage.endswith(" and 4 more: not live; and nothing serves until it is repaired.\n")

    # The files that were not at fault are deployed with the repair.
    repaired = checkout.write({infrastructure: correct[infrastructure]})
    assert re.search(r" and 4 more: live after .+ \(cdk deploy\)$", repaired, re.M)
    assert checkout.get("/hello").json() == {"status": "ok"}
    checkout.sandbox.read_until(r"^GET    /hello               200 +\d+ ms$")
    assert_pages_of_the_named_origin_may_call(checkout)

    # Each function that ships the edited file has the edit.
    both = checkout.replace({USERS / "errors.py": ("There is no user with", "Nobody has")})
    assert both.endswith(" s (cdk deploy)\n")
    assert checkout.get("/users/jane").json()["detail"] == "Nobody has this username."
    assert response_of_the_second_function(checkout) == '"Nobody has this username."'

    broken = checkout.write({CONSTANTS: "APP NAME"})
    assert 'File "constants.py", line 1' in broken
    assert "SyntaxError: invalid syntax" in broken
    assert broken.endswith(f"constants.py: {NOT_LIVE}\n")
    assert checkout.get("/hello").json() == {"status": "ok"}

    unset = correct[settings].replace("import os\n", "import os\nos.environ['UNSET']\n")
    mistaken = checkout.write({CONSTANTS: constants, settings: unset})
    assert "KeyError: 'UNSET'" in mistaken
    assert mistaken.endswith(f" and 1 more: {NOT_LIVE}\n")
    assert checkout.get("/hello").json() == {"status": "ok"}
    # The stack is deployed, only the code is that from before.
    preflight = checkout.request("OPTIONS", "/users/jane", PREFLIGHT)
    assert "Access-Control-Allow-Origin" not in preflight.headers


def response_of_the_second_function(checkout: Checkout) -> str:
    client = aws_client("lambda", variables_of(checkout.folder / ".local" / "sandbox"))
    [name] = [
        function["FunctionName"]
        for function in client.list_functions()["Functions"]
        if function["Handler"] == "backend.users.errors.second"
    ]
    payload: str = client.invoke(FunctionName=name)["Payload"].read().decode()
    return payload


def assert_pages_of_the_named_origin_may_call(checkout: Checkout) -> None:
    preflight = checkout.request("OPTIONS", "/users/jane", PREFLIGHT)
    assert preflight.status_code < 300
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
    assert "if-match" in preflight.headers["Access-Control-Allow-Headers"]
    read = checkout.request("GET", "/users/jane", {"Origin": ORIGIN})
    assert (read.status_code, read.headers["Access-Control-Allow-Origin"]) == (404, ORIGIN)
    assert "etag" in read.headers["Access-Control-Expose-Headers"]
    # Any other origin's page may not.
    other = checkout.request("GET", "/users/jane", {"Origin": "http://localhost:3001"})
    assert "Access-Control-Allow-Origin" not in other.headers
