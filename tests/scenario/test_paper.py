"""The format on paper: ten faults and two labs that are written before there is an engine for them.

A file that could not say what it means would have to change the format, and files of users with it. So these are
held against the schema now; what the engine does not do yet is refused with just these words, and the labs, which
need nothing new, prove themselves already.
"""

from __future__ import annotations

import json
import pathlib

import jsonschema
import pytest
from ruamel.yaml import YAML

from mockhost.api import MockHost, RuntimeDriver
from mockhost.errors import ScenarioError
from mockhost.expect.check import prove
from mockhost.scenario import loader, schema

FOLDER = pathlib.Path(__file__).parent / "paper"
FAULTS = sorted(FOLDER.glob("fault_*.yaml"))
LABS = sorted(FOLDER.glob("lab_*.yaml"))


def test_there_are_ten_faults_and_two_labs() -> None:
    """As many as it takes to try every part of the format."""
    assert (len(FAULTS), len(LABS)) == (10, 2)


@pytest.mark.parametrize("path", [*FAULTS, *LABS], ids=lambda path: path.stem)
def test_the_schema_can_say_it(path: pathlib.Path) -> None:
    """The printed JSON Schema, as an editor uses it, has a place for every word of the file."""
    document = YAML(typ="safe", pure=True).load(path.read_text())
    jsonschema.Draft202012Validator(json.loads(schema.text())).validate(document)
    assert document["expect"], "a scenario states the step that fails on its healthy counterpart"


@pytest.mark.parametrize("path", FAULTS, ids=lambda path: path.stem)
def test_what_is_not_there_yet_is_refused_as_such(path: pathlib.Path) -> None:
    """Nothing is ignored in silence, and nothing else is wrong with the file."""
    with pytest.raises(ScenarioError) as refused:
        loader.load(str(path))
    assert {problem.message.rpartition(" is ")[2] for problem in refused.value.problems} == {
        "reserved for a later release"
    }


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_lab_needs_nothing_new(path: pathlib.Path) -> None:
    """Symptom, cure and proof of a lab are those of any scenario."""
    with MockHost(path, control=False) as host:
        report = host.check()
        assert report.ok, report.text
    with MockHost("basics/healthy", control=False) as healthy:
        assert prove(loader.load(str(path)), RuntimeDriver(healthy)).holds
