"""Every way in which Microsoft's clients have written a PATCH, as transcripts: what was, what is sent, what is then."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from mockhost.scim import patch
from mockhost.scim.errors import ScimError
from tests.scim.resource_types import BY_NAME

CASES = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parent / "dialects").glob("*.json"))
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_end_state_is_what_the_dialect_means(case: dict[str, Any]) -> None:
    """The status alone proves nothing: servers have answered 204 and dropped half of the request."""
    before = copy.deepcopy(case["before"])
    after = patch.apply(case["before"], case["request"], schema=BY_NAME[case["type"]])
    assert after == case["after"], case["name"]
    assert case["before"] == before


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_dialect_that_fails_at_the_end_changes_nothing(case: dict[str, Any]) -> None:
    """A PATCH is atomic: one operation more that can't be done, and all is as it was."""
    before = copy.deepcopy(case["before"])
    operations = case["request"].get("Operations", case["request"].get("operations"))
    request = {"Operations": [*operations, {"op": "Remove", "path": "id"}]}
    with pytest.raises(ScimError) as refused:
        patch.apply(case["before"], request, schema=BY_NAME[case["type"]])
    assert refused.value.scim_type == "mutability"
    assert refused.value.detail.startswith(f"Operation {len(operations) + 1} of {len(operations) + 1}: ")
    assert case["before"] == before


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_transcript_says_where_it_is_from(case: dict[str, Any]) -> None:
    """A transcript without a source is a guess."""
    assert set(case) == {"name", "source", "type", "before", "request", "after"}
    assert case["name"]
    assert case["source"]
