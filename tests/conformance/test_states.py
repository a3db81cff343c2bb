"""Random sequences of every call, by several clients at once, against a model of the contract."""

import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.conformance import table as tables
from tests.conformance import values
from tests.conformance.calls import (
    CHANGE,
    CREATE,
    DELETE,
    LIST,
    LIST_HEADERS,
    READ,
    READ_HEADERS,
    REPLACE,
    Call,
    ListCall,
    Reply,
)
from tests.conformance.model import JUDGES, Model, Wrong
from tests.deployed import Client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_MOST_AT_ONCE: Final = 5
_SEQUENCES_BETWEEN_REPORTS: Final = 20

_EVERY_PHASE_BUT_EXPLAIN: Final = [phase for phase in Phase if phase is not Phase.explain]
_SHORT: Final = settings(
    max_examples=24,
    stateful_step_count=25,
    derandomize=True,  # the gate says the same of the same code
    deadline=None,
    suppress_health_check=list(HealthCheck),  # they are about time, which is the API's here
    phases=_EVERY_PHASE_BUT_EXPLAIN,
)
_LONG: Final = settings(
    _SHORT, max_examples=400, stateful_step_count=50, derandomize=False, print_blob=True
)


def _one_of[T](candidates: Sequence[T]) -> st.SearchStrategy[T]:
    """As sampled_from(), which says of all candidates what they are, at length."""
    return st.integers(0, len(candidates) - 1).map(lambda i: candidates[i])


def _mostly[T](
    usual: st.SearchStrategy[T], rare: st.SearchStrategy[T], *, one_in: int
) -> st.SearchStrategy[T]:
    """As one_of(), which has no weights."""
    return st.integers(1, one_in).flatmap(lambda n: rare if n == one_in else usual)


