"""What hypothesis draws from the corpus: texts, paths, JSON documents, PATCH operations and whole bodies."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from mockhost.scim.messages import CORE_GROUP, CORE_USER, ECMA_USER, ENTERPRISE_USER, PATCH_OP
from tests.hostile.requests import CORPUS, filled

NAMES = (
    *("schemas", "id", "meta", "userName", "displayName", "name", "name.givenName", "active", "password"),
    *("emails", "emails.type", "emails[", 'emails[type eq "x"]', 'emails[primary gt "a"].value'),
    *("members", "members[value pr]", "groups", "value", "type", "primary", "$ref", "x", ""),
    *("op", "path", "Operations", "method", "data", "bulkId", "version"),
    *(CORE_USER, CORE_GROUP, ENTERPRISE_USER, f"{ENTERPRISE_USER}:manager", f"{ENTERPRISE_USER}.manager"),
    *(ECMA_USER, f"{ECMA_USER}:objectClass", f"{ECMA_USER}:EmployeeNumber", "ContosoLogin"),
)
"""Names and paths that the resources of the tests have, and some that they do not have."""
WORDS = (
    *("add", "Replace", "REMOVE", "POST", "PUT", "PATCH", "DELETE", "/Users", "/Groups", "/Users/bulkId:a"),
    *("a", "bulkId:a", "True", "u0", "\ud800", "é"),
)

pieces = st.sampled_from([*map(filled, CORPUS["tokens"]), *NAMES, "\\u", "\ud800"])
texts = st.text(st.characters(codec=None)) | st.lists(pieces).map(" ".join) | st.lists(pieces).map("".join)
names = st.sampled_from(NAMES)
words = st.sampled_from(WORDS)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | names
    | words
    | texts
    | st.sampled_from(CORPUS["values"])
)
documents: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | texts, inner, max_size=4),
    max_leaves=12,
)
_patches = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "Replace", "REMOVE"])},
    optional={"path": names | texts, "value": documents},
)
_bulks = st.fixed_dictionaries(
    {"method": words}, optional={"path": names | words, "data": documents, "bulkId": words}
)
bodies = (
    documents
    | st.fixed_dictionaries({"schemas": st.just([PATCH_OP]), "Operations": st.lists(_patches, max_size=3)})
    | st.fixed_dictionaries({"Operations": st.lists(_patches | _bulks | documents, max_size=3)})
)
"""Any JSON, and bodies of PATCH and Bulk that look right, with paths and values of any shape."""
