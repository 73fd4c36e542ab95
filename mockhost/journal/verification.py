"""Assertions over the journal: how often, in what order, and what it was that came nearest when one does not hold.

A specification is a map of conditions, all of which must hold for an exchange, with `count` or `order`, and
`since`; or several of them under `all`, which share the keys beside it:

    {"operation": "create_user", "connector": "SQL", "status": 201, "count": 1}
    {"connector": "SQL", "order": [{"operation": "find_users"}, {"operation": "create_user"}]}
    {"operation": "delete_user", "id": "bob", "count": {"never": True}}
    {"id": "bob", "all": [{"operation": "patch_user", "count": 1}, {"operation": "delete_user", "count": 0}]}

Values are literals, lists (any of them) or matchers (`mockhost.matching`). The default count is at least one.
What was sent is compared as it was; in the report secrets are redacted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

from mockhost import faults, patterns
from mockhost.conditions import FIELDS, MAPS, any_of, check_verdict, literals
from mockhost.errors import UsageError, did_you_mean
from mockhost.exchange import OPERATIONS, Exchange, Unreadable
from mockhost.journal.renderings import table
from mockhost.journal.secrets import is_secret
from mockhost.journal.sink import Sink
from mockhost.matching import ABSENT, difference, misspelt, patterns_in, pointer, written
from mockhost.patterns import Search, Searches

_FIELDS: Final = {word: read for word, read in FIELDS.items() if word != "filter"}
CONDITIONS: Final = (*_FIELDS, *MAPS)
"""What can be asked of an exchange. `attributes`, `header` and `body` (by JSON pointer) are maps of such values."""
WORDS: Final = (*CONDITIONS, "count", "order", "all", "since")
"""The words of a specification."""
COUNTS: Final = ("exactly", "at_least", "at_most", "never")

_NEAREST = 3
_SHOWN = 20


class VerifyResult(NamedTuple):
    """Whether it holds; a report for people; the numbers of the exchanges that matched."""

    ok: bool
    text: str
    matched: tuple[int, ...]


class Window(NamedTuple):
    """What an assertion looks at: the entries that are there, and how many may be gone."""

    entries: Sequence[Exchange]
    lost: int


class Expectation(NamedTuple):
    """One thing that is asked of an exchange; `label` names it in a report."""

    label: str
    expected: object
    read: Callable[[Exchange], object]
    shown: object = None
    """what is expected, as a report may say it"""
    search: Search = patterns.search

    def difference(self, exchange: Exchange) -> str | None:
        """None if it holds, else e.g. `status: expected 201, got 409`; it may quote secrets."""
        value = self.read(exchange)
        if isinstance(value, Unreadable):
            return f"{self.label}: {value.why}"
        if value is None and self.expected is not None:
            value = ABSENT
        text = difference(self.expected, value, self.search)
        return None if text is None else f"{self.label}: {text}"

    def holds(self, exchange: Exchange) -> bool:
        """Whether the exchange is as expected."""
        return self.difference(exchange) is None

    def report(self, exchange: Exchange, sink: Sink) -> str:
        """What differs, without secrets; empty if nothing does."""
        text = self.difference(exchange)
        if text is None:
            return ""
        if is_secret(self.label.partition(" ")[2]):
            value = self.read(exchange)
            text = f"{self.label}: expected {written(self.shown)}, got {written(sink.expected(self.label, value))}"
        return sink.text(text, exchange)


class _Faults(Expectation):
    """A condition on the faults that an exchange met: of several, any is as good as one; `not` is about all."""

    __slots__ = ()

    def difference(self, exchange: Exchange) -> str | None:
        if len(exchange.faults) < 2:
            return super().difference(exchange)
        texts = [difference(self.expected, name, self.search) for name in exchange.faults]
        negative = isinstance(self.expected, Mapping) and not _NEGATIVE.isdisjoint(self.expected)
        if all(text is None for text in texts) or (None in texts and not negative):
            return None
        text = difference(self.expected, list(exchange.faults), self.search) or next(filter(None, texts))
        return f"{self.label}: {text}"


_NEGATIVE: Final = frozenset({"not", "absent"})


class Count(NamedTuple):
    """How often; `high` None means no upper bound."""

    low: int
    high: int | None

    def __str__(self) -> str:
        if self.high is None:
            return f"at least {self.low}"
        if self.high == 0:
            return "no"
        if self.low == self.high:
            return f"exactly {self.low}"
        return f"at most {self.high}" if not self.low else f"{self.low} to {self.high}"


def compile_conditions(
    spec: Mapping[str, object],
    sink: Sink,
    operations: Collection[str] = OPERATIONS,
    search: Search | None = None,
) -> list[Expectation]:
    """The conditions of a specification. Raises UsageError for an unknown word or a value that can't ever match.

    `search` looks for their patterns; by default together they have the time that one question has.
    """
    search = search or Searches()
    conditions: list[Expectation] = []
    for word, expected in spec.items():
        for pattern in patterns_in(expected):
            patterns.check(pattern)
        if word in _FIELDS:
            _check(word, expected, operations)
            kind = _Faults if word == "fault" else Expectation
            conditions.append(kind(word, any_of(expected), _FIELDS[word], expected, search))
        elif word in MAPS:
            if not isinstance(expected, Mapping):
                raise UsageError(
                    f"{word!r} is a map, not {expected!r}", hint=f"e.g. {word}: {_EXAMPLE[word]}"
                )
            conditions += [_inner(word, str(name), value, sink, search) for name, value in expected.items()]
        else:
            raise UsageError(
                f"{word!r} is nothing that can be asked of an exchange", hint=did_you_mean(word, WORDS)
            )
    return conditions


_EXAMPLE = {
    "attributes": "{FirstName: Bob}",
    "header": "{User-Agent: {contains: curl}}",
    "body": "{/active: false}",
}


def _check_matcher(label: str, expected: object, *, literal: bool) -> None:
    if (wrong := misspelt(expected, literals=literal)) is not None:
        raise UsageError(f"{label}: {wrong[0]}", hint=wrong[1])


def _check(word: str, expected: object, operations: Collection[str]) -> None:
    """A condition that can't hold would make every `never` pass, so a slip of the pen is refused."""
    _check_matcher(word, expected, literal=False)
    if word == "verdict":
        check_verdict(expected)
    for literal in literals(expected):
        if word == "operation" and (not isinstance(literal, str) or literal not in operations):
            raise UsageError(f"unknown operation {literal!r}", hint=did_you_mean(str(literal), operations))
        if word == "fault" and literal is not None and not faults.exists(str(literal)):
            known = faults.ALIASES.get(str(literal))
            hint = f"it is called {known} here" if known else did_you_mean(str(literal), faults.FAULTS)
            raise UsageError(f"there is no fault {literal!r}", hint=hint)
        if word in ("status", "connection") and not (literal is None or type(literal) is int):
            raise UsageError(f"{word} is a number, not {literal!r}", hint=f"e.g. {word}: 201")
        if word == "probe" and not isinstance(literal, bool):
            raise UsageError(f"probe is true or false, not {literal!r}")


