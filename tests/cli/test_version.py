"""`mockhost version`: everything that a report of a bug needs, and nothing about the machine's user."""

from __future__ import annotations

import contextlib
import getpass
import json
import platform
import re
import ssl
from importlib import metadata
from pathlib import Path

import pytest

from mockhost import __version__
from tests.cli.conftest import Invoke
from tests.cli.programs import ROOT


def test_the_plain_version_is_what_the_option_prints(invoke: Invoke) -> None:
    assert invoke("version").stdout == invoke("--version").stdout == f"mockhost {__version__}\n"
    assert json.loads(invoke("version", "--format", "json").stdout) == {"mockhost": __version__}


def test_verbose_has_every_dependency(invoke: Invoke) -> None:
    """A dependency that is added to pyproject.toml is in the report without being listed again."""
    shown = json.loads(invoke("version", "--verbose", "--format", "json").stdout)
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", text, re.M | re.S)
    assert block is not None
    wanted = re.findall(r'"([\w.-]+)', block[1])
    assert len(wanted) > 3
    by_name = {re.sub("[-_.]+", "-", name): value for name, value in shown.items()}
    assert {name: by_name[name.replace(".", "-")] for name in wanted} == {
        name: metadata.version(name) for name in wanted
    }
    assert shown["openssl"] == ssl.OPENSSL_VERSION
    assert shown["python"].startswith(platform.python_version())


def test_verbose_text_is_one_aligned_line_for_each(invoke: Invoke) -> None:
    lines = invoke("version", "-v").stdout.splitlines()
    assert lines[0].split() == ["mockhost", __version__]
    assert len({re.search(r" {2}(?! )", line).end() for line in lines}) == 1  # type: ignore[union-attr]


def test_verbose_names_variables_without_values_and_no_person(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOCKHOST_SQL_TOKEN", "canary-of-the-environment")
    output = invoke("version", "--verbose").stdout
    assert "MOCKHOST_SQL_TOKEN" in output
    hidden = ["canary-of-the-environment", str(ROOT), platform.node()]
    with contextlib.suppress(RuntimeError, KeyError, OSError):  # not every process has a home or a name
        hidden += [str(Path.home()), getpass.getuser()]
    assert [word for word in hidden if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", output)] == []


def test_a_package_that_is_absent_is_reported(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", absent)
    monkeypatch.setattr(metadata, "requires", absent)
    shown = json.loads(invoke("version", "--verbose", "--format", "json").stdout)
    assert shown["pytest"] == "not installed"
    assert "flask" not in shown
