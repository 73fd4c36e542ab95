"""A client resolves files, parents and variables itself, and sends one document that names nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.errors import ScenarioError, UsageError
from mockhost.pytest_plugin.findings import Terms as Passing
from mockhost.pytest_plugin.remote import RemoteHost
from mockhost.scenario import loader, naming, outside, shelves, standalone
from mockhost.scenario.model import Scenario
from mockhost.scenario.sources import Network

VALID = Path(__file__).parent.parent / "scenario" / "valid"
SECRET = "canary-in-the-environment"
ENV = {"MOCKHOST_TEST_CANARY": SECRET}
PAGE = "a page of {{request.method}} with ${x} and $${x} in it"


def meant(scenario: Scenario) -> tuple[object, ...]:
    """What a scenario means, whatever it was put together from."""
    configs = tuple((name, blueprint.config) for name, blueprint in scenario.providers.items())
    return configs + tuple(
        scenario._replace(providers={}, trail=scenario.trail._replace(layers=(), data_files=(), env={}), document={},
                          origin=None, parent=None, secrets=())
    )  # fmt: skip


def sent(scenario: Scenario) -> Scenario:
    """What a host makes of the document, which comes to it as JSON over the network."""
    document = json.loads(json.dumps(standalone.document(scenario)))
    assert not [
        each for each in naming.mentions(document) if each.kind != naming.OUTSIDE
    ]  # sqlite:// is the mock's
    return loader.load_document(document, name=scenario.name, env={}, source=Network())


@pytest.mark.parametrize("name", [*shelves.names(env={}), *sorted(p.name for p in VALID.glob("*.yaml"))])
def test_the_document_means_the_same_elsewhere(name: str) -> None:
    scenario = loader.load(VALID / name if name.endswith(".yaml") else name, env={})
    if scenario.proxies:  # a target is for the operator of a host to name
        with pytest.raises(ScenarioError, match="can't name a target"):
            meant(sent(scenario))
        return
    systems = [
        page.system.outside for page in scenario.connectors.values() if page.system.outside is not None
    ]
    if any(each.url not in outside.OWN for each in systems):  # so is somebody's database
        with pytest.raises(UsageError, match="can't be sent to a running host"):
            sent(scenario)
        return
    assert meant(sent(scenario)) == meant(scenario)


FILES = """
format: 1
extends: ./parent.yaml
vars: {x: {env: MOCKHOST_TEST_CANARY}, y: {env: MOCKHOST_TEST_NOT_SET, default: 7}, page: page.txt}
connectors:
  SQL:
    secret_token: "${x}"
    system: {objects: [{ContosoLogin: one, FirstName: A, LastName: B}], objects_file: people.csv}
rules:
  - {name: text, reply: {body_file: "${page}"}}
  - {name: bytes, sequence: [{reply: {body_file: raw.bin}}]}
  - {name: later, set: {rules: [{reply: {body_file: page.txt}}], vars.z.env: MOCKHOST_TEST_CANARY}}
