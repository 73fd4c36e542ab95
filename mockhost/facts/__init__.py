"""Read data files: what is known of the real host and of the standards, in this folder (README.md), and rooms' own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

Row = TypeVar("Row")

EVIDENCE: Final = ("documented", "inferred", "assumed")


def read(name: str) -> dict[str, Any]:
    """All parts of `NAME.json`."""
    parts: dict[str, Any] = json.loads(Path(__file__).with_name(f"{name}.json").read_bytes())
    return parts


def file(name: str) -> bytes:
    """A file of the Windows server, as it is installed."""
    return (Path(__file__).parent / "files" / name).read_bytes()


@cache
def beside(module_file: str, name: str) -> Mapping[str, Any]:
    """The TOML file of a room's own data in the folder of a module: `beside(__file__, "texts.toml")`."""
    import tomllib  # which a plain serve does without

    return tomllib.loads(Path(module_file).with_name(name).read_text("utf-8"))


def rows(part: Mapping[str, Mapping[str, Any]], make: Callable[..., Row]) -> dict[str, Row]:
    """The rows of a part by name, each made by `make(name=…, **row)`."""
    return {name: make(name=name, **row) for name, row in part.items()}
