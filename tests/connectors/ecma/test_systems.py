"""Connected systems of any make under the ECMA host: in memory, a SQL table, and a list behind a REST service."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.clock import VirtualClock
from mockhost.connectors.ecma.config import SqlConfig
from mockhost.connectors.ecma.host import Host
from mockhost.connectors.systems.database import OWN
from mockhost.connectors.systems.system import SYSTEMS
from mockhost.errors import UsageError
from mockhost.scenario import loader
from mockhost.scenario.model import Scenario
from mockhost.scim import grammar
from mockhost.scim.errors import ScimError
from tests.connectors.ecma.conftest import URN, user
from tests.connectors.ecma.rest_system import RestSystem, serve

ROOT = Path(__file__).parents[3]
BOB = {"ContosoLogin": "bob", "FirstName": "Bob", "LastName": "Kelly"}


@pytest.fixture
def rest(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[RestSystem]]:
    """The service, and the class of the systems that use it."""
    server = serve()
    monkeypatch.setitem(SYSTEMS, "rest", f"{RestSystem.__module__}:RestSystem")
    yield RestSystem
    server.shutdown()
    server.server_close()


def scenario(kind: str, **overrides: Any) -> Scenario:
    """basics/healthy with its SQL connector alone, on a system of this kind."""
    columns = {"system": {"columns": {"Email": {"type": "string", "unique": True}}}}
    made = loader.load(
        "basics/healthy", overrides={"connectors": {"SQL": columns, "LDAP": None}, **overrides}
    )
    page = made.connectors["SQL"]
    outside = SqlConfig(OWN, "Employees", rows="replace") if kind == "sql" else None
    system = page.system._replace(kind=kind, outside=outside)
    return made._replace(connectors={"SQL": page._replace(system=system)})


@pytest.fixture(params=["memory", "rest", "sql"])
def host(request: pytest.FixtureRequest, rest: type[RestSystem]) -> Iterator[Host]:
    """A host on a system of each kind, started."""
    made = scenario(request.param)
    host = Host(made.host, made.connectors, VirtualClock("frozen"), made.seed)
    host.start(first=True)
    yield host
    host.close()


def logins(host: Host) -> set[object]:
    """Those in the cache."""
    connector = host.connector("SQL")
    return {connector.system.values(record)["ContosoLogin"] for record in connector.space.snapshot()}


def test_exports_reach_the_system_and_are_mirrored(host: Host) -> None:
    """A user is created, found, changed and deleted."""
    connector = host.connector("SQL")
    assert connector.create(user(**BOB)).id == "bob"
    found = connector.find(grammar.parse('ContosoLogin eq "BOB"'), 1, 10)
    assert [connector.system.values(record)["LastName"] for record in found.records] == ["Kelly"]
    operation = {"op": "Replace", "path": f"{URN}:LastName", "value": "Kent"}
    connector.patch("bob", {"Operations": [operation]})
    assert [each["LastName"] for each in connector.system.objects({"ContosoLogin": "bob"})] == ["Kent"]
    connector.delete("bob")
    assert not connector.system.find("ContosoLogin", "bob")
    assert connector.space.get("bob") is None


def test_the_system_refuses_in_its_own_words(host: Host) -> None:
    """A value that another object has, one that is missing, an object that is gone: nothing is mirrored."""
    connector = host.connector("SQL")
    taken = next(connector.system.objects({"ContosoLogin": "ljacobson"}))["Email"]
    with pytest.raises(ScimError, match="ExportErrorDuplicateAnchor") as caught:
        connector.create(user(**BOB, Email=taken))
    assert caught.value.status == 409
    with pytest.raises(ScimError, match="FirstName"):
        connector.create(user(**{**BOB, "FirstName": None}))
    connector.system.change({"delete": [{"ContosoLogin": "awhite"}]})
    with pytest.raises(ScimError, match="ExportErrorConnectedDirectoryMissingObject"):
        connector.delete("awhite")
    assert "bob" not in logins(host)


@pytest.mark.parametrize("profile", ["full", "delta"])
def test_what_changed_in_the_system_is_seen_after_an_import(profile: str, host: Host) -> None:
    """The cache is the host's own; a system that keeps no log is imported in full."""
    page = host.configured["SQL"]
    host.config = host.config._replace(behaviours={"delta_sees_deletes": "always"})
    imports = page.imports._replace(profiles=("full", "delta"))
    host.configure(host.config, {"SQL": page._replace(imports=imports)})
    host.restart()
    before = logins(host)
    host.system("SQL").change({"insert": [BOB], "delete": [{"ContosoLogin": "awhite"}]})
    assert logins(host) == before
    host.connector("SQL").space.begin_import(profile)
    assert logins(host) == (before | {"bob"}) - {"awhite"}


