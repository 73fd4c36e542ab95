"""`faults` and `behaviours`: the reference for people who have only the installed program."""

from __future__ import annotations

import json

import pytest

from mockhost.connectors.ecma import behaviours
from mockhost.faults import FAULTS, find
from tests.cli.conftest import Invoke


@pytest.mark.parametrize("verb", ["faults", "behaviours"])
def test_the_list_names_all_of_them_within_80_columns(invoke: Invoke, verb: str) -> None:
    known = FAULTS if verb == "faults" else behaviours.TABLE
    result = invoke(verb)
    assert result.exit_code == 0
    shown = {
        line.split()[0] for line in result.stdout.splitlines() if line.startswith("  ") and line[2] != " "
    }
    assert shown == set(known)
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_shown_with_its_parameters_and_what_clients_report(invoke: Invoke, name: str) -> None:
    result = invoke("faults", name)
    assert result.exit_code == 0
    fault, text = find(name), " ".join(result.stdout.split())
    for part in (fault.title, fault.seen.wire, fault.seen.requests, *fault.parameters):
        assert " ".join(part.split()) in text
    assert json.loads(invoke("faults", name, "--format", "json").stdout)["name"] == name


@pytest.mark.parametrize("name", behaviours.TABLE)
def test_a_behaviour_is_shown_with_its_values_and_its_evidence(invoke: Invoke, name: str) -> None:
    result = invoke("behaviours", name)
    assert result.exit_code == 0
    row, text = behaviours.TABLE[name], " ".join(result.stdout.split())
    for part in (row.real, row.mock, row.evidence, row.source):
        assert " ".join(part.replace("`", "").split()) in text
    assert json.loads(invoke("behaviours", name, "--format", "json").stdout)["name"] == name


@pytest.mark.parametrize(
    ("verb", "name", "hint"),
    [
        ("faults", "hangg", "did you mean 'hang'?"),
        ("behaviours", "patch_replay", "did you mean 'patch_reply'?"),
    ],
)
def test_an_unknown_name_gets_a_near_one(invoke: Invoke, verb: str, name: str, hint: str) -> None:
    result = invoke(verb, name)
    assert result.exit_code == 2
    assert hint in result.output
