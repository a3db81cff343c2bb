import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
import pytest

from backend.api.openapi import document, written
from backend.api.runtime import handler
from backend.api.runtime.problems import MEDIA_TYPE, PROBLEM_TYPES
from backend.users import validation
from backend.users.errors import InvalidUser
from backend.users.schema import READ_ONLY, WRITABLE, time_zones

type Schema = dict[str, Any]

DOCUMENT = document.make()
COMPONENTS = DOCUMENT["components"]
SCHEMAS = COMPONENTS["schemas"]
METHODS = {"get", "head", "post", "put", "patch", "delete"}
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method in METHODS
}
KINDS = list(PROBLEM_TYPES.values())

every_operation = pytest.mark.parametrize("name", OPERATIONS)

PARSE: dict[str, Callable[[dict[str, Any]], object]] = {
    "NewUser": validation.parse_new_user,
    "UserReplacement": lambda body: validation.parse_replacement(body, username="jane"),
    "UserPatch": lambda body: validation.parse_merge_patch(body, {}, username="jane"),
}
# Each is one body that PARSE and the document must both take, or both refuse.
BODIES: list[dict[str, Any]] = [
    *({name: None} for name in WRITABLE),
    *({name: value} for name in READ_ONLY for value in ("x", None)),
    {"username": "JANE"},
    {"username": None},
    {"username": "-"},
    {"username": "j" * 129},
    {"surname": "Doe"},
    {"surname": None},
    {"email": "jane"},
    {"status": "invited"},
    {"given_name": ""},
    {"given_name": "\x00"},
    {"phone_number": "+49301234567"},
    {"phone_number": "+4930123456789012"},
    {"locale": "sr-Latn-RS"},
    {"locale": "de_DE"},
    {"zoneinfo": "America/Argentina/ComodRivadavia"},
    {"zoneinfo": "Berlin"},
    {"country": "XX"},
    {"attributes": {"a": None, "b": 1, "c": 0.5, "d": True, "e": "x" * 2048}},
    {"attributes": {"a": "x" * 2049}},
    {"attributes": {"a b": 1}},
    {"attributes": {"a": []}},
    {"attributes": {f"a{number}": number for number in range(51)}},
]


def validator(schema: Schema) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        {**schema, "components": COMPONENTS},
        formats={"iana-time-zone": lambda name: name in time_zones()},
        validate_formats=True,
    )


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    if set(node) != {"$ref"}:
        return node
    found: Any = DOCUMENT
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    assert isinstance(found, dict)
    return found


def nodes(node: Any, pointer: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield pointer, node
        for name, inner in node.items():
            yield from nodes(inner, f"{pointer}/{name}")
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from nodes(inner, f"{pointer}/{index}")


def examples() -> Iterator[tuple[str, Schema, Any]]:
    """Where, what it must be, and what it is."""
    for pointer, node in nodes(DOCUMENT):
        schema = node.get("schema", {})
        if "example" in node:
            yield pointer, schema, node["example"]
        if isinstance(several := node.get("examples"), dict):
            for name, example in several.items():
                yield f"{pointer}/{name}", schema, example["value"]
        if isinstance(of_schema := node.get("examples"), list):
            for index, example in enumerate(of_schema):
                yield f"{pointer}/{index}", node, example


def responses() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, operation in OPERATIONS.items():
        for status, response in operation["responses"].items():
            yield name, status, resolved(response)


def test_what_is_committed_is_what_the_code_makes() -> None:
    if written.PATH.read_text() != written.text(DOCUMENT):
        pytest.fail("docs/openapi.json is out of date: run ./scripts/openapi.", pytrace=False)


def test_no_member_of_a_body_has_a_default() -> None:
    """A type that openapi-typescript makes would require the member."""
    with_default = [
        (name, member)
        for name in PARSE
        for member, schema in SCHEMAS[name]["properties"].items()
        if "default" in schema
    ]
    assert with_default == []


def test_every_example_is_valid() -> None:
    found = list(examples())
    assert [at for at, schema, example in found if not validator(schema).is_valid(example)] == []
    assert len(found) > 2 * len(OPERATIONS)


def test_every_body_has_an_example() -> None:
    for pointer, node in nodes(DOCUMENT):
        if "schema" in node and re.search("/content/[^/]+$", pointer.replace("~1", "")):
            assert "example" in node or "examples" in node or node["schema"] == {"type": "object"}


def test_every_problem_type_is_in_the_document_and_explained() -> None:
    shown = {
        example["value"]["type"]
        for response in (*COMPONENTS["responses"].values(), DOCUMENT["x-other-methods"]["405"])
        for example in response.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {}).values()
    }
    assert shown == {f"/problems/{kind.name}" for kind in KINDS}
    for kind in KINDS:
        assert (
            f"(problems/{kind.name}) ({kind.status}): {kind.explanation}"
            in (DOCUMENT["info"]["description"])
        )


