import re
from collections.abc import Callable
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.api.runtime.errors import MalformedRequest
from backend.api.runtime.listing import next_page, read_listing, read_query
from backend.users.repository import Listing
from backend.users.schema import LIST_PARAMETERS, USERNAME

usernames = st.from_regex(re.compile(USERNAME["pattern"]), fullmatch=True).map(str.lower)
filters = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["active", "suspended"]),
        "username_prefix": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}", fullmatch=True),
    },
)


def test_a_list_without_a_query_is_the_first_25() -> None:
    assert read_listing("") == Listing(25)


@pytest.mark.parametrize(
    ("query", "listing"),
    [
        ("limit=1", Listing(1)),
        *[(query, Listing(1)) for query in ("limit=1&", "&limit=1", "&&limit=1&&")],
        ("&", Listing(25)),
        ("limit=100", Listing(100)),
        ("username_prefix=Jane.D", Listing(25, username_prefix="jane.d")),
        ("username_prefix=jane%2Bx%40", Listing(25, username_prefix="jane+x@")),
        ("status=suspended", Listing(25, status="suspended")),
        ("email=Jane%40example.com", Listing(25, email="Jane@example.com")),
        ("email=Jane@example.com", Listing(25, email="Jane@example.com")),
        (
            "status=active&limit=7&username_prefix=j&email=j@x.y",
            Listing(7, "", "j", "active", "j@x.y"),
        ),
    ],
)
def test_filters_are_read(query: str, listing: Listing) -> None:
    assert read_listing(query) == listing


@pytest.mark.parametrize("name", LIST_PARAMETERS)
def test_no_parameter_takes_these(name: str) -> None:
    values = ["", " ", "%00", "%F0%9F%99%82", "x" * 10_000, "%2", "[]"]
    if name != "username_prefix":  # a username may begin with it
        values.append("null")
    for value in values:
        with pytest.raises(MalformedRequest, match=f"^Send (a )?{name} "):
            read_listing(f"{name}={value}")


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "101",
        "-1",
        "1.0",
        "1e1",
        "025",
        "+5",
        " 5",
        "%205",
        "0x10",
        "\u0665",
        "1_0",
        "9" * 5000,
    ],
)
def test_a_limit_is_an_integer_from_1_to_100(value: str) -> None:
    with pytest.raises(MalformedRequest, match="limit as an integer from 1 to 100"):
        read_listing(f"limit={value}")


@pytest.mark.parametrize(
    "value", [".jane", "jane doe", "jane+doe", "jän", "a" * 129, "jane/", "a%0A"]
)
def test_a_prefix_is_what_a_username_can_begin_with(value: str) -> None:
    with pytest.raises(MalformedRequest, match="username_prefix"):
        read_listing(f"username_prefix={value}")


@pytest.mark.parametrize("value", ["Active", "gone", "active,suspended", "active%00"])
def test_a_status_is_one_that_users_have(value: str) -> None:
    with pytest.raises(MalformedRequest, match="status as active or suspended"):
        read_listing(f"status={value}")


@pytest.mark.parametrize(
    "query",
    ["limit", "=", "=1", "limit=1&=", "limit=1&limit", "%", "limit=%ff", "%ff=1", "\ud800=1"],
)
def test_what_is_no_query_is_refused(query: str) -> None:
    with pytest.raises(MalformedRequest):
        read_listing(query)


@pytest.mark.parametrize(
    "query",
    ["Limit=1", "page=2", "limit=1&offset=5", "limit[]=1", "limit=1;status=active", "_=1"],
)
def test_an_unknown_parameter_is_refused(query: str) -> None:
    with pytest.raises(MalformedRequest):
        read_listing(query)


@pytest.mark.parametrize(
    "query", ["limit=1&limit=1", "limit=1&limit=2", "status=active&limit=1&status=active"]
)
def test_a_repeated_parameter_is_refused(query: str) -> None:
    with pytest.raises(MalformedRequest, match="once"):
        read_listing(query)


def test_a_call_that_takes_no_parameters_says_so() -> None:
    assert read_query("") == {}
    with pytest.raises(MalformedRequest, match="none"):
        read_query("x=1")


@given(filters, st.integers(1, 100), usernames)
def test_the_next_page_begins_after_the_last_user(
    chosen: dict[str, str], limit: int, last: str
) -> None:
    listing = read_listing(urlencode({**chosen, "limit": limit}))
    cursor, reference = next_page(listing, last)
    path, _, query = reference.partition("?")
    assert path == "/users"
    assert dict(parse_qsl(query))["cursor"] == cursor
    assert read_listing(query) == listing._replace(after=last)
    assert re.fullmatch(LIST_PARAMETERS["cursor"]["pattern"], cursor)
    assert quote(cursor, safe="") == cursor


def test_a_cursor_is_for_any_limit() -> None:
    cursor, _ = next_page(Listing(5), "jane")
    assert read_listing(f"limit=6&cursor={cursor}") == Listing(6, after="jane")


@pytest.mark.parametrize(
    "other",
    ["status=active", "status=suspended&username_prefix=j", "", "email=jane@example.com"],
)
def test_a_cursor_of_other_filters_is_refused(other: str) -> None:
    cursor, _ = next_page(Listing(25, status="suspended"), "jane")
    assert read_listing(f"status=suspended&cursor={cursor}").after == "jane"
    with pytest.raises(MalformedRequest, match="cursor as it was received"):
        read_listing(f"{other}&cursor={cursor}".lstrip("&"))


def test_a_list_of_one_email_has_no_cursors() -> None:
    listing = Listing(25, email="jane@example.com")
    cursor, _ = next_page(listing, "jane")
    with pytest.raises(MalformedRequest):
        read_listing(f"email=jane@example.com&cursor={cursor}")


@given(usernames, st.data())
def test_a_cursor_that_was_altered_is_refused(username: str, data: st.DataObject) -> None:
    cursor, _ = next_page(Listing(25), username)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    position = data.draw(st.integers(0, len(cursor) - 1))
    letter = data.draw(st.sampled_from(alphabet.replace(cursor[position], "")))
    changes: list[Callable[[], str]] = [
        lambda: cursor[:position] + letter + cursor[position + 1 :],
        lambda: cursor[:position] + cursor[position + 1 :],
        lambda: cursor[:position] + letter + cursor[position:],
        lambda: cursor + "=" * (-len(cursor) % 4 or 4),
        lambda: cursor + "A",
    ]
    with pytest.raises(MalformedRequest):
        read_listing(f"cursor={data.draw(st.sampled_from(changes))()}")
