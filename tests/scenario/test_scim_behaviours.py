"""Behaviours of a connector of kind scim: every mistake at its own key, with what was probably meant."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from mockhost import MockHost
from mockhost.connectors.provider.config import ProviderConfig
from mockhost.connectors.provider.strictness import OFFERS, TABLE
from mockhost.errors import ScenarioError
from mockhost.scenario import loader, schema

HEAD = """\
format: 1
connectors:
  X:
    kind: scim
    secret_token: t
    behaviours:
"""


def problems(folder: Path, behaviours: str) -> list[tuple[int, str, str, str]]:
    """Line, path, message and hint of everything that is wrong."""
    file = folder / "scim.yaml"
    file.write_text(HEAD + behaviours, "utf-8")
    with pytest.raises(ScenarioError) as refused:
        loader.load(str(file))
    return [(each.line, each.path, each.message, each.hint or "") for each in refused.value.problems]


def test_every_mistake_is_named_at_its_own_key(tmp_path: Path) -> None:
    """Names and values, of the level, of rows, of switches and of limits: all at once."""
    found = problems(
        tmp_path,
        """\
      strictness: strct
      value_type: accept
      unknown_paths: ignre
      patch: 5
      bulk: "false"
      max_result: 50
      page_size: 0
      bulk_operations: true
""",
    )
    path = "$.connectors.X.behaviours."
    assert [(line, place.removeprefix(path)) for line, place, _, _ in found] == [
        (7, "strictness"),
        (8, "value_type"),
        (9, "unknown_paths"),
        (10, "patch"),
        (11, "bulk"),
        (12, "max_result"),
        (13, "page_size"),
        (14, "bulk_operations"),
    ]
    hints = [hint for *_, hint in found]
    for hint, meant in zip(
        hints, ("strict", "value_types", "ignore", "true", "true", "max_results", "1", "1"), strict=True
    ):
        assert meant in hint


@pytest.mark.parametrize("value", [[], {}, 1.5])
def test_a_value_of_any_type_is_a_problem_and_no_crash(value: object) -> None:
    for name in ("strictness", "value_types", "patch", "max_results"):
        page = {"kind": "scim", "secret_token": "t", "behaviours": {name: value}}
        with pytest.raises(ScenarioError):
            loader.load_document({"format": 1, "connectors": {"X": page}})


def test_what_is_set_is_what_the_provider_is_made_from() -> None:
    behaviours = {"strictness": "strict", "patch_answer": "nothing", "patch": False, "max_results": 50}
    page = {"kind": "scim", "secret_token": "t", "behaviours": behaviours}
    scenario = loader.load_document({"format": 1, "connectors": {"X": page}})
    config = scenario.providers["X"].config
    assert (config.strictness, config.patch, config.max_results) == ("strict", False, 50)
    assert config.settings == {"patch_answer": "nothing"}
    assert config.bulk is ProviderConfig().bulk


def test_editors_complete_them() -> None:
    """The JSON Schema knows every behaviour of both families, and the values of each."""
    import json

    known = json.loads(schema.text())["$defs"]["connector"]["properties"]["behaviours"]
    assert {"strictness", *TABLE, *OFFERS} <= set(known["properties"])
    jsonschema.validate({"patch": False, "max_results": 50, "unknown_attributes": "refuse"}, known)
    jsonschema.validate({"filter_grammar": "rfc"}, known)
    jsonschema.validate({"filter_grammar": "accept"}, known)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"patch": "no"}, known)


def test_they_change_while_the_host_runs() -> None:
    """Set one, reset the connector, and the announcement follows."""
    with MockHost("basics/scim", tls=False, control=False) as host:
        session, url = host.session("SCIM"), host.url("SCIM")
        assert session.get(f"{url}/ServiceProviderConfig").json()["patch"] == {"supported": True}
        host.set("connectors.SCIM.behaviours.patch", False)
        host.reset_connector("SCIM")
        assert session.get(f"{url}/ServiceProviderConfig").json()["patch"] == {"supported": False}
        assert session.patch(f"{url}/Users/1", json={}).status_code == 501


@pytest.mark.parametrize("connector", ["SCIM", "SQL"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize(
    ("coding", "refused"), [("gzip", True), ("br, gzip", True), ("Identity", False), ("", False)]
)
def test_a_content_coding_is_not_taken_for_json(
    connector: str, method: str, coding: str, refused: bool
) -> None:
    """415 (RFC 9110 15.5.16), by both families; `identity` is no coding at all."""
    scenario = "basics/scim" if connector == "SCIM" else "basics/healthy"
    with MockHost(scenario, tls=False, control=False) as host:
        session, path = host.session(connector), "/Users" if method == "POST" else "/Users/nobody"
        headers = {"Content-Encoding": coding, "Content-Type": "application/scim+json"}
        answer = session.request(method, host.url(connector) + path, data="{}", headers=headers)
        assert (answer.status_code == 415) is refused