def _members(*sources: dict[str, list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    pairs = [(name, value) for source in sources for name in source for value in source[name]]
    # The email often: it is what users can collide in.
    emails = [pair for pair in pairs if pair[0] == "email"]
    return st.lists(_one_of(pairs + 3 * emails), max_size=4).map(dict)


_GOOD: Final = {name: v for name, v in values.GOOD_VALUES.items() if name != "username"}
_BAD: Final = {
    **values.BAD_VALUES,
    **{name: ["x", None] for name in values.UNKNOWN_MEMBERS},
    "attributes": [
        *values.BAD_VALUES["attributes"],
        *({"n": value, "o": "p"} for value in values.BAD_ATTRIBUTE_VALUES),
        *({name: 1} for name in sorted(values.BAD_ATTRIBUTE_NAMES)),
        {f"e{i}": i for i in range(51)},
    ],
}
_READ_ONLY: Final[dict[str, list[Any]]] = {name: ["x", 7, None] for name in values.READ_ONLY}
# A refused call changes nothing, so most are made to be done.
_good = _members(_GOOD)
_bodies = _mostly(_good, st.one_of(_members(_GOOD, _READ_ONLY), _members(_GOOD, _BAD)), one_in=8)

_spellings = _one_of(values.SPELLINGS)
_new_users = st.builds(lambda name, body: {"username": name, **body}, _spellings, _bodies)
_bodies_of_users = _mostly(
    _bodies, st.builds(lambda name, body: {"username": name, **body}, _spellings, _good), one_in=6
)
_names = _mostly(_spellings, _one_of(values.NO_USERNAMES), one_in=30)
_keys: st.SearchStrategy[str | None] = _mostly(
    _one_of([None, *values.KEYS]), _one_of(values.BAD_KEYS), one_in=20
)
# What a condition says of the user, which has an ETag only once it is there.
_conditions: st.SearchStrategy[str | None] = _mostly(
    _one_of([None, None, None, None, "present", "present", "former", "listed", "weak", "*"]),
    _one_of(values.BAD_CONDITIONS),
    one_in=20,
)
_rare_conditions = _mostly(st.none(), _conditions, one_in=6)
_media_types = _one_of(["application/json", "application/json; charset=UTF-8"])
_patch_types = _one_of(["application/merge-patch+json", "application/json"])

_creates = _mostly(
    st.builds(Call, st.just(CREATE), body=_new_users, key=_keys, media_type=_media_types),
    st.builds(Call, st.just(CREATE), body=_bodies),
    one_in=20,
)
_reads = st.builds(
    Call,
    _one_of([READ, READ, READ_HEADERS]),
    _names,
    if_match=_rare_conditions,
    if_none_match=_conditions,
    is_escaped=st.booleans(),
)


def _changes(operation: str, media_types: st.SearchStrategy[str]) -> st.SearchStrategy[Call]:
    return st.builds(
        Call,
        st.just(operation),
        _names,
        body=_bodies_of_users,
        if_match=_conditions,
        if_none_match=_rare_conditions,
        is_escaped=st.booleans(),
        media_type=media_types,
    )


_replacements = _changes(REPLACE, _media_types)
_patches = _changes(CHANGE, _patch_types)
_deletes = st.builds(Call, st.just(DELETE), _names, if_match=_conditions)
_kinds = [*[_creates] * 5, *[_reads] * 2, *[_replacements] * 2, *[_patches] * 3, _deletes]
_any_call = st.integers(0, len(_kinds) - 1).flatmap(lambda i: _kinds[i])
_pages = st.builds(
    ListCall,
    _one_of([LIST, LIST, LIST, LIST, LIST_HEADERS]),
    limit=_one_of([None, "1", "1", "2", "3", "100"]),
    username_prefix=_one_of([None, None, None, *values.PREFIXES]),
    status=_one_of([None, None, "active", "suspended"]),
    email=_one_of([*[None] * 6, "A@example.com", "c+d@example.com", "nobody@example.com"]),
    bad=_mostly(st.none(), _one_of(values.BAD_QUERIES), one_in=15),
)


# Whatever the rules of a sequence are: hypothesis leaves some out of each.
_FINAL_WALKS: Final = (
    ListCall(limit="2"),
    ListCall(limit="1", status="active"),
    ListCall(limit="1", status="suspended", username_prefix="A"),
)


class _Run:
    """A deployed API, its table, and what was done to them so far."""

    def __init__(self, client: Client, table: "Table") -> None:
        self.client = client
        self.table = table
        self.counts: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.sent: set[str] = set()

    def begin_sequence(self) -> None:
        self.counts["sequences"] += 1
        if self.counts["sequences"] % _SEQUENCES_BETWEEN_REPORTS == 0:
            sys.stdout.write(f"{self.summary()[0]}\n")

    def send(self, call: Call | ListCall) -> Reply:
        reply = call.send(self.client)
        is_replay = "Idempotency-Replayed" in reply.headers
        self.sent.add(call.operation)
        self.answers[f"{call.operation} {reply.status}{' replayed' * is_replay}"] += 1
        return reply

    def summary(self) -> list[str]:
        counts = {**self.counts, "requests": self.answers.total()}
        answers = [f"{n} {answer}" for answer, n in sorted(self.answers.items())]
        return [
            "state machine: " + ", ".join(f"{n} {what}" for what, n in counts.items()),
            "its answers: " + ", ".join(answers),
        ]

    def send_at_once(self, calls: list[Call]) -> list[Reply]:
        start = threading.Barrier(len(calls))

        def send(call: Call) -> Reply:
            start.wait()
            return self.send(call)

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(send, calls))


class _States(RuleBasedStateMachine):
    """What is drawn never depends on what was answered, so that a sequence can be repeated.

    A choice among what was answered, such as a cursor, is a number that wraps around.
    """

    _run: _Run

    def __init__(self) -> None:
        super().__init__()
        self._model = Model()
        self._former: list[str] = []
        self._sent: list[Call] = []
        self._next_pages: list[ListCall] = []
        self._agrees = True
        self._run.begin_sequence()

    @initialize(bodies=st.lists(_good, min_size=3, max_size=4))
    def begin(self, bodies: list[dict[str, Any]]) -> None:
        for name, body in zip(values.USERNAMES, bodies, strict=False):
            self._judge(Call(CREATE, body={"username": name, **body}))

    @rule(call=_any_call)
    def do(self, call: Call) -> None:
        self._judge(call)

    @rule(which=st.integers(0, 20), reverse=st.booleans(), spelling=st.sampled_from(["", "", "x"]))
    def repeat(self, which: int, reverse: bool, spelling: str) -> None:
        if not self._sent:
            return
        call = self._sent[which % len(self._sent)]
        assert call.body is not None
        # Equal as JSON, whatever the order.
        members = list(call.body.items())[:: -1 if reverse else 1]
        body = dict(members) | ({"display_name": spelling} if spelling else {})
        self._judge(replace(call, body=body))

    @rule(name=_spellings, change=st.sampled_from([REPLACE, CHANGE]))
    def send_back(self, name: str, change: str) -> None:
        read = self._judge(Call(READ, name))
        if read.status == 200:
            self._judge(Call(change, name, read.json(), if_match=read.headers["ETag"]))

    @rule(name=_spellings, numbers=st.lists(_one_of(values.NUMBERS), min_size=2, max_size=4))
    def change_a_number(self, name: str, numbers: list[Any]) -> None:
        for number in numbers:
            self._judge(Call(CHANGE, name, {"attributes": {"n": number}}))

    @rule(call=_pages, between=st.lists(_any_call, max_size=4))
    def walk(self, call: ListCall, between: list[Call]) -> None:
        next_page = self._judge_list(call)
        for write in between:
            self._judge(write)
            if next_page:
                next_page = self._judge_list(next_page)

    @rule(
        which=st.integers(0, 20),
        limit=st.sampled_from([None, None, "1", "2", "50"]),
        wrong=st.sampled_from(["", "", "", "", "filters", "letter", "end", "twice"]),
    )
    def go_on(self, which: int, limit: str | None, wrong: str) -> None:
        if not self._next_pages:
            return
        call = self._next_pages[which % len(self._next_pages)]
        call = replace(call, limit=limit or call.limit)
        cursor = str(call.cursor)
        match wrong:
            case "filters":
                call = replace(call, status="active" if call.status is None else None)
            case "letter":
                middle = len(cursor) // 2
                other = "A" if cursor[middle] != "A" else "B"
                call = replace(call, cursor=cursor[:middle] + other + cursor[middle + 1 :])
            case "end":
                call = replace(call, cursor=cursor[:-1])
            case "twice":
                call = replace(call, bad=f"cursor={cursor}")
        self._judge_list(call)

    @rule(calls=st.lists(_any_call, min_size=2, max_size=_MOST_AT_ONCE))
    def do_at_once(self, calls: list[Call]) -> None:
        self._judge_at_once(calls)

    @rule(call=_any_call, times=st.integers(2, _MOST_AT_ONCE))
    def do_the_same_at_once(self, call: Call, times: int) -> None:
        self._judge_at_once([call] * times)

    @rule(
        name=_spellings,
        bodies=st.lists(_bodies, min_size=1, max_size=3),
        conditions=st.lists(st.sampled_from([None, "present"]), min_size=3, max_size=3),
        deletes=_one_of([0, 0, 0, 1, 2]),
    )
    def write_one_at_once(
        self, name: str, bodies: list[Any], conditions: list[str | None], deletes: int
    ) -> None:
        kinds = (CHANGE, REPLACE, CHANGE)
        calls = [
            Call(kind, name, body, if_match=condition)
            for kind, body, condition in zip(kinds, bodies, conditions, strict=False)
        ]
        self._judge_at_once([*calls, *[Call(DELETE, name)] * deletes, Call(READ, name)])

    @rule(
        email=st.sampled_from(values.GOOD_VALUES["email"][:-1]),
        names=st.lists(_spellings, min_size=2, max_size=_MOST_AT_ONCE, unique_by=str.lower),
        writes=st.lists(st.sampled_from([CREATE, CHANGE]), min_size=5, max_size=5),
    )
    def claim_an_email_at_once(self, email: str, names: list[str], writes: list[str]) -> None:
        self._judge_at_once(
            [
                Call(CREATE, body={"username": name, "email": email})
                if write == CREATE
                else Call(CHANGE, name, {"email": email})
                for name, write in zip(names, writes, strict=False)
            ]
        )

    def teardown(self) -> None:
        try:
            if self._agrees:
                for page in _FINAL_WALKS:
                    next_page: ListCall | None = page
                    while next_page:
                        next_page = self._judge_list(next_page)
                difference = tables.difference(self._run.table, self._model)
                assert not difference, f"\n{difference}"
        finally:
            tables.empty(self._run.table)

    def _judge(self, call: Call) -> Reply:
        with self._step():
            call = self._resolved(call)
            reply = self._run.send(call)
            self._model.judge(call, reply)
            self._remember_etags()
        if call.key is not None:
            self._sent.append(call)
        return reply

    def _judge_list(self, call: ListCall) -> ListCall | None:
        """The call of the next page, if there is one."""
        with self._step():
            reply = self._run.send(call)
            self._model.judge(call, reply)
        if call.method == "HEAD" or reply.status != 200 or "Link" not in reply.headers:
            return None
        next_page = call.next(reply.json()["next_cursor"])
        self._next_pages.append(next_page)
        return next_page

    def _judge_at_once(self, calls: list[Call]) -> None:
        with self._step():
            calls = [self._resolved(call) for call in calls]
            done = list(zip(calls, self._run.send_at_once(calls), strict=True))
            # Where writers meet the contract allows 503, which did nothing; a repeat is safe.
            undone = [call for call, reply in done if reply.status == 503]
            done = [(call, reply) for call, reply in done if reply.status != 503]
            names = {str(call.username or (call.body or {}).get("username")) for call in calls}
            after = [Call(READ, name) for name in sorted(names & set(values.SPELLINGS))]
            seen = [(call, self._run.send(call)) for call in after]
            self._model = _serialized(self._model, done, seen)
            self._remember_etags()
        for call in undone:
            self._judge(call)

    def _resolved(self, call: Call) -> Call:
        """With the ETags that its conditions mean."""
        present = self._model.etags.get(call.username.lower(), '"nothing"')
        former = self._former[-2] if len(self._former) > 1 else '"nothing"'
        tags = {
            "present": present,
            "former": former,
            "weak": f"W/{present}",
            "listed": f'"other" ,{present}',
        }
        return replace(
            call,
            if_match=tags.get(str(call.if_match), call.if_match),
            if_none_match=tags.get(str(call.if_none_match), call.if_none_match),
        )

    def _remember_etags(self) -> None:
        new = self._model.used_etags.difference(self._former)
        self._former += sorted(new)

    @contextmanager
    def _step(self) -> Iterator[None]:
        self._run.counts["steps"] += 1
        self._agrees = False
        yield
        self._agrees = True


def _serialized(
    model: Model, done: list[tuple[Call, Reply]], seen: list[tuple[Call, Reply]]
) -> Model:
    """What the model is after an order of `done` that explains every answer, also those after.

    Raises Wrong when no order does.
    """
    objections: dict[str, None] = {}
    for possible in _orders(model, done, objections):
        try:
            for call, reply in seen:
                possible.judge(call, reply)
        except Wrong as wrong:
            objections[str(wrong)] = None
            continue
        return possible
    lines = [f"  {call}\n    {reply.status} {reply.text}" for call, reply in done]
    lines += [f"  then {call.username}: {reply.status} {reply.text}" for call, reply in seen]
    raise Wrong("\n".join(["no serial order explains", *lines, "since", *objections]))


def _orders(
    model: Model, done: list[tuple[Call, Reply]], objections: dict[str, None]
) -> Iterator[Model]:
    if not done:
        yield model
    for position, (call, reply) in enumerate(done):
        after = model.copy()
        try:
            after.judge(call, reply)
        except Wrong as wrong:
            objections[str(wrong)] = None
            continue
        yield from _orders(after, done[:position] + done[position + 1 :], objections)


def test_every_sequence_of_calls_is_answered_as_the_contract_says(
    endpoint: str, api: Client, is_long: bool, closing_lines: list[str]
) -> None:
    table = tables.find_table(endpoint)
    tables.empty(table)
    run = _Run(api, table)
    try:
        states = type("States", (_States,), {"_run": run})
        run_state_machine_as_test(states, settings=_LONG if is_long else _SHORT)
        assert run.sent == JUDGES.keys(), "Draw these calls in tests/conformance/test_states.py."
    finally:
        closing_lines += run.summary()
