"""A behaviour that can be chosen must change something: each is read by the code that it names."""

from __future__ import annotations

import pathlib
import re

import pytest

import mockhost
from mockhost.ecma import behaviours

ROOT = pathlib.Path(mockhost.__file__).parent
SOURCE = "\n".join(path.read_text() for path in ROOT.rglob("*.py") if path.name not in ("behaviours.py",))
CHOOSABLE = [row for row in behaviours.TABLE if isinstance(row.choices, str) or len(row.choices) > 1]


@pytest.mark.parametrize("row", CHOOSABLE, ids=lambda row: row.name)
def test_a_behaviour_with_choices_is_read(row: behaviours.Behaviour) -> None:
    """Its name stands in the code, whole or as a family (`export_status_…`, `head_status`)."""
    family = re.sub(r"^(export_status_)\w+|^(?:head|options)(_status)$", r"\1\2", row.name)
    assert re.search(rf"[\"'}}]{re.escape(row.name)}[\"']|[\"'}}]{re.escape(family)}[\"'{{]", SOURCE), (
        row.name
    )