timeline: [{at: 1m, set: {vars: {w: {env: MOCKHOST_TEST_CANARY}}, "seed": 1}}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenario with a parent, data files and variables."""
    monkeypatch.setenv("MOCKHOST_TEST_CANARY", SECRET)
    (tmp_path / "parent.yaml").write_text("format: 1\nextends: basics/empty\ntitle: of a parent\n")
    (tmp_path / "people.csv").write_text("ContosoLogin,FirstName,LastName\ntwo,${x},C\n")
    (tmp_path / "page.txt").write_text(PAGE)
    (tmp_path / "raw.bin").write_bytes(b"\xff\x00\xfe")
    (tmp_path / "mine.yaml").write_text(FILES.replace(', "seed": 1', ""))
    return tmp_path


def test_files_parents_and_variables_come_along(folder: Path) -> None:
    """Bodies that are no text as base64; a `$` in a file stays what it is."""
    scenario = loader.load(folder / "mine.yaml")
    there = sent(scenario)
    assert there.title == "of a parent"
    assert there.connectors == scenario.connectors
    assert [row["ContosoLogin"] for row in there.connectors["SQL"].system.objects] == ["one", "two"]
    assert there.connectors["SQL"].system.objects[1]["FirstName"] == "${x}"
    assert there.rules[0].document["reply"] == {"body": PAGE} == scenario.rules[0].document["reply"]
    assert there.rules[1] == scenario.rules[1]
    assert there.secrets == (SECRET,)
    document: dict[str, Any] = standalone.document(scenario)
    assert document["vars"]["x"] == {"value": SECRET, "secret": True}
    assert document["vars"]["y"] == 7


def test_what_a_setting_names_comes_along(folder: Path) -> None:
    """It is made later, and elsewhere."""
    with MockHost(loader.load(folder / "mine.yaml")) as here, MockHost("basics/empty") as there:
        remote = RemoteHost(there.control_url)
        remote.begin(here.scenario, remote.terms, Passing())
        for host in (here, there):
            for path, value in dict(host.runtime.scenario.rules[2].document["set"]).items():  # type: ignore[call-overload]
                host.set(path, value)
            assert host.runtime.scenario.rules[0].document["reply"] == {"body": PAGE}
            assert host.runtime.scenario.secrets == (SECRET, SECRET)
        remote.stop()


@pytest.fixture
def there() -> Iterator[MockHost]:
    """A host elsewhere."""
    with MockHost("basics/empty") as host:
        yield host


@pytest.fixture
def remote(there: MockHost) -> Iterator[RemoteHost]:
    """The client of its control plane that tests use."""
    host = RemoteHost(there.control_url)
    host.begin(host.load("basics/empty"), host.terms, Passing())
    yield host
    host.stop()


def test_a_test_names_files_of_its_own_side(
    folder: Path, remote: RemoteHost, there: MockHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pytest's remote mode: a scenario, a setting, a rule."""
    monkeypatch.chdir(folder)
    remote.use("./mine.yaml")
    assert there.runtime.scenario.name == "mine"
    assert remote.token() == SECRET
    remote.set("rules", [{"reply": {"body_file": "page.txt"}}])
    assert there.runtime.scenario.rules[0].document["reply"] == {"body": PAGE}
    remote.add_rule({"name": "live", "reply": {"body_file": "raw.bin"}})
    [live] = [rule for rule in there.rules if rule["live"]]
    assert live["reply"] == {"body": b"\xff\x00\xfe"}
    remote.set("vars", {"v": {"env": "MOCKHOST_TEST_CANARY"}})
    assert there.runtime.scenario.document["vars"]["v"] == {"value": SECRET, "secret": True}  # type: ignore[index]
    with pytest.raises(UsageError, match="objects_file can't be sent in a setting"):
        remote.set("connectors.SQL.system.objects_file", "people.csv")
    with pytest.raises(UsageError, match="there is no file nothing"):
        remote.add_rule({"reply": {"body_file": "nothing.txt"}})
    with pytest.raises(UsageError, match="the environment has no variable MOCKHOST_TEST_NOT_SET"):
        remote.set("vars.v.env", "MOCKHOST_TEST_NOT_SET")


def test_a_secret_of_the_clients_environment_stays_one(
    folder: Path, remote: RemoteHost, there: MockHost
) -> None:
    """On the host it is redacted wherever anything is shown, errors included."""
    remote.use(folder / "mine.yaml")
    plane = remote._plane
    for name, more in {"get_scenario": {"document": True}, "get_host": {}, "list_rules": {}}.items():
        assert SECRET not in json.dumps(plane.call(name, **more))
    wrong = {"vars": {"x": {"value": SECRET, "secret": True}}, "extends": "basics/empty", "seed": "${x}"}
    with pytest.raises(Exception) as caught:  # noqa: PT011
        plane.call("use_scenario", scenario=wrong)
    assert SECRET not in str(caught.value)