def _inner(word: str, name: str, expected: object, sink: Sink, search: Search) -> Expectation:
    label, shown, expected = f"{word} {name}", sink.expected(name, any_of(expected)), any_of(expected)
    _check_matcher(label, expected, literal=word != "header")
    for pattern in patterns_in(expected):
        patterns.check(pattern)
    if word == "body":
        try:
            pointer({}, name)
        except ValueError as error:
            raise UsageError(str(error), hint="e.g. body: {/active: false}") from error
    return Expectation(label, expected, MAPS[word](name), shown, search)


def parse_count(value: object) -> Count:
    """A `count`: a number, or a map of exactly, at_least, at_most, never. Raises UsageError."""
    if type(value) is int and value >= 0:
        return Count(value, value)
    if not isinstance(value, Mapping) or not value:
        raise UsageError(f"count is a number or a map of {', '.join(COUNTS)}, not {value!r}")
    low, high = 0, None
    for word, number in value.items():
        if word not in COUNTS:
            raise UsageError(f"count: unknown word {word!r}", hint=did_you_mean(str(word), COUNTS))
        if word == "never":
            if number is not True or len(value) > 1:
                raise UsageError("count: 'never' stands alone and is true")
            return Count(0, 0)
        if type(number) is not int or number < 0:
            raise UsageError(f"count: {word} is a number from 0 on, not {number!r}")
        low = number if word in ("exactly", "at_least") else low
        high = number if word in ("exactly", "at_most") else high
    if high is not None and low > high:
        raise UsageError(f"count: at least {low} and at most {high} can't both be")
    return Count(low, high)


