"""Random sequences of requests as hypothesis makes them, and the client that plays them to a host and to the model."""

from __future__ import annotations

import json
import operator
from typing import Any, NamedTuple
from urllib.parse import quote

from hypothesis import strategies as st

from mockhost import MockHost
from tests.hostile.model import ANCHOR, COLUMNS, STATUS_COLUMN, Column, Model, Refused
from tests.hostile.requests import CORPUS, PATCH_OP, URN, Target, base, request
from tests.server.raw import Answer, RawClient

MODELLED: dict[str, Any] = {
    "format": 1,
    "title": "A connector with columns of every type",
    "connectors": {
        "ODD": {
            "kind": "web_services",
            "secret_token": "odd-one-out-secret",
            "anchor": ANCHOR,
            "selected_attributes": list(COLUMNS),
            "deprovisioning": {"disable": {"set": STATUS_COLUMN}, "delete": "delete"},
            "system": {
                "columns": {
                    **{
                        name: {
                            "type": column.type,
                            "multi_valued": column.multi,
                            "required": column.required,
                            "unique": column.unique,
                            **({"values": list(column.values)} if column.values else {}),
                        }
                        for name, column in COLUMNS.items()
                    },
                    STATUS_COLUMN: "boolean",
                },
                "objects": [],
            },
        }
    },
}

# -- values --------------------------------------------------------------------------------------------------------

words = st.text(max_size=12) | st.sampled_from(
    ["x", "X", "ß", "ss", "True", "12", "QUJD", "red", "GREEN", "", " "]
)
numbers = st.integers(-(2**63), 2**64) | st.sampled_from([0, 1, 2**63 - 1, 2**63, 1.5, 3.0, -0.0, 1e300])
scalars = st.none() | st.booleans() | numbers | words | st.sampled_from(CORPUS["values"])
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=2),
    max_leaves=5,
)
plausible = {
    "string": words,
    "reference": words,
    "integer": st.integers(-5, 5) | st.sampled_from(["7", "-1", "+2", 4.0]),
    "boolean": st.booleans() | st.sampled_from(["True", "false", "FALSE"]),
    "binary": st.sampled_from(["QUJD", "QUI=", "QQ", "-_-_", ""]),
}


def right(name: str) -> st.SearchStrategy[Any]:
    """Values that a column may hold, nearly all of them."""
    column = COLUMNS.get(name, Column("boolean"))
    if name == ANCHOR:
        return anchors
    if column.values:
        return st.sampled_from([*column.values, "RED", "blue", None])
    single = plausible[column.type]
    return single | st.lists(single, min_size=1, max_size=3 if column.multi else 1) | st.none()


def values(name: str) -> st.SearchStrategy[Any]:
    """Values for a column: mostly such as it may hold."""
    odd = junk if name != "active" else junk.filter(lambda value: not isinstance(value, list))
    return st.one_of(right(name), right(name), right(name), odd)


anchors = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20
) | st.sampled_from(
    [".search", ".", "..", "a/b", "a%2Fb", "CN=x,OU=y", "x?y#z", ";", "\\", "+", " ", "Users"]
)


@st.composite
def resources(draw: st.DrawFn, *, named: bool) -> dict[str, Any]:
    """Attributes of a resource: mostly all that must be there, a few more, and sometimes one that can't be right."""
    others = draw(
        st.lists(st.sampled_from([name for name in COLUMNS if name != ANCHOR]), max_size=3, unique=True)
    )
    given = {name: draw(right(name)) for name in others}
    if draw(st.integers(0, 9)):
        given["Nick"] = draw(words)
    if named and draw(st.integers(0, 9)):
        given[ANCHOR] = draw(anchors)
    if not draw(st.integers(0, 4)):
        name = draw(st.sampled_from(list(COLUMNS)))
        given[name] = draw(junk)
    return given


class Create(NamedTuple):
    given: dict[str, Any]
    active: Any


class Replace(NamedTuple):
    who: int
    given: dict[str, Any]
    active: Any


class Change(NamedTuple):
    """`how`: path | bare | flat | nested: where each operation names its attribute."""

    who: int
    operations: list[tuple[str, str, Any, str]]


class Delete(NamedTuple):
    who: int


class Find(NamedTuple):
    name: str
    value: Any


Step = Create | Replace | Change | Delete | Find
_names = st.sampled_from([*COLUMNS, "active", "Nobody"])
_actives = st.none() | st.booleans() | st.sampled_from(["True", "False", "perhaps", 1])


@st.composite
def operations(draw: st.DrawFn) -> tuple[str, str, Any, str]:
    name = draw(_names)
    op, how = (
        draw(st.sampled_from(["Add", "replace", "Remove"])),
        draw(st.sampled_from(["path", "bare", "flat", "nested"])),
    )
    value = draw(values(name))
    # A list of nothing but nulls is nothing in a resource; RFC 7644 doesn't say what it is in an operation.
    if isinstance(value, list) and value and all(item is None for item in value):
        value = None
    if op.lower() == "remove":
        how = how if how in ("path", "bare") else "path"
        value = value if draw(st.booleans()) else ...
    return op, name, value, how


@st.composite
def finds(draw: st.DrawFn) -> Find:
    name = draw(st.sampled_from(["id", "active", *(n for n, c in COLUMNS.items() if c.type != "binary")]))
    kind = COLUMNS[name].type if name in COLUMNS else "boolean" if name == "active" else "string"
    return Find(
        name, draw({"boolean": st.booleans(), "integer": st.integers(-5, 5)}.get(kind, anchors | words))
    )


