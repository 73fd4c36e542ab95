"""The data files of facts: valid, and in step with the code that reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mockhost import facts
from mockhost.connectors.ecma import kinds
from mockhost.connectors.provider.config import ProviderConfig
from mockhost.connectors.provider.strictness import OFFERS, TABLE, Strictness

ROOT = Path(__file__).parent.parent
FOLDER = Path(facts.__file__).parent
SCHEMA = json.loads((FOLDER / "schema.json").read_text("utf-8"))
FILES = [*sorted(set(FOLDER.glob("*.json")) - {FOLDER / "schema.json"}), ROOT / "tools/docs/statements.json"]

by_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), [name for name, _ in pairs]
    return dict(pairs)


@by_file
def test_a_file_is_valid(file: Path) -> None:
    """Each row is complete, and no key is written twice, of which JSON would keep the last."""
    document = json.loads(file.read_text("utf-8"), object_pairs_hook=_no_duplicates)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    problems = [
        f"{e.json_path}: {e.message}" for e in jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)
    ]
    assert not problems, "\n".join(problems)
    assert (file.parent / document["$schema"]).resolve() == FOLDER / "schema.json"


@pytest.mark.parametrize(
    "wrong",
    [
        {"behaviours": {"x": {}}},
        {"statements": [{"subject": "a", "title": "b", "real": "Not published.", "mock": "c", "source": "d",
                         "evidence": "documented"}]},
        {"statements": [{"subject": "a", "title": "b", "real": "c", "mock": "c", "source": "None found.",
                         "evidence": "inferred"}]},
        {"texts": {"null_value": {"reason": "other", "words": "x", "evidence": "certain", "source": "y"}}},
        {"refusals": {"verb": {"status": 200}}},
        {"unheard_of": {}},
    ],
)  # fmt: skip
def test_an_invalid_file_is_found(wrong: dict[str, Any]) -> None:
    """The schema refuses rows that are incomplete, or more certain than their source."""
    document = {"$schema": "schema.json", **wrong}
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


def test_every_file_is_explained() -> None:
    """The folder's README has a row for each."""
    text = (FOLDER / "README.md").read_text("utf-8")
    assert all(f"`{file.name}`" in text for file in FILES)


def test_values_that_name_other_rows_exist() -> None:
    """A text's reason is one of the export errors."""
    for texts in (kinds.COMMON, *(kind.texts for kind in kinds.KINDS.values())):
        assert {text["reason"] for text in texts.values()} <= set(kinds.CODES)


def test_rows_and_the_code_that_reads_them_agree() -> None:
    """A row has code that reads it, and the other way round."""
    assert Strictness._fields == tuple(TABLE)
    assert set(OFFERS) <= set(ProviderConfig._fields)
    assert set(kinds.KINDS) == set(kinds.CLASSES)