def test_an_explanation_is_a_few_plain_sentences() -> None:
    for text in (kind.explanation for kind in KINDS):
        assert 1 < len(re.findall(r"\.(?: |$)", text)) <= 4, text
        assert text.endswith(".")
        assert not set(text) & set("<>`*&\n")


def test_an_example_has_the_status_under_which_it_stands() -> None:
    for _, status, response in responses():
        for kind in response.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {}).values():
            assert str(kind["value"]["status"]) == status


def test_every_answer_of_the_function_names_the_fields_that_it_always_has() -> None:
    always = {*handler._HEADERS, "X-Request-Id"}
    for _, status, response in responses():
        if "Sent by the gateway" in response["description"]:  # the gateway's
            assert status in {"401", "403", "429", "503"}
            assert set(response.get("headers", {})) <= {"WWW-Authenticate"}
        else:
            assert always <= set(response["headers"])


def test_the_user_has_the_members_that_the_schema_has() -> None:
    everything = {"username", *WRITABLE, *READ_ONLY}
    members = {name: set(SCHEMAS[name]["properties"]) for name in ("User", *PARSE)}
    assert members == {
        "User": everything,
        "NewUser": everything,
        "UserReplacement": everything,
        "UserPatch": everything,
    }


@pytest.mark.parametrize("name", PARSE)
def test_the_document_takes_what_the_code_takes(name: str) -> None:
    documented = validator(SCHEMAS[name])
    for body in BODIES:
        sent = {"username": "jane", **body} if name == "NewUser" else body
        try:
            PARSE[name](json.loads(json.dumps(sent)))
            is_taken = True
        except InvalidUser:
            is_taken = False
        assert documented.is_valid(sent) == is_taken, body


def test_an_answer_has_no_nulls() -> None:
    user = SCHEMAS["User"]["examples"][0]
    assert validator(SCHEMAS["User"]).is_valid(user)
    for name in user:
        assert not validator(SCHEMAS["User"]).is_valid({**user, name: None})


@pytest.mark.parametrize(
    "pattern",
    sorted({n["pattern"] for _, n in nodes(DOCUMENT) if isinstance(n.get("pattern"), str)}),
)
def test_a_pattern_says_the_same_in_javascript_and_in_python(pattern: str) -> None:
    # ASCII only in one, any script in the other; or known to one of them.
    assert not re.search(r"\\[dDwWsSbBAZpP]|\(\?P|\(\?<", pattern)
    ecma = jsonschema_rs.Draft202012Validator({"pattern": pattern})
    texts = ["jane", "Jane.Doe@example.com", "-", "", "+4930123456", "sr-Latn-RS", "é", "\x00", " "]
    texts += ['"a"', 'W/"a", "b"', "*", "2026-11-21T09:30:00.000Z", "\x7f", "\x9f", "\u2028", "😀"]
    for text in texts:
        assert ecma.is_valid(text) == bool(re.search(pattern, text)), text


def test_every_get_has_a_head_that_answers_alike_without_content() -> None:
    for name, operation in OPERATIONS.items():
        if name.startswith("GET "):
            head = OPERATIONS[name.replace("GET ", "HEAD ")]
            assert set(head["responses"]) == set(operation["responses"])
            assert head.get("parameters") == operation.get("parameters")
            assert all("content" not in response for response in head["responses"].values())


def test_every_dialect_of_expressions_reads_the_patterns() -> None:
    """RE2 and Rust's look neither ahead nor back, and refer to nothing that was matched."""
    patterns = set(re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', json.dumps(DOCUMENT)))
    assert len(patterns) > 10
    assert not [p for p in patterns if re.search(r"\(\?(?!:)|\\\\[1-9kpPuU]", p)]


@every_operation
def test_an_operation_names_the_scope_of_its_kind(name: str) -> None:
    assert set(COMPONENTS["securitySchemes"]) == {"bearer"}
    method, path = name.split()
    scope = "users/read" if method in {"GET", "HEAD"} else "users/write"
    security = OPERATIONS[name].get("security", DOCUMENT["security"])
    answers = OPERATIONS[name]["responses"]
    if path == "/health":
        assert security == []
        assert not {"401", "403"} & set(answers)
    else:
        # What tells of the API is open where a deployment opens it.
        optional: list[dict[str, list[str]]] = [] if path.startswith("/users") else [{}]
        assert security == [*optional, {"bearer": [scope]}]
        assert {"401", "403"} <= set(answers)


def test_an_operation_has_a_name_of_its_own_that_fits_a_function() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert [i for i in ids if not re.fullmatch("[a-z]+([A-Z][a-z]*)*", i)] == []
    assert len(set(ids)) == len(ids)
