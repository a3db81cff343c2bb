import contextlib
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.api.runtime import bodies
from backend.api.runtime.errors import ContentTooLarge, MalformedRequest, UnsupportedMediaType
from localcloud.events import event

LIMIT = 64 * 1024


def read(
    raw: str | bytes | None,
    *,
    content_type: str = "application/json",
    accepted: tuple[str, ...] = bodies.JSON,
) -> dict[str, Any]:
    request = event("POST", "/users", raw=raw, headers={"content-type": content_type})
    return bodies.read_object(request, accepted, header="Accept")


def of_size(size: int, filler: str = "x") -> bytes:
    frame = b'{"a":""}'
    rest = size - len(frame)
    text = filler * (rest // len(filler.encode()))
    padding = "x" * (rest - len(text.encode()))
    return b'{"a":"' + (text + padding).encode() + b'"}'


def in_object(value: str) -> str:
    return f'{{"a":{value}}}'


# As API Gateway delivers a body: as text, or as base64.
DELIVERIES: list[Callable[[str], str | bytes]] = [str, str.encode]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("{}", {}),
        (' \t\r\n{"a" : [1, true, null]} \n', {"a": [1, True, None]}),
        ('{"é😀":"名"}', {"é😀": "名"}),
        (r'{"a":"\u00e9\ud83d\ude00\uD83D\uDE00"}', {"a": "é😀😀"}),
        (r'{"a":"\\ud800"}', {"a": "\\ud800"}),
        ('{"a":{"a":{"a":1}}}', {"a": {"a": {"a": 1}}}),
        ('{"a":1,"A":2}', {"a": 1, "A": 2}),
    ],
)
def test_reads_an_object(raw: str, expected: dict[str, Any]) -> None:
    assert [read(deliver(raw)) for deliver in DELIVERIES] == [expected, expected]


@pytest.mark.parametrize("raw", [None, "", b""])
def test_needs_a_body(raw: str | bytes | None) -> None:
    with pytest.raises(MalformedRequest, match="body"):
        read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        *(" ", "{", "}", "{}{}", "{} x", "nul", "{'a':1}", "{a:1}", '{"a":1,}', "[1,]", "{,}"),
        *('{"a"}', '{"a":}', '{"a":01}', '{"a":+1}', '{"a":1.}', '{"a":.5}', '{"a":0x1}'),
        *('{"a":True}', '{"a":undefined}', '{"a":"\n"}', '{"a":"\\x"}', '{"a":"\\u12"}', '{"a":"'),
        *('{"a":1} // why', "<a/>", "a=1", "{}\x00"),
    ],
)
def test_refuses_what_is_not_json(raw: str) -> None:
    for deliver in DELIVERIES:
        with pytest.raises(MalformedRequest):
            read(deliver(raw))


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("frame", ["%s", '{"a":%s}', '{"a":{"b":[%s]}}'])
def test_refuses_constants_that_only_python_takes_for_json(constant: str, frame: str) -> None:
    with pytest.raises(MalformedRequest, match=constant):
        read(frame % constant)


@pytest.mark.parametrize("raw", ["[]", "[{}]", "1", "1.5", '"{}"', "true", "false", "null"])
def test_refuses_what_is_not_an_object(raw: str) -> None:
    with pytest.raises(MalformedRequest, match="object"):
        read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        '{"a":1,"a":2}',
        '{"a":1,"a":1}',
        '{"a":null,"a":1}',
        r'{"a":1,"\u0061":2}',
        '{"attributes":{"a":1,"b":2,"a":3}}',
        '{"a":[{"b":1,"b":2}]}',
    ],
)
def test_refuses_duplicate_members(raw: str) -> None:
    with pytest.raises(MalformedRequest, match="once"):
        read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "[" * 60_000,
        "[" * 30_000 + "]" * 30_000,
        in_object("[" * 30_000 + "]" * 30_000),
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        '{"a":' * 12_000,
    ],
    ids=["open-arrays", "arrays", "arrays-in-an-object", "objects", "open-objects"],
)
def test_refuses_deep_nesting(raw: str) -> None:
    with pytest.raises(MalformedRequest):
        read(raw)


@pytest.mark.parametrize("depth", [100, 900, 3_000, 5_000, 8_000])
@pytest.mark.parametrize("value", ["1", r'"\ud83d\ude00"'])
def test_nesting_of_any_depth_is_read_or_refused(depth: int, value: str) -> None:
    raw = '{"a":' * depth + value + "}" * depth
    with contextlib.suppress(MalformedRequest):
        assert list(read(raw)) == ["a"]