_first = st.builds(
    Create, st.fixed_dictionaries({ANCHOR: anchors, "Nick": words, "Tags": right("Tags")}), st.booleans()
)
_any = st.one_of(
    st.builds(Create, resources(named=True), _actives),
    st.builds(Create, resources(named=True), _actives),
    st.builds(Replace, st.integers(0, 9), resources(named=False), _actives),
    st.builds(Change, st.integers(0, 9), st.lists(operations(), max_size=3)),
    st.builds(Change, st.integers(0, 9), st.lists(operations(), max_size=1)),
    st.builds(Delete, st.integers(0, 9)),
    finds(),
)
steps = st.builds(operator.add, st.lists(_first, min_size=1, max_size=4), st.lists(_any, max_size=12))
"""A few users to begin with, and then anything."""

# -- the client ----------------------------------------------------------------------------------------------------


class Player:
    """Plays steps to a host and to the model, and sees after each that they agree."""

    def __init__(self, host: MockHost) -> None:
        self._host = host
        self._model = Model()
        self._target = Target("ODD", "odd-one-out-secret", (), ())
        self._client = RawClient(host.port)

    def close(self) -> None:
        self._client.close()

    def ask(self, method: str, path: str, document: Any = ...) -> Answer:
        """One request on the connection that all of them share; `path` is below `/scim`."""
        body = None if document is ... else json.dumps(document, ensure_ascii=len(path) % 2 == 0).encode()
        answer = self._client.ask(
            request(self._target, method, base(self._target) + path, body=body)[1], method
        )
        if (answer.header("Connection") or "").lower() == "close":
            self._client.close()
            self._client = RawClient(self._host.port)
        return answer

    def play(self, step: Step) -> None:
        before = self.objects()
        wanted: list[str] | None = None
        statuses: tuple[int, ...] = (
            (200, 201, 204)[isinstance(step, Create) + 2 * isinstance(step, Delete)],
        )
        try:
            wanted = self._expect(step)
        except Refused as refused:
            statuses = refused.statuses
        answer = self._send(step)
        assert answer.status in statuses, (step, answer.status, answer.body)
        if wanted is not None:
            assert [each["id"] for each in json.loads(answer.body)["Resources"]] == wanted, step
        if answer.status >= 400:
            assert self.objects() == before, step
        assert self.objects() == list(self._model.objects.values()), step

    def _id(self, who: int) -> str:
        known = list(self._model.objects)
        return known[who % len(known)] if known and who < 9 else f"nobody{who}"

    def _expect(self, step: Step) -> list[str] | None:
        """What the model makes of it; call it once, and `_send` with the same ids afterwards."""
        self._ids = {who: self._id(who) for who in range(10)}
        if isinstance(step, Create):
            self._model.create(step.given, step.active)
        elif isinstance(step, Replace):
            self._model.replace(self._ids[step.who], step.given, step.active)
        elif isinstance(step, Change):
            made = [(op.lower(), name, value) for op, name, value, _ in step.operations]
            self._model.patch(self._ids[step.who], made)
        elif isinstance(step, Delete):
            self._model.delete(self._ids[step.who])
        else:
            return self._model.find(step.name, step.value)
        return None

    def _send(self, step: Step) -> Answer:
        if isinstance(step, Find):
            path = step.name if step.name in ("id", "active") else f"{URN}:{step.name}"
            text = f"{path} eq {json.dumps(step.value, ensure_ascii=len(str(step.value)) % 2 == 0)}"
            return self.ask("GET", "/Users?count=1000&filter=" + quote(text, safe=""))
        if isinstance(step, Create):
            return self.ask("POST", "/Users", self._resource(step.given, step.active))
        user = "/Users/" + quote(self._ids[step.who], safe="")
        if isinstance(step, Replace):
            return self.ask("PUT", user, self._resource(step.given, step.active))
        if isinstance(step, Delete):
            return self.ask("DELETE", user)
        sent = [self._operation(*each) for each in step.operations]
        return self.ask("PATCH", user, {"schemas": [PATCH_OP], "Operations": sent})

    @staticmethod
    def _resource(given: dict[str, Any], active: Any) -> dict[str, Any]:
        """Half of the attributes under the URN, half as flat keys, in several cases."""
        inner = {name.upper() if len(name) % 2 else name: value for name, value in list(given.items())[::2]}
        flat = {f"{URN.lower()}:{name}": value for name, value in list(given.items())[1::2]}
        return {"schemas": [URN], URN: inner, **flat, **({} if active is None else {"active": active})}

    @staticmethod
    def _operation(op: str, name: str, value: Any, how: str) -> dict[str, Any]:
        core = name == "active"
        path = name if core or how in ("bare", "nested") else f"{URN}:{name}"
        if how in ("path", "bare"):
            return {"op": op, "path": path} | ({} if value is ... else {"value": value})
        nested = {path: value} if core or how == "flat" else {URN: {name: value}}
        return {"op": op, "value": nested}

    def objects(self) -> list[dict[str, Any]]:
        """The connected system's objects, and the connector space's, which must be the same."""
        objects = [dict(each) for each in self._host.objects("ODD")]
        space = [dict(each[URN]) for each in self._host.cache("ODD")]  # type: ignore[call-overload]
        shown = [{name: v for name, v in each.items() if name in COLUMNS} for each in objects]
        assert space == shown
        return objects
