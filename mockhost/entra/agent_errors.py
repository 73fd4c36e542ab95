"""What each failure between the service and the target becomes in the portal and in the log: `agent_errors.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mockhost.client.observation import Observation

_FILE = Path(__file__).with_suffix(".toml")


class AgentError(NamedTuple):
    """A row of the table; the head of the file says what its keys mean."""

    name: str
    what: str
    next: str
    code: str = ""
    text: str = ""
    source: str = ""
    evidence: str = ""
    also: str = ""
    log: str = ""
    likely: str = ""
    plays: str = ""
    words: str = ""
    agent: bool = False
    url: str = ""
    says: str = ""
    ends: tuple[str, ...] = ()
    cut: bool | None = None
    error: str = ""
    status: tuple[int, ...] = ()
    body: str = ""
    takes: float = 0.0

    def fits(self, seen: Observation, *, ecma: bool) -> bool:
        """Whether a client that saw this met the failure of the row. ecma: whether the app is an ECMA host's."""
        cut = seen.status is not None and not seen.complete
        return not (
            self.agent
            or (self.url and not (ecma and re.fullmatch(self.url, seen.url, re.IGNORECASE)))
            or (self.says and (self.says not in seen.text or seen.status == 200))
            or (self.ends and not set(self.ends) & set(seen.words))
            or (self.cut is not None and self.cut != cut)
            or (self.error and self.error not in seen.error)
            or (self.status and seen.status not in self.status)
            or (self.body and not seen.text.lstrip("\ufeff \t\r\n").startswith(self.body))
        )


@cache
def _document() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


@cache
def rows() -> Mapping[str, AgentError]:
    """All rows by their names, in the order in which they are looked up."""
    words = _document()["words"]
    found = {}
    for name, said in _document()["row"].items():
        values = {**words.get(said.get("words", ""), {}), **said}
        for key in ("ends", "status"):
            values[key] = tuple(values.get(key, ()))
        found[name] = AgentError(name, **values)
    return found


def named(name: str) -> AgentError:
    """A row by its name."""
    return rows()[name]


def of(seen: Observation, *, ecma: bool) -> AgentError:
    """The row for what a client saw of an exchange that failed. ecma: judge the tenant URL as that of an ECMA app."""
    return next(row for row in rows().values() if row.fits(seen, ecma=ecma))


def without_agent(row: AgentError) -> AgentError:
    """The row as an app without an agent shows it: no agent answers in the target's place."""
    if row.words != "relayed":
        return row
    return row._replace(**_document()["words"]["transport_without_agent"])
