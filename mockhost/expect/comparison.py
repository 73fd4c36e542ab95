"""Compares what a step says a client gets with what it got: a line for each difference, which names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from mockhost.client.observation import ENDS, Observation
from mockhost.entra.portal import PortalVerdict
from mockhost.errors import UsageError, did_you_mean
from mockhost.matching import ABSENT, difference, is_matcher, pointer

SHORTHANDS = {
    "detail": "/detail",
    "scimType": "/scimType",
    "totalResults": "/totalResults",
    "message": "/Message",
}
"""Keys of `gets` that name a place in the body."""


def problems(gets: Mapping[str, object], seen: Observation, verdict: PortalVerdict | None) -> list[str]:
    """What of `gets` does not hold, in the order in which it is written; empty if all does.

    `verdict` is the portal's, for a test connection. Raises UsageError for what can't be compared at all.
    """
    found = [f"{subject}: {text}" for subject, text in _differences(gets, seen, verdict)]
    if found and seen.status is None and "ends" not in gets:
        found.append(f"no answer came: {seen.describe()}")
    elif gets and seen.status is not None and not seen.complete and "ends" not in gets:
        found.append(f"the answer is not whole: {seen.describe()}")
    return found


def of_command(gets: Mapping[str, object], seen: Mapping[str, object]) -> list[str]:
    """What of `gets` does not hold of a command: `text` (what the window showed) and `exit`."""
    found: list[str] = []
    for key, expected in gets.items():
        if key not in _OF_COMMAND:
            raise UsageError(f"a command gets no {key!r}", hint=did_you_mean(key, _OF_COMMAND))
        text = difference(expected, seen[_OF_COMMAND[key]])
        found += [] if text is None else [f"{key}: {text}"]
    return found


_OF_COMMAND = {"text": "output", "exit": "exit"}


def said(says: Mapping[str, object], came: Mapping[str, object]) -> list[str]:
    """What of `says` does not hold of what came of a step with `entra`."""
    found = []
    for key, expected in says.items():
        value = came.get(key, ABSENT)
        pairs = [(key, expected, value)]
        if isinstance(expected, Mapping) and not is_matcher(expected) and isinstance(value, Mapping):
            pairs = [(f"{key} {name}", each, value.get(name, ABSENT)) for name, each in expected.items()]
        found += [f"{subject}: {text}" for where in pairs for subject, text in _difference(*where)]
    return found


def _differences(
    gets: Mapping[str, object], seen: Observation, verdict: PortalVerdict | None
) -> Iterator[tuple[str, str]]:
    for key, expected in gets.items():
        if key == "portal" and verdict is None:
            raise UsageError(
                "the portal speaks after a test connection only",
                hint="take 'portal' from this step, or send it one",
            )
        if key in ("headers", "body") and isinstance(expected, Mapping) and not is_matcher(expected):
            yield from _members(key, expected, seen)
        elif key in SHORTHANDS:
            yield from _difference(key, expected, at(seen, SHORTHANDS[key]))
        elif key == "ends":
            yield from _end(expected, seen)
        elif key in _SUBJECTS:
            yield from _difference(key, expected, _SUBJECTS[key](seen))
        elif key == "portal" and verdict is not None:
            yield from _difference(key, expected, verdict.words)
        else:
            known = [*_SUBJECTS, *SHORTHANDS, "headers", "body", "ends", "portal"]
            raise UsageError(f"a client gets no {key!r}", hint=did_you_mean(key, known))


def _difference(subject: str, expected: object, value: object) -> Iterator[tuple[str, str]]:
    if (text := difference(expected, value)) is not None:
        yield subject, text


def _members(key: str, expected: Mapping[object, object], seen: Observation) -> Iterator[tuple[str, str]]:
    for name, wanted in expected.items():
        if key == "headers":
            value = seen.header(str(name))
            yield from _difference(f"header {name}", wanted, ABSENT if value is None else value)
        else:
            yield from _difference(f"body {name}", wanted, at(seen, str(name)))


def _end(expected: object, seen: Observation) -> Iterator[tuple[str, str]]:
    """How it ended. More than one word can be true; one that fits is enough, except for `not`."""
    if isinstance(expected, Mapping) and "no_answer_within" in expected:
        expected = "no_answer_within"
    if isinstance(expected, str) and expected not in ENDS:
        raise UsageError(f"nothing ends by {expected!r}", hint=did_you_mean(expected, ENDS))
    texts = [difference(expected, word) for word in seen.words]
    enough = all if isinstance(expected, Mapping) and "not" in expected else any
    if not enough(text is None for text in texts):
        yield "ends", f"{next(filter(None, texts))} ({seen.describe()})"


def at(seen: Observation, path: str) -> object:
    """What the body has at a JSON pointer, or ABSENT. Raises UsageError if it is no pointer."""
    document = seen.json()
    if document is ABSENT:
        return ABSENT
    try:
        return pointer(document, path)
    except ValueError as problem:
        raise UsageError(str(problem)) from None


def _resources(seen: Observation) -> object:
    listed = at(seen, "/Resources")
    return len(listed) if isinstance(listed, list) else ABSENT


_SUBJECTS: dict[str, Callable[[Observation], object]] = {
    "status": lambda seen: ABSENT if seen.status is None else seen.status,
    "body": lambda seen: seen.text,
    "text": lambda seen: seen.text,
    "resources": _resources,
    "took": lambda seen: seen.took,
    "alert": lambda seen: seen.alert or ABSENT,
    "tls": lambda seen: seen.tls_version or ABSENT,
}
