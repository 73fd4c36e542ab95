"""Faults that another package brings: a real distribution on the path, found by its entry points."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEAPOT = '''
"""Faults of ACME's gateway."""

from __future__ import annotations

from typing import Annotated

from mockhost.faults.contract import Context, Draft
from mockhost.faults.declare import between, on_answer, on_connection
from mockhost.plans import ConnectionPlan


@on_answer(main="brew")
def teapot(
    draft: Draft, context: Context, brew: Annotated[int, "How many cups are left", between(0, 12)] = 0
) -> Draft:
    """The gateway answers that it is a teapot."""
    return Draft(418, (("X-Cups", str(brew)),))


@on_connection()
def slammed() -> ConnectionPlan:
    """The gateway slams the door."""
    return ConnectionPlan("reset")


def plain() -> None:
    pass


@on_answer()
def hang(draft: Draft, context: Context) -> Draft:
    """Not the one of mockhost."""
    return draft


@on_answer()
def odd(draft: Draft, context: Context, what: complex = 0j) -> Draft:
    """It has a parameter that no scenario can write."""
    return draft
'''
TEXTS = """
[teapot]
wire = "418 with X-Cups"
requests = "418"
example = {brew = 3}
"""
GOOD = {"teapot": "acme_faults:teapot", "slammed": "acme_faults:slammed"}
SCENARIO = """
format: 1
extends: basics/healthy
title: The gateway is a teapot
rules:
  - {when: {operation: find_users}, fault: {teapot: 3}}
expect:
  - {send: find, where: {ContosoLogin: ljacobson}, gets: {status: 418, headers: {X-Cups: "3"}}}
  - {send: get, id: ljacobson, gets: {status: 200}}
"""


def package(
    folder: Path, entries: dict[str, str], name: str = "acme-faults", code: str = TEAPOT
) -> dict[str, str]:
    """The environment of a program that has this package installed, as an installer leaves one."""
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(code, "utf-8")
    (folder / f"{module}.toml").write_text(TEXTS, "utf-8")
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    rows = "".join(f"{each} = {value}\n" for each, value in entries.items())
    (info / "entry_points.txt").write_text(f"[mockhost.faults]\n{rows}", "utf-8")
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}


def mockhost(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """`mockhost` with these words."""
    return subprocess.run(
        [sys.executable, "-m", "mockhost", *words],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_validates_and_is_played_on_the_wire(tmp_path: Path) -> None:
    """A scenario names it as it names any other; its mistakes have the same words."""
    env = package(tmp_path, GOOD)
    scenario = tmp_path / "teapot.yaml"
    scenario.write_text(SCENARIO, "utf-8")
    played = mockhost(env, "check", str(scenario))
    assert played.returncode == 0, played.stdout + played.stderr
    scenario.write_text(SCENARIO.replace("teapot: 3", "teapot: 13"), "utf-8")
    refused = mockhost(env, "validate", str(scenario))
    assert refused.returncode != 0
    assert "the fault teapot: brew is a whole number from 0 to 12, not 13" in refused.stdout
    scenario.write_text(SCENARIO.replace("teapot: 3", "teapto: 3"), "utf-8")
    assert "did you mean 'teapot'?" in mockhost(env, "validate", str(scenario)).stdout


def test_it_is_listed_shown_and_completed(tmp_path: Path) -> None:
    """In a group of its own, with the texts beside its module, or without any."""
    env = package(tmp_path, GOOD)
    listed = mockhost(env, "faults")
    assert listed.stderr == ""
    assert "Installed\n" in listed.stdout
    assert "The gateway answers that it is a teapot\n" in listed.stdout
    shown = mockhost(env, "faults", "teapot").stdout
    assert "fault: {teapot: {brew: 3}}" in shown
    assert "whole number, 0 to 12; default: 0" in shown
    assert "418 with X-Cups" in shown
    assert "on the wire" not in mockhost(env, "faults", "slammed").stdout
    definitions = json.loads(mockhost(env, "schema").stdout)["$defs"]
    assert definitions["fault_parameters"]["properties"]["teapot"]["properties"]["brew"]["default"] == 0
    assert definitions["fault_name"]["anyOf"][-1]["enum"] == ["teapot"]
    words = {"_MOCKHOST_COMPLETE": "bash_complete", "COMP_WORDS": "mockhost faults tea", "COMP_CWORD": "2"}
    assert mockhost({**env, **words}).stdout.split() == ["plain,teapot"]


@pytest.mark.parametrize(
    ("entries", "code", "name", "message"),
    [
        ({"teapot": "acme_faults:kettle"}, TEAPOT, "teapot", "AttributeError: module 'acme_faults' has no"),
        (
            {"teapot": "acme_faults:teapot"},
            "import nowhere_at_all",
            "teapot",
            "ModuleNotFoundError: No module",
        ),
        ({"teapot": "acme_faults:plain"}, TEAPOT, "teapot", "acme_faults:plain is a function"),
        ({"kettle": "acme_faults:teapot"}, TEAPOT, "kettle", "acme_faults:teapot is the fault 'teapot'"),
        ({"odd": "acme_faults:odd"}, TEAPOT, "odd", "TypeError: the type <class 'complex'> is not one that"),
    ],
    ids=["no such name", "import error", "not a fault", "other name", "wrong type"],
)
def test_a_broken_one_is_reported(
    tmp_path: Path, entries: dict[str, str], code: str, name: str, message: str
) -> None:
    """In one sentence that names the package; the others are there all the same."""
    env = package(tmp_path, entries, code=code)
    shown = mockhost(env, "faults", name)
    assert shown.returncode == 2
    assert f"the fault {name!r} of the package acme-faults 1.0" in shown.stderr
    assert message in shown.stderr
    assert "Traceback" not in shown.stderr
    listed = mockhost(env, "faults")
    assert listed.returncode == 0
    assert message in listed.stderr
    assert "dribble" in listed.stdout


def test_a_name_that_is_taken_is_reported(tmp_path: Path) -> None:
    """mockhost's own fault is used; of two packages with one name, neither."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = package(tmp_path / "one", {**GOOD, "hang": "acme_faults:hang"})
    listed = mockhost(one, "faults")
    assert (
        "the package acme-faults 1.0 names a fault 'hang', and mockhost has one of that name" in listed.stderr
    )
    assert "The answer never comes" in mockhost(one, "faults", "hang").stdout
    two = package(tmp_path / "two", {"teapot": "other_faults:teapot"}, name="other-faults")
    both = {**one, "PYTHONPATH": os.pathsep.join((one["PYTHONPATH"], two["PYTHONPATH"]))}
    clash = "more than one package has a fault 'teapot': acme-faults 1.0 and other-faults 1.0"
    assert clash in mockhost(both, "faults", "teapot").stderr
    assert clash in mockhost(both, "faults").stderr


def test_it_decides_on_connections_too(tmp_path: Path) -> None:
    """What is installed is a fault like any other, in the same process as well."""
    script = (
        "from mockhost import MockHost\n"
        "with MockHost(tls=False) as host:\n"
        "    host.add_rule({'fault': 'slammed'})\n"
        "    print(host.port, flush=True)\n"
        "    input()\n"
    )
    env = package(tmp_path, GOOD)
    with subprocess.Popen(
        [sys.executable, "-c", script], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as host:
        assert host.stdin
        assert host.stdout
        port = int(host.stdout.readline())
        with (
            pytest.raises(ConnectionError),  # while connecting, if the reset is that fast
            socket.create_connection(("127.0.0.1", port), timeout=120) as client,
        ):
            client.recv(1)
        host.stdin.write("\n")
        host.stdin.close()
    assert host.returncode == 0