def since_of(spec: Mapping[str, object]) -> int:
    """The number after which entries count. Raises UsageError."""
    value = spec.get("since", 0)
    if type(value) is not int or value < 0:
        raise UsageError(f"since is the number of an exchange, not {value!r}")
    return value


def verify(
    spec: Mapping[str, object], window: Window, sink: Sink, search: Search | None = None
) -> VerifyResult:
    """Whether the specification holds in the window. Raises UsageError if it is invalid or takes too long."""
    if search is None:
        search = Searches()
        _check_size(spec, window)
    if "all" in spec:
        return _verify_all(spec, window, sink, search)
    operations = OPERATIONS | {e.operation for e in window.entries}
    conditions = {word: value for word, value in spec.items() if word not in ("count", "order", "since")}
    common = compile_conditions(conditions, sink, operations, search)
    if "order" not in spec:
        return _verify_count(common, parse_count(spec.get("count", {"at_least": 1})), window, sink)
    if "count" in spec:
        raise UsageError("count and order are two assertions", hint="verify one after the other")
    steps = spec["order"]
    if not isinstance(steps, (list, tuple)) or not steps or not all(isinstance(s, Mapping) for s in steps):
        raise UsageError("order is a list of maps, each a condition on one exchange")
    for step in steps:
        if unfit := {"count", "order", "since"} & set(step):
            raise UsageError(f"a step of order has no {min(unfit)!r}", hint="put it beside order")
    return _verify_order(
        [common + compile_conditions(step, sink, operations, search) for step in steps], window, sink
    )


MOST_COMPARISONS: Final = 1_000_000
"""Values that are expected times exchanges that are looked at: an assertion that takes more is refused."""


def _check_size(spec: Mapping[str, object], window: Window) -> None:
    """Raises UsageError for an assertion that would take very long."""
    values, entries = _size(spec), len(window.entries)
    if values * entries > MOST_COMPARISONS:
        raise UsageError(
            f"the assertion names {values:,} values, too many to look for in {entries:,} {_exchanges(entries)}",
            hint="verify less at a time, or give 'since'",
        )


def _size(expected: object) -> int:
    """How many values are named in what is expected."""
    waiting, count = [expected], 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)
        else:
            count += 1
    return count


def _verify_all(spec: Mapping[str, object], window: Window, sink: Sink, search: Search) -> VerifyResult:
    """Several specifications at once; the report is about those that do not hold."""
    parts = spec["all"]
    common = {word: value for word, value in spec.items() if word not in ("all", "since")}
    if not isinstance(parts, (list, tuple)) or not parts or not all(isinstance(p, Mapping) for p in parts):
        raise UsageError("all is a list of maps, each an assertion")
    if unfit := {"count", "order"} & set(common):
        raise UsageError(f"{min(unfit)!r} cannot be beside all", hint="put it into its parts")
    for part in parts:
        if "since" in part:
            raise UsageError("a part of all has no 'since'", hint="put it beside all")
        if twice := set(common) & set(part):
            raise UsageError(f"{min(twice)!r} is both beside all and in a part of it", hint="keep one")
    results = [verify({**common, **part}, window, sink, search) for part in parts]
    matched = sorted({number for result in results for number in result.matched})
    failed = [result for result in results if not result.ok]
    text = "\n\n".join(result.text for result in failed or results)
    return VerifyResult(not failed, text, tuple(matched))


def _matches(conditions: Sequence[Expectation], exchange: Exchange) -> bool:
    return all(condition.holds(exchange) for condition in conditions)


def select(conditions: Sequence[Expectation], entries: Sequence[Exchange]) -> list[Exchange]:
    """The entries for which every condition holds."""
    return [entry for entry in entries if _matches(conditions, entry)]


def _verify_count(
    conditions: Sequence[Expectation], count: Count, window: Window, sink: Sink
) -> VerifyResult:
    matched = select(conditions, window.entries)
    numbers = tuple(each.number for each in matched)
    found = len(matched)
    wanted = f"expected {count} {_exchanges(count.high or count.low)}{_described(conditions, sink)}"
    too_many = count.high is not None and found > count.high
    holds = found >= count.low and not too_many
    # What is lost can only have added to the count.
    unsure = bool(window.lost) and not too_many and (count.high is not None or found < count.low)
    if holds and not unsure:
        return VerifyResult(True, f"{_found(found)}{_described(conditions, sink)}", numbers)
    head = f"{wanted}; {_found(found)}{_listed(numbers)} among {len(window.entries)}"
    nearest = [] if found else _nearest(conditions, window.entries, sink)
    return VerifyResult(False, _report(head, nearest, window, unsure, numbers), numbers)


