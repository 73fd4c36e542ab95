"""`system: {sql: …}`: what is wrong with it is told with its place, and its password nowhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.connectors.systems import database
from mockhost.errors import ScenarioError
from mockhost.scenario import loader, report


def problems(system: dict[str, Any], tmp_path: Path) -> str:
    """All problems of a file whose SQL connector has this system."""
    file = tmp_path / "mine.json"
    file.write_text(
        json.dumps({"format": 1, "extends": "basics/healthy", "connectors": {"SQL": {"system": system}}})
    )
    with pytest.raises(ScenarioError) as caught:
        loader.load(file)
    return str(caught.value)


@pytest.mark.parametrize(
    ("system", "message"),
    [
        ({"sql": {}}, "the key 'url' is missing"),
        ({"sql": {"url": "hr.db"}}, "not a URL of SQLAlchemy"),
        ({"sql": {"url": "nosuch://server/db"}}, "not a URL of SQLAlchemy"),
        ({"sql": {"url": "sqlite+aiosqlite:///hr.db"}}, "is asynchronous"),
        ({"sql": {"url": "sqlite:///:memory:"}}, "write sqlite://"),
        ({"sql": {"url": "sqlite://", "table": "T"}}, "the rows of the table are the database's own"),
        ({"sql": {"url": "sqlite://", "rows": "keep"}, "columns": None, "objects": None}, "no table 'Employees'"),
        ({"sql": {"url": "sqlite://", "rows": "replace"}, "columns": None}, "the key 'columns' is missing"),
        ({"sql": {"url": "sqlite://", "timeout": "5"}}, "write a number with a unit"),
        ({"sql": {"url": "sqlite://", "tabel": "T"}}, "unknown key 'tabel'; did you mean 'table'"),
        ({"sql": {"url": "sqlite:///a.db", "rows": "replace"}, "trouble": "deadlock"}, "write url: sqlite://"),
        ({"trouble": "locked"}, "'trouble' goes with 'sql' only"),
        ({"sql": {"url": "sqlite://", "rows": "replace"}, "columns": {"T": {"multi_valued": True}}}, "holds one value"),
        ({"sql": {"url": "sqlite://", "rows": "replace"}, "containers": ["DC=lab"]}, "does not go with 'sql'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_problem_with_its_place(
    system: dict[str, Any], message: str, tmp_path: Path
) -> None:
    """And with what to write."""
    text = problems(system, tmp_path)
    assert message in text
    assert "$.connectors.SQL.system" in text


def test_without_the_package_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain mockhost does not bring it."""
    monkeypatch.setattr(database, "find_spec", lambda name: None)
    text = problems({"sql": {"url": "sqlite://", "rows": "replace"}}, tmp_path)
    assert "needs the package sqlalchemy, which is not installed; run: pip install 'mockhost[sql]'" in text


def test_a_driver_that_is_missing_is_named(tmp_path: Path) -> None:
    text = problems({"sql": {"url": "oracle+cx_oracle://server/db"}}, tmp_path)
    assert "needs the package cx_Oracle, which is not installed; run: pip install cx_Oracle" in text


SECRET = "canary-of-a-password"
URL = f"postgresql+psycopg://hr:{SECRET}@127.0.0.1:1/hr"


def test_the_password_is_shown_nowhere(tmp_path: Path) -> None:
    """Not by what operates the host, not in problems; the scenario's own text is the operator's."""
    columns = {"ContosoLogin": "string", "FirstName": "string"}
    system = {"sql": {"url": URL, "timeout": "1s"}, "columns": columns, "objects": None}
    overrides: Any = {"connectors": {"LDAP": None, "SQL": {"system": system}}, "host": {"tls": "plain_http"}}
    with MockHost("basics/healthy", **overrides) as mock:
        urn = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
        body: Any = {"schemas": [urn], urn: {"ContosoLogin": "bob", "FirstName": "Bob"}}
        answer = mock.session("SQL").post(f"{mock.url('SQL')}/Users", json=body)
        assert answer.status_code == 500
        import requests

        control = mock.control_url
        seen = [answer.text, str(mock.status()), report.resolved(mock.scenario)]
        for path in ("host", "scenario", "journal", "connectors", "connectors/SQL"):
            seen.append(requests.get(f"{control}/{path}", timeout=60).text)
        assert SECRET not in "".join(seen[:2] + seen[3:])
    text = problems({**system, "columns": None}, tmp_path)
    assert SECRET not in text
    assert "can't be read" in text