def test_a_write_on_trial_is_taken_back(host: Host) -> None:
    """In the cache and in the system."""
    connector, before = host.connector("SQL"), logins(host)
    held = list(host.system("SQL").objects())
    with connector.trial():
        connector.create(user(**BOB))
        assert len(list(host.system("SQL").objects())) == len(held) + 1
    assert logins(host) == before
    assert list(host.system("SQL").objects()) == held


def test_a_system_restores_its_objects_or_refuses(
    host: Host, rest: type[RestSystem], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal leaves the objects and the running connector alone."""
    connector = host.connector("SQL")
    connector.create(user(**BOB))
    if isinstance(host.system("SQL"), RestSystem):
        with pytest.raises(UsageError, match="not the mock's"):
            host.reset("SQL")
        assert host.connector("SQL") is connector
        assert "bob" in logins(host)
        monkeypatch.setattr(rest, "refuses_reset", False)
    host.reset("SQL")
    assert "bob" not in logins(host)
    assert not host.system("SQL").find("ContosoLogin", "bob")


def test_a_system_takes_the_place_of_the_one_in_memory(
    rest: type[RestSystem], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scenarios need not name it."""
    monkeypatch.setitem(SYSTEMS, "memory", SYSTEMS["rest"])
    with MockHost(tls=False, control=False, connectors={"LDAP": None}) as mock:
        assert isinstance(mock.runtime.host.system("SQL"), rest)
        found = mock.session().get(f"{mock.url()}/Users/ljacobson").json()
        assert found[URN]["ContosoLogin"] == "ljacobson"


def test_a_foreign_system_behind_a_whole_mock(rest: type[RestSystem]) -> None:
    """Over HTTP, with the control plane's view of it, and a fault that tries a write out."""
    rule = {"when": {"operation": "create_user"}, "fault": {"http_error": 503}, "times": 1}
    made = scenario("rest", host={"tls": "plain_http"}, rules=[rule])
    with MockHost(tls=False, control=False) as mock:
        mock.runtime.use(made)
        assert isinstance(mock.runtime.host.system("SQL"), RestSystem)
        session = mock.session("SQL")
        url = f"{mock.url('SQL')}/Users"
        body: Any = user(**BOB)
        assert [session.post(url, json=body).status_code for _ in range(3)] == [503, 201, 409]
        assert mock.objects("SQL", ContosoLogin="bob")
        assert mock.change({"SQL": {"delete": [{"ContosoLogin": "bob"}]}}) == 1
        assert session.get(f"{url}/bob").status_code == 200
        mock.runtime.import_now("SQL")
        assert session.get(f"{url}/bob").status_code == 404
        with pytest.raises(UsageError, match="not the mock's"):
            mock.reset_connector("SQL")


def test_the_page_for_a_system_of_your_own_runs_on_a_copy(tmp_path: Path) -> None:
    """The file to copy stands alone, and the script of the page puts it in the place of memory."""
    page = (ROOT / "docs" / "how-to" / "change-mockhost.md").read_text("utf-8")
    (script,) = (
        each for each in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "acme_systems" in each
    )
    copied, name = re.findall(r"\$ cp (\S+) (\S+)\n", page)[0]
    shutil.copy(ROOT / copied, tmp_path / name)
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "'totalResults': 5" in run.stdout
