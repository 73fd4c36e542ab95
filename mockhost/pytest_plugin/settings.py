"""The plugin's ini keys, as pytest reads them from ini files and from TOML."""

from __future__ import annotations

from typing import Any

import pytest

_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "mockhost_scenario": ((str,), "a name or a path"),
    "mockhost_tls": ((str, bool), "true, false or empty"),
    "mockhost_seed": ((str, int), "a number"),
    "mockhost_clock": ((str,), "frozen or wall"),
    "mockhost_listen": ((str, list), "a list of addresses"),
    "mockhost_strict": ((bool,), "true or false"),
    "mockhost_allow_unused": ((bool,), "true or false"),
}


def ini(config: pytest.Config, name: str) -> Any:
    """The value of an ini key. Raises UsageError for one of another kind.

    pytest 9 has values of their own kinds in TOML, and takes those alone that are of the key's kind.
    """
    kinds, words = _KINDS[name]
    try:
        value = config.getini(name)
    except (TypeError, ValueError, pytest.UsageError):
        value = getattr(config, "_inicfg", {}).get(name)
        value = getattr(value, "value", value)
        if bool in kinds and str(value).lower() in ("true", "false"):
            value = str(value).lower() == "true"
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise pytest.UsageError(f"{name} is {words}, not {value!r}") from None
    return value
