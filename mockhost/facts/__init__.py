"""Read the data files of this folder: what is known of the real host and of the standards. See README.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
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


def rows(part: Mapping[str, Mapping[str, Any]], make: Callable[..., Row]) -> dict[str, Row]:
    """The rows of a part by name, each made by `make(name=…, **row)`."""
    return {name: make(name=name, **row) for name, row in part.items()}
