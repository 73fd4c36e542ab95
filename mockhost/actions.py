"""What can be done to a running host by itself: the words of the timeline, of states, of rules and of steps.

Each action is read from what a scenario says, done to a host, and written as the command that does the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from mockhost.durations import text_of
from mockhost.errors import UsageError


class Operated(Protocol):
    """A running host, or what operates one. May raise any MockhostError."""

    def change(self, changes: Mapping[str, object], /) -> object:
        """Change the connected systems behind the host's back."""

    def set(self, path: str, value: object, /) -> object:
        """Change one setting of the scenario, by its dotted path."""

    def service(self, action: str, /) -> object:
        """start | stop | restart"""

    def import_now(self, name: str, profile: str, /) -> object:
        """Run an import of a connector: full | delta."""


class Checked(Operated, Protocol):
    """The same, with what only the steps of a client do."""

    def advance(self, seconds: float, /) -> object:
        """Move the virtual clock on."""

    def verify(self, spec: Mapping[str, object], /) -> tuple[bool, str]:
        """Whether an assertion over the journal holds, and what to show if not."""

    def windows(
        self, command: str, elevated: bool | None, session: Mapping[str, object], /
    ) -> Mapping[str, Any]:
        """Run a command on the server: exit, output, and the session for the next one."""


class Change(NamedTuple):
    """Objects of connected systems are inserted, updated or deleted, by connector."""

    changes: Mapping[str, object]

    @classmethod
    def parse(cls, said: object) -> Change:
        """Raises UsageError."""
        return cls(_map("change", said))

    def perform(self, host: Operated) -> None:
        host.change(self.changes)

    def as_command(self) -> list[str]:
        return ["change", _json(self.changes)]

    @property
    def connectors(self) -> set[str]:
        return set(self.changes)


class Set(NamedTuple):
    """Settings of the scenario get other values, by dotted path."""

    values: Mapping[str, object]

    @classmethod
    def parse(cls, said: object) -> Set:
        """Raises UsageError."""
        return cls(_map("set", said))

    def perform(self, host: Operated) -> None:
        for path, value in self.values.items():
            host.set(path, value)

    def as_command(self) -> list[str]:
        return ["set", *(f"{path}={_setting(value)}" for path, value in self.values.items())]

    @property
    def connectors(self) -> set[str]:
        paths = [dotted.removeprefix("$.").split(".") for dotted in self.values]
        return {path[1] for path in paths if len(path) > 1 and path[0] in ("connectors", "client")}


class Service(NamedTuple):
    """Microsoft ECMA2Host is started, stopped or restarted."""

    action: str

    @classmethod
    def parse(cls, said: object) -> Service:
        return cls(str(said))

    def perform(self, host: Operated) -> None:
        host.service(self.action)

    def as_command(self) -> list[str]:
        return ["service", self.action]

    @property
    def connectors(self) -> set[str]:
        return set()


class Import(NamedTuple):
    """An import run of a connector begins."""

    connector: str
    profile: str = "full"

    @classmethod
    def parse(cls, said: object) -> Import:
        if isinstance(said, Mapping):
            return cls(str(said.get("connector")), str(said.get("profile", "full")))
        return cls(str(said))

    def perform(self, host: Operated) -> None:
        host.import_now(self.connector, self.profile)

    def as_command(self) -> list[str]:
        return ["import", self.connector, *(() if self.profile == "full" else ("--profile", self.profile))]

    @property
    def connectors(self) -> set[str]:
        return {self.connector}


class Advance(NamedTuple):
    """The virtual clock is moved on."""

    seconds: float

    @classmethod
    def parse(cls, said: object) -> Advance:
        """Raises UsageError for what is not a number of seconds."""
        if isinstance(said, bool) or not isinstance(said, (int, float)):
            raise UsageError(f"'advance' is a number of seconds, not {said!r}")
        return cls(float(said))

    def perform(self, host: Checked) -> None:
        host.advance(self.seconds)

    def as_command(self) -> list[str]:
        return ["clock", "advance", text_of(self.seconds)]


class Verify(NamedTuple):
    """An assertion over the journal is checked."""

    spec: Mapping[str, object]

    @classmethod
    def parse(cls, said: object) -> Verify:
        """Raises UsageError."""
        return cls(_map("verify", said))

    def perform(self, host: Checked) -> str | None:
        """What to show if it does not hold."""
        holds, text = host.verify(self.spec)
        return None if holds else text

    def as_command(self) -> list[str]:
        return ["verify", _json(self.spec)]


class Windows(NamedTuple):
    """A command is run on the server around the host."""

    line: str
    elevated: bool | None = None
    """None: as the scenario's machine says"""

    @classmethod
    def parse(cls, said: object) -> Windows:
        if isinstance(said, Mapping):
            elevated = said.get("elevated")
            return cls(str(said.get("run")), None if elevated is None else bool(elevated))
        return cls(str(said))

    def perform(self, host: Checked, session: Mapping[str, object] | None = None) -> Mapping[str, Any]:
        """What came of it."""
        return host.windows(self.line, self.elevated, session or {})

    def as_command(self) -> list[str]:
        return ["windows", *(["--elevated"] if self.elevated else []), self.line]


Action: TypeAlias = Change | Set | Service | Import
"""What can happen by itself."""
Actions: TypeAlias = tuple[Action, ...]
WORDS: Final[Mapping[str, type[Action]]] = {
    "change": Change,
    "set": Set,
    "service": Service,
    "import": Import,
}
"""What can happen in the timeline, in a state and after a rule fired; in this order where several do."""
_OF_STEPS: Final[Mapping[str, type[Advance | Verify | Windows] | type[Action]]] = {
    "advance": Advance,
    **{word: WORDS[word] for word in ("service", "set", "change", "import")},
    "windows": Windows,
    "verify": Verify,
}
CLIENT_VERBS: Final = ("send", "entra")
"""What a step does on the other side of the wire."""
VERBS: Final = (*CLIENT_VERBS, *_OF_STEPS)
"""What a step can do: exactly one of them."""


def parse(said: Mapping[str, Any]) -> Actions:
    """The actions that a moment, a state or a rule names. Raises UsageError."""
    return tuple(kind.parse(said[word]) for word, kind in WORDS.items() if word in said)


def of_step(step: Mapping[str, object]) -> Action | Advance | Windows | Verify | None:
    """The action of a step; None if a client or Entra does something. Raises UsageError for what does nothing."""
    if any(verb in step for verb in CLIENT_VERBS):
        return None
    for word, kind in _OF_STEPS.items():
        if word in step:
            return kind.parse(step[word])
    raise UsageError("the step does nothing", hint=f"write one of {', '.join(VERBS)}")


def perform(actions: Actions, host: Operated) -> None:
    """Perform them in their order. Raises MockhostError at the first that can't be."""
    for action in actions:
        action.perform(host)


def written(actions: Actions) -> dict[str, object]:
    """The actions as a scenario says them."""
    words = {kind: word for word, kind in WORDS.items()}
    return {
        words[type(each)]: each._asdict() if isinstance(each, Import) and each.profile != "full" else each[0]
        for each in actions
    }


def _map(word: str, said: object) -> Mapping[str, object]:
    if not isinstance(said, Mapping):
        raise UsageError(f"{word!r} is a map, not {said!r}")
    return said


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _setting(value: object) -> str:
    """A value as `set PATH=VALUE` reads it back."""
    plain = isinstance(value, str) and value.strip() == value and value[:1] not in ("", "[", "{", '"', "'")
    return str(value) if plain else _json(value)
