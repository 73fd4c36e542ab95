"""A pytest that is older than what the plugin needs."""

from __future__ import annotations

import runpy

import pytest

from mockhost import pytest_plugin


def test_an_old_pytest_is_told_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its start, in one line, with the way to do without."""
    with monkeypatch.context() as old:
        old.delattr(pytest, "StashKey")
        old.setattr(pytest, "__version__", "6.2.5")
        with pytest.raises(
            pytest.UsageError, match=r"need pytest 7.0 or later, and this is 6.2.5.*-p no:mockhost"
        ):
            runpy.run_path(str(pytest_plugin.__file__))
