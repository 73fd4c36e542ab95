"""Crowds: any number of made-up people, none of whom is stored.

Person `n` (from 0) of a seed is always the same person, in whatever order they are asked for: a column is a function of
the seed and `n`. What `set` describes are patterns such as `user{n:07d}` or `{FirstName}.{LastName}@contoso.example`;
what `fill` names are providers of faker, each of which is asked once for a pool of values from which people pick.
The values of a pool depend on the seed, the provider and the version of faker, and on nothing else.
faker is not installed with the plain package: only what `fill` asks for needs it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
import string
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, overload

from mockhost.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from faker import Faker

Cell: TypeAlias = "str | bool | int | bytes | None"
Person: TypeAlias = "tuple[Cell, ...]"
"""One person's values, in the order of the crowd's columns."""

INSTALL: Final = "pip install 'mockhost[people]'"
"""The line that installs what `fill` needs."""
POOL: Final = 512
"""How many values a provider is asked for."""

_BITS: Final = 64
_MASK: Final = (1 << _BITS) - 1
_STEP: Final = 0x9E3779B97F4A7C15
_MIX: Final = 0xD6E8FEB86659FD93
_TOP: Final = _BITS - (POOL - 1).bit_length()


class PeopleConfig(NamedTuple):
    """A crowd: people made on demand from the seed."""

    size: int
    """how many; `count` in a scenario"""
    set: Mapping[str, str] = {}
    fill: Mapping[str, str] = {}


class Crowd(Sequence[Person]):
    """`count` people with values in `columns`; a column that neither `set_` nor `fill` names is None throughout.

    `set_` maps columns to patterns: `{n}` is the person's number, `{n:07d}` the same with zeros, `{FirstName}` the
    value of another column; `{{` and `}}` are braces. A value that is no text (True, 5, None) is a constant.
    `fill` maps columns to faker's providers.

    Raises UsageError for a pattern or column that cannot be, and for `fill` where faker is not installed; for a
    provider that does not exist, when a value of its column is first asked for, or earlier by `prepare`. Safe for use
    by several threads.
    """

    __slots__ = ("_columns", "_count", "_makers", "_order", "_seed", "_values")

    def __init__(
        self,
        seed: int,
        count: int,
        columns: Sequence[str],
        set_: Mapping[str, object] | None = None,
        fill: Mapping[str, str] | None = None,
    ) -> None:
        set_, fill = set_ or {}, fill or {}
        if fill and count:
            _check_installed(fill)
        self._seed = seed
        self._count = count
        self._columns = tuple(columns)
        self._check(set_, fill)
        given = [name for name in columns if set_.get(name) is not None or name in fill]
        patterns = {
            name: _Pattern(name, value, given) for name, value in set_.items() if isinstance(value, str)
        }
        _check_for_circles(patterns)
        self._values: dict[str, _Column] = {}
        for name in columns:
            if name in fill:
                self._values[name] = _Filled(seed, name, fill[name])
            elif name not in patterns:
                value = set_.get(name)
                self._values[name] = _Constant(value if isinstance(value, (bool, int, bytes)) else None)
        for name, pattern in patterns.items():
            self._values[name] = _Patterned(pattern, self._values)
        self._order = tuple(self._values[name] for name in self._columns)
        self._makers: tuple[Callable[[int], Cell], ...] | None = None

    def _check(self, set_: Mapping[str, object], fill: Mapping[str, str]) -> None:
        if self._count < 0:
            raise UsageError(f"a crowd has no {self._count} people")
        for name in (*set_, *fill):
            if name not in self._columns:
                raise UsageError(
                    f"people: there is no column {name!r} to fill", hint=did_you_mean(name, self._columns)
                )
        for name in set_:
            if name in fill:
                raise UsageError(
                    f"people: the column {name!r} is both in 'set' and in 'fill'", hint="keep one"
                )

    def prepare(self) -> None:
        """Fill all pools now. Raises UsageError for a provider that does not exist or does not fit."""
        for column in self._order:
            column.maker()

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, n: int) -> Person: ...

    @overload
    def __getitem__(self, n: slice) -> list[Person]: ...

    def __getitem__(self, n: int | slice) -> Person | list[Person]:
        if isinstance(n, slice):
            return [self[i] for i in range(*n.indices(self._count))]
        if n < 0:
            n += self._count
        if not 0 <= n < self._count:
            raise IndexError("there is no such person in the crowd")
        makers = self._makers
        if makers is None:
            makers = self._makers = tuple(column.maker() for column in self._order)
        return tuple([make(n) for make in makers])

    def __iter__(self) -> Iterator[Person]:
        if not self._order:
            return iter([()] * self._count)
        return zip(*(self.column(i) for i in range(len(self._order))), strict=True)

    def column(self, position: int) -> Iterator[Cell]:
        """All values of one column, in order; much faster than picking them from the rows."""
        return self._order[position].values(self._count)

    def __repr__(self) -> str:
        return f"Crowd(seed={self._seed}, count={self._count}, columns={self._columns})"


# -- columns -----------------------------------------------------------------------------------------------------


class _Column:
    """One column: how to make the value of one person, and those of all."""

    def maker(self) -> Callable[[int], Cell]:
        raise NotImplementedError

    def values(self, count: int) -> Iterator[Cell]:
        return map(self.maker(), range(count))


class _Constant(_Column):
    def __init__(self, value: Cell) -> None:
        self._value = value

    def maker(self) -> Callable[[int], Cell]:
        value = self._value
        return lambda n: value


class _Filled(_Column):
    """Picks from a provider's pool by a hash of the person's number under a key of seed and column."""

    def __init__(self, seed: int, column: str, provider: str) -> None:
        self._seed = seed
        self._provider = provider
        self._key = _number(f"{seed}\0{column}")

    def maker(self) -> Callable[[int], Cell]:
        pool, key = _pool(self._seed, self._provider), self._key

        def pick(n: int) -> Cell:
            x = (n * _STEP + key) & _MASK
            x = ((x ^ x >> 32) * _MIX) & _MASK
            x = ((x ^ x >> 32) * _MIX) & _MASK
            return pool[x >> _TOP]

        return pick

    def values(self, count: int) -> Iterator[Cell]:
        """The same, without a call for each person."""
        pool, key = _pool(self._seed, self._provider), self._key
        mask, mix, top = _MASK, _MIX, _TOP
        for x in range(key, key + count * _STEP, _STEP):
            x &= mask
            x = ((x ^ x >> 32) * mix) & mask
            x = ((x ^ x >> 32) * mix) & mask
            yield pool[x >> top]


class _Patterned(_Column):
    def __init__(self, pattern: _Pattern, columns: Mapping[str, _Column]) -> None:
        self._pattern = pattern
        self._columns = columns

    def maker(self) -> Callable[[int], Cell]:
        form = self._pattern.form
        others = [self._columns[name].maker() for name in self._pattern.names]
        if not others:
            return form
        if len(others) == 1:
            (other,) = others
            return lambda n: form(n, other(n))
        return lambda n: form(n, *[other(n) for other in others])

    def values(self, count: int) -> Iterator[Cell]:
        """The same, column by column."""
        others = (self._columns[name].values(count) for name in self._pattern.names)
        return map(self._pattern.form, range(count), *others)


# -- patterns ----------------------------------------------------------------------------------------------------

_SPEC: Final = re.compile(r"(?:[^{}]?[<>=^])?0?[0-9]{0,3}(?:\.[0-9]{1,3})?[sdxXo]?")
"""What may follow the colon. Widths have three digits at most: a crowd is no way to ask for gigabytes."""


class _Pattern:
    """A pattern, checked: a function of `n` and of those among `columns` that it names."""

    __slots__ = ("form", "name", "names")

    def __init__(self, name: str, text: str, columns: Sequence[str]) -> None:
        self.name = name
        self.names: tuple[str, ...] = ()
        parts: list[str] = []
        try:
            pieces = list(string.Formatter().parse(text))
        except ValueError as error:
            raise self._wrong(text, str(error), "write {{ and }} for braces") from None
        for literal, field, spec, conversion in pieces:
            parts.append(literal.replace("{", "{{").replace("}", "}}"))
            if field is not None:
                parts.append(self._field(text, field, spec or "", conversion, columns))
        self.form: Callable[..., str] = "".join(parts).format
        try:
            self.form(0, *["" for _ in self.names])
        except (ValueError, TypeError) as error:
            raise self._wrong(text, str(error), "numbers: {n:07d}; texts: {FirstName:.1}") from None

    def _field(self, text: str, field: str, spec: str, conversion: str | None, columns: Sequence[str]) -> str:
        if field != "n" and field not in columns:
            known = ["n", *(column for column in columns if column != self.name)]
            raise self._wrong(text, f"{{{field}}} is not a column with values", did_you_mean(field, known))
        if conversion or not _SPEC.fullmatch(spec):
            raise self._wrong(
                text, f"the form of {{{field}}} is not understood", "such as {n:07d} or {FirstName:.1}"
            )
        if field == "n":
            return f"{{0:{spec}}}"
        if field not in self.names:
            self.names = (*self.names, field)
        return f"{{{self.names.index(field) + 1}!s:{spec}}}"

    def _wrong(self, text: str, what: str, hint: str) -> UsageError:
        return UsageError(f"people: the pattern {text!r} of the column {self.name!r}: {what}", hint=hint)


def _check_for_circles(patterns: Mapping[str, _Pattern]) -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            raise UsageError(
                f"people: the patterns go round in a circle: {circle}", hint="let one of them use {n}"
            )
        if name in patterns and name not in done:
            for other in patterns[name].names:
                visit(other, (*path, name))
            done.add(name)

    for name in patterns:
        visit(name, ())


# -- pools -------------------------------------------------------------------------------------------------------

_LOCK: Final = threading.Lock()
_BY_THE_CLOCK: Final = frozenset(
    {
        "credit_card_expire",
        "credit_card_full",
        "dga",
        "passport_dates",
        "passport_dob",
        "passport_full",
        "uuid1",
        "uuid7",
    }
)
"""Providers outside of faker's date_time whose values depend on the day or on the machine."""
_BY_NO_CLOCK: Final = frozenset({"century", "timezone"})
"""The exceptions within date_time."""


