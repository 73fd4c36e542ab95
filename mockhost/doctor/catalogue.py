"""The checks as data: codes, titles, reasons and cures. `catalogue.toml` has them in the order in which they run."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).with_name("catalogue.toml")
PAGE = "Troubleshoot on-premises application provisioning"


class Entry(NamedTuple):
    """One check, for people. `code` is stable."""

    code: str
    name: str
    category: str
    title: str
    why: str
    fix: tuple[str, ...]
    """ordered steps on the Windows server of the real host"""
    here: str = ""
    """the same with mockhost"""
    heading: str = ""
    """of Microsoft's page, edition of April 2022"""
    needs: tuple[str, ...] = ()


@cache
def entries() -> dict[str, Entry]:
    """Every check by its code, in order."""
    rows = tomllib.loads(FILE.read_text(encoding="utf-8"))["check"]
    made = [Entry(**{key: _value(value) for key, value in row.items()}) for row in rows]
    return {entry.code: entry for entry in made}


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def retired() -> dict[str, str]:
    """Codes of checks that are gone, with the reason."""
    gone: dict[str, str] = tomllib.loads(FILE.read_text(encoding="utf-8"))["retired"]
    return gone


def find(word: str) -> Entry | None:
    """The check with this code or name, in any case."""
    wanted = word.strip().lower()
    return next((entry for entry in entries().values() if wanted in (entry.code.lower(), entry.name)), None)
