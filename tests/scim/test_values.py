"""Values: what each type takes, in which spellings, and how a refusal reads."""

from __future__ import annotations

import pytest

from mockhost.scim import values
from mockhost.scim.attributes import AttributeInfo
from mockhost.scim.errors import ScimError
from mockhost.scim.values import coerce


@pytest.mark.parametrize(
    ("type_", "given", "held"),
    [
        ("string", "x", "x"),
        ("string", "", ""),
        ("string", "True", "True"),
        ("boolean", True, True),
        ("boolean", "True", True),
        ("boolean", "fAlse", False),
        ("integer", 12, 12),
        ("integer", "12", 12),
        ("integer", "-12", -12),
        ("integer", 12.0, 12),
        ("integer", 2**63 - 1, 2**63 - 1),
        ("decimal", 1.5, 1.5),
        ("decimal", "1.5e1", 15.0),
        ("decimal", 2, 2),
        ("dateTime", "2011-05-13T04:42:34Z", "2011-05-13T04:42:34Z"),
        ("binary", "AQI=", "AQI="),
        ("binary", "AQI", "AQI"),
        ("binary", "_-8=", "_-8="),
        ("reference", "../Users/1", "../Users/1"),
        ("anything", "x", "x"),
        ("string", None, None),
        ("integer", ["1", 2], [1, 2]),
        ("boolean", [], []),
    ],
)
def test_what_fits(type_: str, given: object, held: object) -> None:
    """Entra's strings for booleans and numbers become what they stand for; the rest is kept as it is."""
    found = coerce(type_, given)
    assert found == held
    assert type(found) is type(held)


@pytest.mark.parametrize(
    ("type_", "given", "detail"),
    [
        ("string", 5, "a string, not 5"),
        ("string", True, "a string, not true"),
        ("string", {"a": 1}, "a string, not an object"),
        ("boolean", "yes", "true or false, not 'yes'"),
        ("boolean", 1, "true or false, not 1"),
        ("integer", "12.5", "a whole number of 64 bits, not '12.5'"),
        ("integer", 12.5, "a whole number of 64 bits, not 12.5"),
        ("integer", True, "a whole number of 64 bits, not true"),
        ("integer", "", "a whole number of 64 bits, not ''"),
        ("integer", 2**63, "a whole number of 64 bits, not 9223372036854775808"),
        pytest.param("integer", 10**5000, "a whole number of 64 bits, not a very long number", id="huge"),
        ("integer", float("inf"), "a whole number of 64 bits, not inf"),
        ("decimal", "1e999", "a number, not '1e999'"),
        ("decimal", "x", "a number, not 'x'"),
        ("dateTime", "2011-05-13", "a date-time such as '2026-01-01T00:00:00Z', not '2011-05-13'"),
        ("binary", "A", "base64 text, not 'A'"),
        ("binary", "?!", "base64 text, not '?!'"),
        ("reference", 5, "a string that is a URI or an id, not 5"),
        ("string", ["a", ["b"]], "a string, not an array"),
        ("string", [None], "a string, not null"),
        ("boolean", "x" * 100, f"true or false, not '{'x' * 60}…'"),
    ],
)
def test_what_does_not_fit(type_: str, given: object, detail: str) -> None:
    """400 invalidValue: what the attribute takes, and what it was given."""
    with pytest.raises(ScimError) as refused:
        coerce(type_, given, "IsActive")
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidValue")
    assert refused.value.detail == f"IsActive takes {detail}."


@pytest.mark.parametrize(
    ("given", "what"), [([], "an empty array"), (["ann"], "an array"), (["a", "b"], "2")]
)
def test_what_has_one_value_takes_no_array(given: list[object], what: str) -> None:
    """Not "one value, not 1"."""
    info = AttributeInfo("userName", exact=True)
    with pytest.raises(ScimError) as refused:
        values.single(info, given)
    assert refused.value.detail == f"userName takes one value, not {what}."