def missing_faker(columns: Iterable[str]) -> UsageError | None:
    """The error for columns that are to be filled where faker is not installed, with the line to type; or None."""
    if importlib.util.find_spec("faker") is not None:
        return None
    return UsageError(
        f"people: made-up values for {', '.join(columns)} need the package faker, which is not installed",
        hint=f"run: {INSTALL}",
    )


def provider_problem(provider: str) -> str | None:
    """None if `fill` may name this provider of faker, else what is wrong and what to try. Imports faker."""
    with _LOCK:
        try:
            _provider(provider)
        except UsageError as error:
            return str(error)
    return None


def sample(seed: int, provider: str, chance: float) -> Cell:
    """One of a provider's values under a seed, by a number in [0, 1). Raises UsageError for one that there is not."""
    pool = _pool(seed, provider)
    return pool[int(chance * len(pool))]


@functools.lru_cache(maxsize=256)
def _pool(seed: int, provider: str) -> tuple[Cell, ...]:
    """The values of a provider under a seed: POOL of them, of which some may be equal."""
    with _LOCK:
        make = _provider(provider)
        _faker().seed_instance(_number(f"{seed}\0{provider}\0pool"))
        return tuple([_cell(make(), provider) for _ in range(POOL)])


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


@functools.cache
def _faker() -> Faker:
    from faker import Faker  # 100 ms: only for those who fill columns

    return Faker("en_US", use_weighting=False)


