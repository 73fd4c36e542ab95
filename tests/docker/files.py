"""The files of the docker folder, read as what they are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML

from mockhost.cli import serve

ROOT = Path(__file__).parent.parent.parent
DOCKER = ROOT / "docker"
OPTIONS = {str(p.envvar) for p in serve.command.params if isinstance(p, click.Option) and p.envvar} | {
    "MOCKHOST_SCENARIO",
    "MOCKHOST_SCENARIOS",
}
"""The variables that `mockhost serve` reads."""


def documents(file: Path) -> list[Any]:
    """The documents of a YAML file."""
    return list(YAML(typ="safe", pure=True).load_all(file))


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, each with its text on one line."""
    text = re.sub(r"^#.*\n", "", (DOCKER / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1].strip()) for line in lines if line.strip()]


def final_stage() -> list[tuple[str, str]]:
    """What stands after the last FROM, and that FROM."""
    found = instructions()
    last = max(index for index, (word, _) in enumerate(found) if word == "FROM")
    return found[last:]


def pairs(instruction: str) -> dict[str, str]:
    """The names and values of the final stage's ENV, LABEL or ARG."""
    words = [word for name, text in final_stage() if name == instruction for word in shlex.split(text)]
    return dict(word.split("=", 1) for word in words)
