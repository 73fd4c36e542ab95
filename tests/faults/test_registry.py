"""What holds for every fault in the table: its texts in one voice, a scenario, a test on the wire, a section."""

from __future__ import annotations

import importlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mockhost import facts, faults
from mockhost.errors import UsageError
from mockhost.faults import ALIASES, FAULTS, GROUPS
from mockhost.faults.declare import Fault, Seen
from mockhost.faults.parameters import read
from mockhost.scenario import loader, schema, shape
from tools import fault_clients
from tools.docs import faults as fault_reference

ROOT = Path(__file__).resolve().parents[2]
NAMES = list(FAULTS)
EXCEPTION = r"[A-Z]\w+(?:Error|Timeout|Redirects|Header)(?:: .+)?"
STATUS = r"\d{3}(?:[;,] .+)?"
CURL = r"\(\d+\) .+"


@pytest.mark.parametrize("name", NAMES)
def test_its_texts_are_in_one_voice(name: str) -> None:
    """Sentences without their full stop; what clients say in the form that the contract asks for."""
    fault = faults.find(name)
    said = [fault.title, *fault.descriptions.values()]
    assert [text for text in [*said, fault.seen.wire] if text.endswith(".") or not text] == []
    assert fault.title[0].isupper()
    assert re.fullmatch(rf"(?:{EXCEPTION}|{STATUS})(?: or (?:{EXCEPTION}|{STATUS}))*", fault.seen.requests)
    assert re.fullmatch(CURL, fault.seen.curl)
    assert all(name in fault.parameters for name in [fault.main] if name)


@pytest.mark.parametrize("group", GROUPS)
def test_nothing_in_a_file_of_texts_is_left_unread(group: str) -> None:
    """A key with a typo, or for a parameter that is gone, would be passed over."""
    texts = facts.beside(faults.__file__, f"{group}.toml")
    keys = {*Seen._fields, "example", "parameters"}
    tables = {name: said for name, said in texts.items() if isinstance(said, dict)}
    assert texts.keys() - tables.keys() <= keys
    for name, said in tables.items():
        assert said.keys() <= keys, name
        assert said.get("parameters", {}).keys() <= faults.find(name).parameters.keys(), name


@pytest.mark.parametrize("name", NAMES)
def test_what_dotnet_says_has_a_source_or_is_assumed(name: str) -> None:
    """Nobody here has measured it."""
    said = faults.find(name).seen.dotnet
    sources = (
        "GitHub ",
        "Microsoft Learn",
        ".NET API",
        "WSAECONN",
        "Assumed: ",
        "no exception",
        "No exception",
    )
    assert any(source in said for source in sources), said


@pytest.mark.parametrize("name", NAMES)
def test_its_own_example_and_assertion_are_right(name: str) -> None:
    """What the page shows can be written in a rule, and in a step."""
    fault = faults.find(name)
    said = name if fault.example is None else {name: fault.example}
    if fault.unavailable is None or fault.unavailable() is None:
        assert read(said)[0].fault is fault
    gets = YAML(typ="safe").load(io.StringIO(fault.seen.gets))
    document = {"format": 1, "extends": "basics/healthy", "expect": [{"send": "list", "gets": gets}]}
    assert shape.failures(document) == []


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_shipped_scenario(name: str) -> None:
    """Of its name, with its name as the cause; tests/test_scenarios.py has it prove itself."""
    scenario = loader.load(f"faults/{name}", env={})
    assert scenario.cause == name
    assert scenario.client_should
    assert scenario.why.strip()
    assert scenario.expect
    assert name in json.dumps(scenario.document["rules"])


@pytest.mark.parametrize("name", NAMES)
def test_it_is_tested_on_the_wire(name: str) -> None:
    """A test of its group names it; those that go through the whole group do so besides."""
    folder = ROOT / "tests" / "faults" / FAULTS[name]
    texts = (file.read_text("utf-8") for file in folder.glob("*.py"))
    assert any(re.search(rf"\b{name}\b", text) for text in texts)


@pytest.mark.parametrize("name", NAMES)
def test_it_has_a_section_with_everything_there_is_to_say(name: str) -> None:
    """Its texts, its parameters, its scenario."""
    fault = faults.find(name)
    section = fault_reference.PAGE.read_text("utf-8").partition(f"\n### {name}\n")[2].partition("\n##")[0]
    plain = section.replace("\\|", "|").replace("\\<", "<")
    for text in (fault.title, *fault.seen):
        assert " ".join(text.split()) in plain
    for parameter, description in fault.descriptions.items():
        assert f"`{parameter}`" in section
        assert description in plain
    assert f"[`faults/{name}`](" in section


@pytest.mark.parametrize("group", GROUPS)
def test_a_heading_stands_for_each_fault_of_a_module(group: str) -> None:
    """The table of names is read from the texts, so a fault without texts would be unknown."""
    module = importlib.import_module(f"mockhost.faults.{group}")
    declared = [each.name for each in vars(module).values() if isinstance(each, Fault)]
    assert sorted(declared) == sorted(name for name, its in FAULTS.items() if its == group)
    for name in declared:
        assert (faults.find(name).name, faults.find(name).group) == (name, group)


def test_a_plain_import_reads_no_fault() -> None:
    """Neither the modules of faults nor their texts, nor the list of what is installed."""
    script = (
        "import sys, mockhost, mockhost.web, mockhost.runtime\n"
        "groups = {f'mockhost.faults.{group}' for group in mockhost.faults.GROUPS}\n"
        "print(*sorted(sys.modules.keys() & {*groups, 'importlib.metadata', 'tomllib'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_editors_offer_names_aliases_and_parameters() -> None:
    """And no name and no parameter is refused by the schema, so that our own words are what a user reads."""
    definitions = schema.root()["$defs"]
    offered = definitions["fault_parameters"]["properties"]
    names = [each["enum"][0] for each in definitions["fault_name"]["anyOf"] if "enum" in each]
    assert names == list(offered) == [*FAULTS, *ALIASES]
    for name, part in offered.items():
        assert set(part.get("properties", ())) == set(faults.find(name).parameters)
        assert all(each["description"] for each in part.get("properties", {}).values())
    for said in ("nobody", {"nobody": 1}, {"http_error": {"statsu": 1}}, {"http_error": "x"}, ["nobody"]):
        assert shape.failures(said, {"$ref": "#/$defs/faults"}) == []
        with pytest.raises(UsageError):
            read(said)


def test_httpx_and_fetch_have_met_every_fault_of_the_wire() -> None:
    """A fault that comes is shown to them by hand: tools/fault_clients.py."""
    kept = json.loads(fault_clients.KEPT.read_text("utf-8"))
    wire = [name for name in NAMES if FAULTS[name] in fault_clients.GROUPS]
    assert list(kept["rows"]) == wire, "run: python tools/fault_clients.py"
    assert all(row["httpx"] and row["fetch"] for row in kept["rows"].values())