@pytest.mark.parametrize(
    "raw",
    [
        r'{"a":"\ud800"}',
        r'{"a":"\uDFFF"}',
        r'{"a":"\ud83dx\ude00"}',
        r'{"a":"\ude00\ud83d"}',
        r'{"\ud800":1}',
        r'{"a":[{"b":"\ud800"}]}',
        r'{"attributes":{"\udc00":1}}',
    ],
)
def test_refuses_unpaired_surrogates(raw: str) -> None:
    for deliver in DELIVERIES:
        with pytest.raises(MalformedRequest, match="surrogates"):
            read(deliver(raw))


def test_refuses_an_unpaired_surrogate_that_the_event_itself_escapes() -> None:
    with pytest.raises(MalformedRequest):
        read('{"a":"\ud800"}')


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":"\xff"}',
        b'{"a":"\xc3"}',
        b'{"a":"\xc0\x80"}',  # an overlong NUL
        b'{"a":"\xed\xa0\x80"}',  # a surrogate in what would be UTF-8
        b'{"a":"\xf4\x90\x80\x80"}',  # beyond Unicode
        '{"a":"é"}'.encode("latin-1"),
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32"),
        b"\x1f\x8b\x08\x00",
    ],
)
def test_refuses_invalid_utf_8(raw: bytes) -> None:
    with pytest.raises(MalformedRequest, match="UTF-8"):
        read(raw)


def test_refuses_utf_16_that_is_valid_utf_8() -> None:
    with pytest.raises(MalformedRequest):
        read('{"a":1}'.encode("utf-16-le"))


def test_refuses_a_byte_order_mark() -> None:
    for deliver in DELIVERIES:
        with pytest.raises(MalformedRequest):
            read(deliver("\ufeff{}"))


@pytest.mark.parametrize("filler", ["x", "é", "😀"])
@pytest.mark.parametrize("as_text", [True, False])
def test_takes_64_kib_and_no_byte_more(filler: str, as_text: bool) -> None:
    def deliver(size: int) -> str | bytes:
        raw = of_size(size, filler)
        assert len(raw) == size
        return raw.decode() if as_text else raw

    assert len(json.dumps(read(deliver(LIMIT)), ensure_ascii=False).encode()) >= LIMIT
    with pytest.raises(ContentTooLarge, match=str(LIMIT)):
        read(deliver(LIMIT + 1))


def test_does_not_parse_what_is_too_large() -> None:
    with pytest.raises(ContentTooLarge):
        read("x" * (LIMIT + 1))


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        " application/json ",
        "application/json;charset=utf-8",
        "application/json; charset=UTF-8",
        'application/json; Charset="utf-8"',
        "application/json ; charset=utf-8 ; profile=x",
        "application/json; profile=x",
        "application/json;",
        *("application/json; charset=utf8", "application/json;charset=UTF8"),
        *("application/json; charset=us-ascii", "application/json; charset='utf-8'"),
        *("application/json; charset = utf-8", "application/json; x-charset=utf-16"),
        "application/json; charset=utf-8; charset=UTF8",
    ],
)
def test_takes_a_content_type(content_type: str) -> None:
    assert read("{}", content_type=content_type) == {}


