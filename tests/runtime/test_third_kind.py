"""A kind of connector that mockhost does not have: a module and a row in KINDS, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from mockhost import MockHost
from mockhost.clock import Chance
from mockhost.connectors.contract import (
    UNKNOWN,
    Answer,
    Connector,
    NotAllowed,
    Refused,
    Resource,
    Service,
    Steps,
    scim_error,
    token_problem,
)
from mockhost.connectors.ecma.config import ConnectorConfig
from mockhost.connectors.kinds import KINDS
from mockhost.errors import ProtocolAnswer, UsageError
from mockhost.exchange import Exchange
from mockhost.scenario import loader
from mockhost.scim.errors import ScimError
from mockhost.slices import Steps as Work

TOKEN = "a-token-of-its-own"


class Notes:
    """A connector that keeps texts under `/Notes`."""

    kind = "notes"
    standard = True
    identifier = "text"
    operations: Mapping[str, Resource] = {
        "notes": Resource({"GET": "list_resources", "POST": "create_resource"}, {"GET": "get_resource"})
    }
    behaviours: Mapping[str, object] = {
        "scim_content_type": "application/json",
        "error_status_type": "string",
    }

    def __init__(self, name: str, secret_token: str, service: Service) -> None:
        self.name, self.secret_token, self.service = name, secret_token, service
        self.texts: list[str] = []

    @property
    def running(self) -> bool:
        return self.service.running

    def configure(self, secret_token: str, config: object) -> None:
        self.secret_token = secret_token

    def admit(self, call: Exchange) -> Refused | None:
        return (
            NotAllowed() if call.operation == UNKNOWN else token_problem(call, self.name, self.secret_token)
        )

    def answer(self, operation: str, call: Exchange) -> Answer | Steps:
        if operation == "list_resources":
            return self.listed()
        if operation == "create_resource":
            self.texts.append(call.body.decode())
            return Answer(201, body=b"created", native=(f"append {len(self.texts)}",))
        if not (call.id or "").isdecimal() or int(call.id or "") >= len(self.texts):
            raise ScimError(404, None, "no such note")
        return Answer(200, body=self.texts[int(call.id or "")].encode())

    def listed(self) -> Steps:
        """In steps, as a connector would that has to wait for something."""
        texts = list(self.texts)
        found = yield lambda pause: orjson.dumps(texts)
        assert isinstance(found, bytes)
        return Answer(200, (("Content-Type", "application/json"),), found)

    def refuse(self, problem: ProtocolAnswer, call: Exchange) -> Answer:
        if isinstance(problem, ScimError):
            return scim_error(problem, self.behaviours)
        verdict = problem.verdict if isinstance(problem, Refused) else "refused"
        return Answer(
            {"unauthorized": 401, "method_not_allowed": 405}.get(verdict, 404), body=verdict.encode()
        )

    def matches(self, call: Exchange) -> Work[int]:
        yield from ()
        return len(self.texts)

    @contextmanager
    def trial(self) -> Iterator[None]:
        before = list(self.texts)
        try:
            yield
        finally:
            self.texts = before

    def on_demand(self, name: str, chance: Chance) -> Connector:
        return Notes(name, self.secret_token, self.service)

    def check_change(self, change: Mapping[str, object]) -> None:
        if change.keys() != {"insert"}:
            raise UsageError("notes can only be inserted")

    def change(self, change: Mapping[str, Any]) -> int:
        self.texts += change["insert"]
        return len(change["insert"])

    def objects(self) -> Iterator[dict[str, object]]:
        return ({"text": text} for text in list(self.texts))

    def copies(self) -> Iterator[dict[str, object]]:
        return self.objects()

    def cached(self, base_url: str) -> Iterator[dict[str, object]]:
        return ({"at": f"{base_url}/Notes/{n}", **each} for n, each in zip(itertools.count(), self.objects()))

    def import_now(self, profile: str) -> None:
        raise UsageError("notes have no imports")

    def settings(self, *, effective: bool) -> dict[str, object]:
        return {"kind": self.kind}

    def state(self) -> dict[str, object]:
        count = len(self.texts)
        return {
            **{"running": self.running, "importing": False, "objects": count, "cached": count},
            **{"last_import": None, "import_problem": None},
        }

    def reset(self) -> None:
        self.texts = []


def make(*, name: str, secret_token: str, service: Service, **_: object) -> Connector:
    """What KINDS leads to."""
    return Notes(name, secret_token, service)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockHost]:
    """basics/healthy with a connector of the new kind."""
    monkeypatch.setitem(KINDS, "notes", __name__)
    rule = {"name": "full", "when": {"connector": "Notes", "operation": "create_resource"}, "times": 1}
    overrides: Any = {
        "host": {"tls": "plain_http"},
        "rules": [{**rule, "fault": {"http_error": 507}, "write": "not_applied"}],
    }
    made = loader.load("basics/healthy", overrides=overrides)
    page = ConnectorConfig("Notes", kind="notes", secret_token=TOKEN)
    with MockHost(tls=False) as host:
        host.runtime.use(made._replace(connectors={**made.connectors, "Notes": page}))
        yield host


def ask(host: MockHost, method: str, path: str, body: str = "", token: str = TOKEN) -> tuple[int, str]:
    """Status and body of an answer."""
    url = host.url("SQL").replace("_SQL/", "_Notes/") + path
    headers = {"Authorization": f"Bearer {token}"}
    with host.session("SQL") as session:
        answer = session.request(method, url, data=body.encode(), headers=headers)
    return answer.status_code, answer.text


def test_a_new_kind_answers_over_the_wire(host: MockHost) -> None:
    """It is routed by its own table, let in by its own token, and words its own refusals."""
    assert ask(host, "GET", "/Notes", token="wrong") == (401, "unauthorized")
    assert ask(host, "GET", "/Users") == (404, "not_found")
    assert ask(host, "DELETE", "/Notes") == (405, "method_not_allowed")
    assert ask(host, "GET", "/Notes/0")[0] == 404
    assert [ask(host, "POST", "/Notes", text)[0] for text in ("one", "two")] == [507, 201]
    assert ask(host, "GET", "/Notes") == (200, '["two"]')
    assert ask(host, "GET", "/Notes/0") == (200, "two")
    assert [entry.verdict for entry in host.journal][:3] == [
        "unauthorized",
        "not_found",
        "method_not_allowed",
    ]
    assert [entry.native for entry in host.journal if entry.native] == [("append 1",)]


def test_a_new_kind_is_operated_like_the_others(host: MockHost) -> None:
    """Looked at, changed, reset, and kept over a restart of the service."""
    assert ask(host, "POST", "/Notes", "lost")[0] == 507
    assert ask(host, "POST", "/Notes", "kept")[0] == 201
    assert host.change({"Notes": {"insert": ["more"]}}) == 1
    assert host.objects("Notes") == [{"text": "kept"}, {"text": "more"}]
    assert str(host.cache("Notes")[1]["at"]).endswith("/ecma2host_Notes/scim/Notes/1")
    states: Any = host.status()["connectors"]
    assert (states["Notes"]["objects"], states["Notes"]["running"]) == (2, True)
    with pytest.raises(UsageError, match="only be inserted"):
        host.change({"Notes": {"delete": []}})
    with pytest.raises(UsageError, match="no imports"):
        host.runtime.import_now("Notes")
    host.service("restart")
    assert len(host.objects("Notes")) == 2
    host.reset_connector("Notes")
    assert host.objects("Notes") == []
    assert [entry for entry in host.journal if entry.connector == "Notes"] == []