def _verify_order(steps: Sequence[Sequence[Expectation]], window: Window, sink: Sink) -> VerifyResult:
    matched: list[Exchange] = []
    rest = list(window.entries)
    for conditions in steps:
        at = next((i for i, entry in enumerate(rest) if _matches(conditions, entry)), None)
        if at is None:
            break
        matched.append(rest[at])
        rest = rest[at + 1 :]
    else:
        numbers = tuple(each.number for each in matched)
        return VerifyResult(True, f"found in this order: {_hashes(numbers)}", numbers)
    numbers = tuple(each.number for each in matched)
    missing = f"step {len(matched) + 1}, an exchange{_described(conditions, sink)}, has none"
    head = f"expected {len(steps)} exchanges in order; {missing}"
    if matched:
        head += f" after #{matched[-1].number} (found so far: {_hashes(numbers)})"
    early = [each.number for each in select(conditions, window.entries) if each not in rest]
    if early:
        head += f"; before it there is {_hashes(early)}"
    return VerifyResult(
        False, _report(head, _nearest(conditions, rest, sink), window, bool(window.lost), numbers), numbers
    )


# ---- the report ----


class Near(NamedTuple):
    """An exchange that nearly matched, and every condition that did not hold."""

    exchange: Exchange
    differences: tuple[str, ...]


def _nearest(conditions: Sequence[Expectation], entries: Sequence[Exchange], sink: Sink) -> list[Near]:
    """The few entries with the fewest differences, the latest first among equals; none that shares nothing."""
    failing = [(entry, [each for each in conditions if not each.holds(entry)]) for entry in entries]
    shared = [each for each in failing if len(each[1]) < len(conditions) or len(conditions) == 1]
    nearest = sorted(shared, key=lambda each: (len(each[1]), -each[0].number))[:_NEAREST]
    return [Near(entry, tuple(each.report(entry, sink) for each in failed)) for entry, failed in nearest]


def _report(head: str, nearest: Sequence[Near], window: Window, unsure: bool, numbers: Sequence[int]) -> str:
    parts = [head]
    if unsure:
        lost = "1 older entry" if window.lost == 1 else f"{window.lost} older entries"
        parts.append(
            f"the journal is bounded and {lost} of this window {'is' if window.lost == 1 else 'are'} gone, "
            "so this can't be verified; verify sooner, give 'since', or raise the journal's limit"
        )
    for each in nearest:
        more = len(each.differences) - 1
        also = f" (and {more} more)" if more else ""
        parts.append(f"near: #{each.exchange.number}: {each.differences[0]}{also}")
    marked = frozenset([*numbers, *(each.exchange.number for each in nearest)])
    parts.append(_excerpt(window, marked))
    return "\n".join(parts)


def _excerpt(window: Window, marked: frozenset[int]) -> str:
    """The journal as a table: the last entries, and the marked ones wherever they are."""
    recent = {entry.number for entry in window.entries[-_SHOWN:]}
    chosen = [entry for entry in window.entries if entry.number in recent or entry.number in marked]
    # Many matches are as good as the last of them.
    chosen = chosen[-2 * _SHOWN :]
    hidden = len(window.entries) - len(chosen)
    note = f"\n({hidden} more not shown)" if hidden else ""
    return "\n" + table(chosen, marked=marked) + note


def _exchanges(count: int) -> str:
    return "exchange" if count == 1 else "exchanges"


def _found(count: int) -> str:
    return f"found {count or 'none'}" if count != 1 else "found 1"


def _hashes(numbers: Sequence[int]) -> str:
    shown = ", ".join(f"#{number}" for number in numbers[:10])
    return f"{shown} and {len(numbers) - 10} more" if len(numbers) > 10 else shown


def _listed(numbers: Sequence[int]) -> str:
    return f" ({_hashes(numbers)})" if numbers else ""


def _described(conditions: Sequence[Expectation], sink: Sink) -> str:
    if not conditions:
        return ""
    return " with " + ", ".join(sink.text(f"{each.label} {written(each.shown)}") for each in conditions)
