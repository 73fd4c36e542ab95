"""The format on paper: ten faults and two labs that were written before there was an engine for them.

A file that could not say what it means would have had to change the format, and files of users with it. They stay
as they were written, and each proves itself.
"""

from __future__ import annotations

import json
import pathlib

import jsonschema
import pytest
from ruamel.yaml import YAML

from mockhost.api import MockHost
from mockhost.expect.check import HostDriver, prove
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


@pytest.mark.parametrize("path", [*FAULTS, *LABS], ids=lambda path: path.stem)
def test_it_proves_itself(path: pathlib.Path) -> None:
    """Symptom, cure and cured hold on its own host, and the symptom does not on the healthy one."""
    with MockHost(path, control=False) as host:
        report = host.check()
        assert report.ok, report.text
    with MockHost("basics/healthy", control=False) as healthy:
        assert prove(loader.load(str(path)), HostDriver(healthy), timeout=120.0).holds
