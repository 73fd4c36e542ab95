"""Whatever the answer and the request: no fault of HTTP or the body raises, and equal chance gives equal bytes."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost.clock import FROZEN_START
from mockhost.errors import UsageError
from mockhost.faults import FAULTS, find
from mockhost.faults.contract import Draft
from mockhost.faults.parameters import Chosen, read
from mockhost.scim.messages import ECMA_USER, LIST_RESPONSE
from tests.faults.body.answers import CREATE, FIND, GET, KIND, Request, context, made

NAMES = [name for name, kind in FAULTS.items() if kind in ("http", "body") and find(name).upload is None]
_TEXT = st.text(max_size=12)
_KEYS = (
    st.sampled_from(
        [
            "Resources",
            "resources",
            "schemas",
            "id",
            "meta",
            "totalResults",
            "manager",
            "value",
            "FirstName",
            ECMA_USER,
        ]
    )
    | _TEXT
)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | _TEXT
    | st.sampled_from([LIST_RESPONSE, "+1 425 555 0100", "0012", "-1.5", "9" * 40])
)
_DOCUMENTS = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=6),
    max_leaves=25,
)
_BODIES = (
    _DOCUMENTS.map(orjson.dumps)
    | st.binary(max_size=60)
    | st.integers(1, 2_000).map(lambda depth: b"[" * depth + b"]" * depth)
    | st.integers(1, 700).map(lambda depth: b'{"Resources":' * depth + b"1" + b"}" * depth)
)
_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["Content-Type", "content-type", "Content-Length", "Location", "X-A"]),
        st.sampled_from([KIND, "text/html", "7", "", ";charset=x;;"]),
    ),
    max_size=4,
).map(tuple)
_STATUSES = st.sampled_from([200, 201, 204, 301, 304, 404, 409, 500, 599])
_ASKED = st.sampled_from(
    [
        FIND,
        GET,
        CREATE,
        Request("unknown", None, None, "BREW", "/", "/?x=\xff&redirected=9", ()),
        Request("patch_user", id="{0}{method}", headers=(("Content-Type", "{id}"), ("Host", "a:1"))),
    ]
)


def _variants(name: str) -> list[object]:
    """Parameters of a fault: those of the documentation, and each choice that there is."""
    fault = find(name)
    given = fault.example
    given = {} if given is None else {fault.main: given} if not isinstance(given, dict) else given
    variants: list[object] = [given]
    for key, parameter in fault.parameters.items():
        variants += [{**given, key: choice} for choice in parameter.choices]
        variants += [{**given, key: True}] if parameter.kind == "boolean" else []
    return variants


CHOSEN: list[tuple[str, object]] = [(name, given) for name in NAMES for given in _variants(name)]


@pytest.mark.parametrize(("name", "parameters"), CHOSEN, ids=[f"{name} {given}" for name, given in CHOSEN])
@settings(max_examples=20)
@given(
    body=_BODIES,
    headers=_HEADERS,
    status=_STATUSES,
    asked=_ASKED,
    in_pieces=st.booleans(),
    seed=st.integers(0, 3),
)
def test_nothing_that_an_answer_can_be_makes_a_fault_raise(
    name: str,
    parameters: object,
    body: bytes,
    headers: tuple[tuple[str, str], ...],
    status: int,
    asked: Request,
    in_pieces: bool,
    seed: int,
) -> None:
    """It gives an answer that can go out, twice the same one for the same seed, rule and ordinal."""

    def once() -> tuple[object, ...]:
        pieces = iter((body[:5], body[5:])) if in_pieces else body
        draft = made(name, parameters, Draft(status, headers, pieces), context(asked, seed=seed, ordinal=2))
        for key, value in draft.headers:
            f"{key}: {value}".encode("latin-1")
            assert "\n" not in value
        return draft._replace(body=draft.whole_body())

    assert once() == once()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15)
@given(
    given=st.recursive(
        _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3)
    )
)
def test_what_is_said_is_a_fault_or_refused_in_words(name: str, given: object) -> None:
    """Parameters of any kind, for each parameter and for the fault as a whole; those that are taken work."""
    words: list[str] = []
    for said in (given, *({key: given} for key in find(name).parameters)):
        try:
            taken: Chosen = read({name: said})[0]
        except UsageError as refused:
            words.append(str(refused))
            continue
        body = orjson.dumps(
            {"id": "a", "Resources": [{"id": "b", ECMA_USER: {"FirstName": "ä"}}], "totalResults": 1}
        )
        where = context(now=FROZEN_START)
        if taken.fault.instead is not None:
            taken.fault.instead(taken.parameters, where)
        else:
            assert taken.fault.answer is not None
            taken.fault.answer(
                Draft(200, (("Content-Type", KIND),), body), taken.parameters, where
            ).whole_body()
        assert taken.write in ("applied", "not_applied")
    assert all(words)
