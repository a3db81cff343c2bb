"""The schema means the same to what validates with it as to everybody else."""

import itertools
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.api.runtime import bodies
from backend.users import schema, validation
from backend.users.schema import Schema

# What fastjsonschema looks at; it takes no notice of others.
ENFORCED = {
    *("type", "enum", "format", "pattern", "minLength", "maxLength", "minimum", "maximum"),
    *("propertyNames", "additionalProperties", "maxProperties"),
}
EXPLAINED = {"description", "default"}
# Of the process's own time; any takes a tenth of a millisecond.
SECONDS = 2

SCHEMAS: dict[str, Schema] = {
    "username": schema.USERNAME,
    **schema.WRITABLE,
    "an attribute's name": schema.WRITABLE["attributes"]["propertyNames"],
    **{f"?{name}": parameter for name, parameter in schema.LIST_PARAMETERS.items()},
}
each = pytest.mark.parametrize("definition", SCHEMAS.values(), ids=SCHEMAS)
with_pattern = pytest.mark.parametrize(
    "definition",
    [d for d in SCHEMAS.values() if "pattern" in d],
    ids=[name for name, d in SCHEMAS.items() if "pattern" in d],
)

# Infinite numbers are no matter of the schema: test_parsing.py has them.
_NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_SCALARS = st.none() | st.booleans() | _NUMBERS | st.text(max_size=300)
_CONTAINERS = st.lists(_SCALARS, max_size=2) | st.dictionaries(
    st.text(max_size=3) | st.text("aZ0_-", max_size=70), _SCALARS, max_size=3
)
_MANY_MEMBERS = st.dictionaries(
    st.text("ab", min_size=3, max_size=8), _SCALARS, min_size=49, max_size=52
)


def nested(definition: Any) -> Iterator[Schema]:
    yield definition
    for keyword in ("propertyNames", "additionalProperties"):
        if keyword in definition:
            yield from nested(definition[keyword])


def both(definition: Schema) -> Callable[[Any], tuple[bool, bool]]:
    """Whether a value is valid: as this project finds, and as another library does."""
    ours = validation.validator(definition)
    theirs = jsonschema_rs.Draft202012Validator(
        definition, formats=validation.FORMATS, validate_formats=True
    )
    return lambda value: (ours(value), theirs.is_valid(value))


@each
def test_what_validates_knows_each_keyword_and_each_format(definition: Schema) -> None:
    for part in nested(definition):
        assert part.keys() <= ENFORCED | EXPLAINED
        assert part.get("format") in {None, *validation.FORMATS}


@each
def test_any_value_is_as_valid_as_another_library_finds_it(definition: Schema) -> None:
    values = _SCALARS | _CONTAINERS
    if "enum" in definition:
        values |= st.sampled_from(definition["enum"])
    if "maxProperties" in definition:
        values |= _MANY_MEMBERS
    judged = both(definition)

    @given(values)
    def check(value: Any) -> None:
        ours, theirs = judged(value)
        assert ours is theirs

    check()


@with_pattern
def test_a_text_is_as_valid_as_another_library_finds_it(definition: Schema) -> None:
    without_lookahead = re.sub(r"\(\?=[^)]*\)", "", definition["pattern"])
    judged = both(definition)

    @given(
        st.from_regex(re.compile(without_lookahead)),
        st.integers(0, 300),
        st.sampled_from(["", "\n", "a", "-", ".", "@", "é", "\x00", "$", "a" * 260]),
    )
    def check(text: str, at: int, inserted: str) -> None:
        at %= len(text) + 1
        ours, theirs = judged(text[:at] + inserted + text[at:])
        assert ours is theirs

    check()


@pytest.fixture
def alarm() -> Iterator[None]:
    def ring(_signal: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, ring)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


@with_pattern
@pytest.mark.usefixtures("alarm")
def test_no_text_takes_long(definition: Schema) -> None:
    # Python's expressions can take exponential time, on what nearly matches.
    is_valid = validation.validator(definition)
    is_valid("")
    parts = ["".join(unit) for n in (1, 2, 3) for unit in itertools.product("a1.-@", repeat=n)]
    parts += ["-abc", "abcde-", "a-ab", "ab-a", "-x-ab", "a" * 62 + ".", "a" * 61 + "-"]
    for begin, part in itertools.product(["", "a", "a@", "+"], parts):
        # What has no limit of its own is in a body, which has one.
        length = definition.get("maxLength", bodies.MAX_BYTES) - 1
        longest = (begin + part * length)[:length]
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        assert not is_valid(longest + "\n")
