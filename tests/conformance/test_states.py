"""Random sequences of every call, by several clients at once, against a model of the contract."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import httpx
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.conformance import table as tables
from tests.conformance import values
from tests.conformance.calls import Call, ListCall, Reply
from tests.conformance.model import Model, Wrong

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

# The longest that the gateway waits for the function, and a little.
_TIMEOUT_SECONDS: Final = 31
_MOST_AT_ONCE: Final = 5

_EVERY_PHASE_BUT_EXPLAIN: Final = [phase for phase in Phase if phase is not Phase.explain]
_SHORT: Final = settings(
    max_examples=40,
    stateful_step_count=30,
    derandomize=True,  # the gate says the same of the same code
    deadline=None,
    suppress_health_check=list(HealthCheck),  # they are about time, which is the API's here
    phases=_EVERY_PHASE_BUT_EXPLAIN,
)
_LONG: Final = settings(
    _SHORT, max_examples=1000, stateful_step_count=50, derandomize=False, print_blob=True
)


def _members(*sources: dict[str, list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    pairs = [(name, value) for source in sources for name in source for value in source[name]]
    # The email often: it is what users can collide in.
    emails = [pair for pair in pairs if pair[0] == "email"]
    return st.lists(_one_of(pairs + 3 * emails), max_size=4).map(dict)


def _one_of[T](candidates: list[T]) -> st.SearchStrategy[T]:
    """As sampled_from(), which says of all candidates what they are, at length."""
    return st.integers(0, len(candidates) - 1).map(lambda i: candidates[i])


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
_good = _members(_GOOD)
# Mostly good ones: a refused call changes nothing.
_bodies = st.one_of(_good, _good, _good, _good, _members(_GOOD, _READ_ONLY), _members(_GOOD, _BAD))

_spellings = st.sampled_from(values.SPELLINGS)
_new_users = st.builds(lambda name, body: {"username": name, **body}, _spellings, _bodies)
_bodies_of_users = st.one_of(
    _bodies, st.builds(lambda b, name: {**b, "username": name}, _bodies, _spellings)
)
_keys = st.sampled_from([None, None, None, *values.KEYS, *values.BAD_KEYS])
_names = st.one_of(*[_spellings] * 7, st.sampled_from(values.NO_USERNAMES))
# What a condition says of the user, which has an ETag only once it is there.
_conditions = st.sampled_from(
    [*[None] * 5, "present", "present", "former", "weak", "listed", "*", *values.GARBAGE_CONDITIONS]
)
_media_types = st.sampled_from(["application/json", "application/json; charset=UTF-8"])
_patch_types = st.one_of(_media_types, st.just("application/merge-patch+json"))

_creates = st.one_of(
    st.builds(Call, st.just("POST"), body=_new_users, key=_keys, media_type=_media_types),
    st.builds(Call, st.just("POST"), body=_bodies),
)
_reads = st.builds(
    Call,
    st.sampled_from(["GET", "GET", "HEAD"]),
    _names,
    if_match=_conditions,
    if_none_match=_conditions,
    is_escaped=st.booleans(),
)


def _changes(method: str, media_types: st.SearchStrategy[str]) -> st.SearchStrategy[Call]:
    return st.builds(
        Call,
        st.just(method),
        _names,
        body=_bodies_of_users,
        if_match=_conditions,
        if_none_match=st.one_of(st.none(), st.none(), st.none(), _conditions),
        is_escaped=st.booleans(),
        media_type=media_types,
    )


_replacements = _changes("PUT", _media_types)
_patches = _changes("PATCH", _patch_types)
_deletes = st.builds(
    Call, st.just("DELETE"), _names, if_match=_conditions, is_escaped=st.booleans()
)
_any_call = st.one_of(_creates, _creates, _reads, _replacements, _patches, _patches, _deletes)
_pages = st.builds(
    ListCall,
    st.sampled_from(["GET", "GET", "GET", "HEAD"]),
    limit=st.sampled_from([None, "1", "1", "2", "3", "100"]),
    username_prefix=st.sampled_from([None, None, None, *values.PREFIXES]),
    status=st.sampled_from([None, None, "active", "suspended"]),
    email=st.sampled_from([*[None] * 6, "A@example.com", "c+d@example.com", "nobody@example.com"]),
)


class _Run:
    """A deployed API, its table, and what was done to them so far."""

    def __init__(self, client: httpx.Client, table: "Table") -> None:
        self.client = client
        self.table = table
        self.counts: Counter[str] = Counter()

    def send(self, call: Call | ListCall) -> Reply:
        self.counts["requests"] += 1
        return call.send(self.client)

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
        self._run.counts["sequences"] += 1

    @rule(call=_creates)
    def create(self, call: Call) -> None:
        if call.key is not None:
            self._sent.append(call)
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

    @rule(call=_reads)
    def read(self, call: Call) -> None:
        self._judge(call)

    @rule(call=_replacements)
    def replace(self, call: Call) -> None:
        self._judge(call)

    @rule(call=_patches)
    def patch(self, call: Call) -> None:
        self._judge(call)

    @rule(call=_deletes)
    def delete(self, call: Call) -> None:
        self._judge(call)

    @rule(name=_spellings, method=st.sampled_from(["PUT", "PATCH"]))
    def send_back(self, name: str, method: str) -> None:
        read = self._judge(Call("GET", name))
        if read.status == 200:
            self._judge(Call(method, name, read.json(), if_match=read.headers["ETag"]))

    @rule(call=_pages)
    def list_users(self, call: ListCall) -> None:
        self._judge_list(call)

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

    @rule(query=st.sampled_from(values.BAD_QUERIES))
    def ask_wrongly(self, query: str) -> None:
        self._judge_list(ListCall(bad=query))

    @rule(calls=st.lists(_any_call, min_size=2, max_size=_MOST_AT_ONCE))
    def do_at_once(self, calls: list[Call]) -> None:
        self._judge_at_once(calls)

    @rule(
        call=st.one_of(_creates, _replacements, _patches, _deletes),
        times=st.integers(2, _MOST_AT_ONCE),
    )
    def do_the_same_at_once(self, call: Call, times: int) -> None:
        self._judge_at_once([call] * times)

    @rule(
        name=_spellings,
        bodies=st.lists(_bodies, min_size=1, max_size=3),
        conditions=st.lists(st.sampled_from([None, "present"]), min_size=3, max_size=3),
        deletes=st.integers(0, 2),
    )
    def write_one_at_once(
        self, name: str, bodies: list[Any], conditions: list[str | None], deletes: int
    ) -> None:
        kinds = ("PATCH", "PUT", "PATCH")
        calls = [
            Call(kind, name, body, if_match=condition)
            for kind, body, condition in zip(kinds, bodies, conditions, strict=False)
        ]
        self._judge_at_once([*calls, *[Call("DELETE", name)] * deletes, Call("GET", name)])

    @rule(
        email=st.sampled_from(values.GOOD_VALUES["email"][:-1]),
        names=st.lists(_spellings, min_size=2, max_size=_MOST_AT_ONCE, unique_by=str.lower),
        methods=st.lists(st.sampled_from(["POST", "PATCH"]), min_size=5, max_size=5),
    )
    def claim_an_email_at_once(self, email: str, names: list[str], methods: list[str]) -> None:
        self._judge_at_once(
            [
                Call("POST", body={"username": name, "email": email})
                if method == "POST"
                else Call("PATCH", name, {"email": email})
                for name, method in zip(names, methods, strict=False)
            ]
        )

    def teardown(self) -> None:
        try:
            if self._agrees:
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
        return reply

    def _judge_list(self, call: ListCall) -> None:
        with self._step():
            reply = self._run.send(call)
            self._model.judge_list(call, reply)
            if call.method == "GET" and reply.status == 200:
                cursor = reply.json().get("next_cursor")
                if cursor is not None:
                    self._next_pages.append(call.next(cursor))

    def _judge_at_once(self, calls: list[Call]) -> None:
        with self._step():
            calls = [self._resolved(call) for call in calls]
            done = list(zip(calls, self._run.send_at_once(calls), strict=True))
            # Where writers meet the contract allows 503, which did nothing; a repeat is safe.
            undone = [call for call, reply in done if reply.status == 503]
            done = [(call, reply) for call, reply in done if reply.status != 503]
            self._run.counts["503s"] += len(undone)
            names = {str(call.username or (call.body or {}).get("username")) for call in calls}
            after = [Call("GET", name) for name in sorted(names & set(values.SPELLINGS))]
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
    for possible in _orders(model, done):
        try:
            for call, reply in seen:
                possible.judge(call, reply)
        except Wrong:
            continue
        return possible
    lines = [f"  {call}\n    {reply.status} {reply.text}" for call, reply in done]
    lines += [f"  then {call.username}: {reply.status} {reply.text}" for call, reply in seen]
    raise Wrong("\n".join(["no serial order explains", *lines]))


def _orders(model: Model, done: list[tuple[Call, Reply]]) -> Iterator[Model]:
    if not done:
        yield model
    for position, (call, reply) in enumerate(done):
        after = model.copy()
        try:
            after.judge(call, reply)
        except Wrong:
            continue
        yield from _orders(after, done[:position] + done[position + 1 :])


def test_every_sequence_of_calls_is_answered_as_the_contract_says(
    endpoint: str, is_long: bool, closing_lines: list[str]
) -> None:
    table = tables.find_table(endpoint)
    tables.empty(table)
    with httpx.Client(base_url=endpoint, timeout=_TIMEOUT_SECONDS) as client:
        run = _Run(client, table)
        try:
            states = type("States", (_States,), {"_run": run})
            run_state_machine_as_test(states, settings=_LONG if is_long else _SHORT)
        finally:
            counts = [f"{run.counts[n]} {n}" for n in ("sequences", "steps", "requests", "503s")]
            closing_lines.append(f"state machine: {', '.join(counts)}")