@pytest.mark.parametrize(
    "content_type",
    [
        *("", "application", "json", "text/plain", "text/json", "application/xml"),
        *("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "*/*"),
        *("application/jsonx", "application/merge-patch+json", "application/json-patch+json"),
        *("application/json, text/plain", "text/plain; application/json", "application/json/x"),
        *("application/json; charset=latin-1", "application/json; charset=utf-16"),
        *("application/json; charset=", "application/json; charset=utf-8; charset=latin-1"),
        *("application/json; charset = utf-16", "application/json; charset=utf_8x"),
    ],
)
def test_refuses_a_content_type(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType) as caught:
        read("{}", content_type=content_type)
    assert caught.value.accepted == ("application/json",)
    assert caught.value.header == "Accept"


@pytest.mark.parametrize(
    "coding", ["", " ", "identity", "Identity", " identity ", ",", "identity,", ", identity ,\t"]
)
def test_takes_a_body_that_is_not_encoded(coding: str) -> None:
    request = event("POST", "/users", {}, headers={"content-encoding": coding})
    assert bodies.read_object(request, bodies.JSON, header="Accept") == {}


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "identity, gzip", "utf-8", "none", "*"])
def test_refuses_a_body_that_is_encoded(coding: str) -> None:
    request = event("POST", "/users", {}, headers={"content-encoding": coding})
    with pytest.raises(UnsupportedMediaType, match="as it is, without Content-Encoding") as caught:
        bodies.read_object(request, bodies.JSON, header="Accept")
    assert (caught.value.accepted, caught.value.header) == (("identity",), "Accept-Encoding")


def test_refuses_a_missing_content_type() -> None:
    request = event("POST", "/users", {})
    del request["headers"]["content-type"]
    with pytest.raises(UnsupportedMediaType):
        bodies.read_object(request, bodies.JSON, header="Accept")


@pytest.mark.parametrize("content_type", ["application/merge-patch+json", "application/json"])
def test_a_merge_patch_may_come_as_json(content_type: str) -> None:
    assert read("{}", content_type=content_type, accepted=bodies.MERGE_PATCH) == {}


def test_a_merge_patch_is_no_json_patch() -> None:
    with pytest.raises(UnsupportedMediaType, match=r"application/merge-patch\+json"):
        read("{}", content_type="application/json-patch+json", accepted=bodies.MERGE_PATCH)


@pytest.mark.parametrize(
    "literal", ["0", "-0", "1", "1.0", "0.1", "1e5", "-1.5E-10", str(2**64 - 1), str(-(2**63))]
)
def test_numbers_keep_their_type(literal: str) -> None:
    value = read(in_object(literal))["a"]
    assert value == json.loads(literal)
    assert type(value) is (int if literal.lstrip("-").isdigit() else float)


# A number comes back as the double that is nearest to it, which is what most clients read anyway
# (RFC 8259, section 6).
@pytest.mark.parametrize(
    ("literal", "back"),
    [
        *[(n, n) for n in ("0.0", "-0.0", "0.1", "5e-324", "-5e-324", "2.5e-323", "1.5e-310")],
        *[("1E5", "100000.0"), ("1e5", "100000.0"), ("1.50", "1.5"), ("-0", "0"), ("0e9", "0.0")],
        *[("0.1000000000000000055", "0.1"), ("0.10000000000000001", "0.1")],
        *[("0.12345678901234567890", "0.12345678901234568"), ("50e-325", "5e-324")],
        *[("4e-324", "5e-324"), ("2.2250738585072011e-308", "2.225073858507201e-308")],
        *[("2.2250738585072014e-308", "2.2250738585072014e-308")],
        *[("0." + "0" * 60_000 + "1e60000", "0.1"), ("0e-99999999999999999999", "0.0")],
        *[("12345678901234567890", "12345678901234567890"), ("1e23", "1e+23")],
    ],
)
def test_a_number_comes_back_as_the_nearest_double(literal: str, back: str) -> None:
    assert json.dumps(read(in_object(literal))["a"]) == back


@pytest.mark.parametrize(
    "number",
    [
        *("1e-400", "1E-400", "0.00001e-320", "2e-324", "1e-99999999999999999999", "1e-5000"),
        *("1e400", "1e309"),
        "0." + "0" * 400 + "1",
    ],
)
def test_a_number_that_no_double_is_near_enough_to_is_none(number: str) -> None:
    for signed in (number, f"-{number}"):
        assert not math.isfinite(read(in_object(signed))["a"])


@given(st.floats(allow_nan=False, allow_infinity=False) | st.floats(-1e-307, 1e-307))
def test_every_double_comes_back(value: float) -> None:
    assert json.dumps(read(in_object(json.dumps(value)))["a"]) == json.dumps(value)


@pytest.mark.parametrize("digits", [4_000, 4_300, 4_301, 5_000, 60_000])
@pytest.mark.parametrize("sign", ["", "-"])
def test_reads_thousands_of_digits(digits: int, sign: str) -> None:
    value = read(in_object(sign + "9" * digits))["a"]
    assert abs(value) > 2**64


@pytest.mark.parametrize("fraction", ["0." + "1" * 5_000, "1" * 5_000 + ".5", "1e5000"])
def test_reads_long_decimals(fraction: str) -> None:
    assert isinstance(read(in_object(fraction))["a"], float)


@pytest.mark.parametrize(
    "raw", ["s3cret", '{"a":"s3cret"', '["s3cret"]', '{"s3cret":1,"s3cret":2}', b'"s3cret\xff"']
)
def test_no_refusal_repeats_the_body(raw: str | bytes) -> None:
    with pytest.raises(MalformedRequest) as caught:
        read(raw)
    assert "s3cret" not in str(caught.value)