def _check_installed(columns: Iterable[str]) -> None:
    problem = missing_faker(columns)
    if problem is not None:
        raise problem


def _provider(name: str) -> Callable[[], object]:
    """The provider's function, after one trial call. Raises UsageError."""
    _check_installed([f"{{{{faker.{name}}}}}"])
    from faker.providers import BaseProvider

    generator = _faker().factories[0]
    found = None if name.startswith("_") else getattr(generator, name, None)
    if not isinstance(getattr(found, "__self__", None), BaseProvider) or not callable(found):
        known = [other for other in dir(generator) if not other.startswith("_")]
        hint = did_you_mean(name, known) or "faker's documentation lists its standard providers"
        raise UsageError(f"people: faker has no provider {name!r}", hint=hint)
    home = type(found.__self__).__module__
    if name in _BY_THE_CLOCK or (".date_time" in home and name not in _BY_NO_CLOCK):
        raise UsageError(
            f"people: the values of {name!r} depend on the day on which they are made",
            hint="a scenario gives the same bytes every day; write a pattern in 'set'",
        )
    try:
        _cell(found(), name)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(
            f"people: faker's provider {name!r} gives nothing by itself ({error})",
            hint="take one without arguments",
        ) from None
    make: Callable[[], object] = found
    return make


def _cell(value: object, provider: str) -> Cell:
    """A provider's value as a column holds it: numbers with a fraction become text."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float) or type(value).__name__ == "Decimal":
        return str(value)
    raise UsageError(
        f"people: faker's provider {provider!r} gives no text or number but a {type(value).__name__}",
        hint="take one that gives a single value, such as first_name or city",
    )
