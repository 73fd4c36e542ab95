"""Suites of other projects, run against a served connector of kind `scim`: `make conformance`.

One module a suite. Each runs the suite as its authors ship it and turns what it says into checks; none tells the
host that it is being tested. docs/conformance.md is the page that a run writes.
"""
