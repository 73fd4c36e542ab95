"""Declare a fault: one function, one decorator. Its name is the fault's, its docstring's first paragraph the title.

    @on_answer(main="pause")
    def dribble(
        draft: Draft,
        context: Context,
        size: Annotated[int, at_least(1)] = 16,
        pause: Duration = 0.05,
    ) -> Draft:

The decorator is the contract: what the function gets before its parameters, what it returns and when it is called.

- `on_answer(draft, context)` returns another draft: what is wrong with an answer, or with its way to the client.
- `instead(context)` returns a draft without asking the host, or None to let the request through.
- `on_connection()` returns what a connection is met with, before a byte of it is read.
- `on_upload()` returns how the body of a request is read, decided when its head was read.
- `on_host(context)` returns nothing: it puts the host into a state, and the host then answers.

A parameter is an annotated argument with its default; without a default it is required. A trailing underscore is not
part of its name (`for_`). Its description is under `parameters` in the TOML file beside the module, or a text in the
annotation. Types: int, float, Fraction, Duration (seconds), str, bool, bytes (written as hex digits), Literal,
tuple[str, ...], Mapping, object (any JSON value).
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Concatenate,
    Final,
    Literal,
    NamedTuple,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from mockhost import facts
from mockhost.durations import text_of
from mockhost.faults.contract import Context, Draft
from mockhost.plans import ConnectionPlan, UploadPlan

Parameters = Mapping[str, object]
"""A fault's parameters: every one that it has, durations in seconds."""
Check = Callable[..., str | None]
"""Gets the parameters by name; what is wrong with values that are each right, in words, or None."""
Write = Literal["applied", "not_applied"]
"""Whether a write that the fault meets happened."""
ROOM: Final = "mockhost.faults"
ELSEWHERE: Final = "installed"
"""The group of faults that other packages bring."""


REQUIRED: Final = object()
"""In the place of a default: there is none, and a scenario has to give the parameter."""


class Kind(str):
    """In an annotation: which kind of parameter, where the type alone does not say."""


class Limits(NamedTuple):
    """In an annotation: the least and the most."""

    minimum: float | None = None
    maximum: float | None = None


class OneOf(tuple[str, ...]):
    """In an annotation of a text: what an editor offers. The fault checks the value itself."""


def at_least(minimum: float) -> Limits:
    return Limits(minimum)


def between(minimum: float, maximum: float) -> Limits:
    return Limits(minimum, maximum)


Duration = Annotated[float, Kind("duration")]
"""A length of time; the function gets seconds."""
Fraction = Annotated[float, Kind("fraction")]
"""From 0 to 1."""

How = Annotated[
    Literal["fin", "rst", "close_notify"],
    "fin: over TLS without the closing alert close_notify; close_notify: after it; rst: a reset",
]
"""How the connection ends."""

_KINDS: Final[Mapping[object, str]] = {
    int: "integer",
    float: "number",
    str: "text",
    bool: "boolean",
    bytes: "octets",
    object: "value",
    Any: "value",
    tuple: "texts",
    Mapping: "map",
}


class Parameter(NamedTuple):
    """One parameter of a fault, as a scenario may write it."""

    kind: str
    """integer | number | fraction | duration | text | choice | boolean | texts | map | octets | value"""
    description: str
    """as its annotation has it; `Fault.descriptions` has the one that counts"""
    default: object = None
    """as a scenario would write it; None: there is none, and the fault sees None"""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    required: bool = False


class Seen(NamedTuple):
    """What clients make of a fault: what the documentation's table says and the tests hold true.

    It is data, under the fault's name in the TOML file beside its module; what stands above the first heading there
    holds for every fault of the file. `requests` begins with the name of the exception that Python's `requests`
    raises, or with the status that it sees; `curl` with curl's exit code in parentheses. Several possible ones are
    separated by " or ".
    """

    wire: str = ""
    """what is on the wire, in a sentence"""
    requests: str = ""
    curl: str = ""
    dotnet: str = ""
    """what .NET's HttpClient reports, which is what the agent logs and the portal shows; with its source, or "Assumed"
    """
    gets: str = ""
    """how a step asserts it: the content of `gets`, in YAML's flow style"""


class Fault:
    """A fault by name, with everything there is to say about it; made by one of the decorators below."""

    def __init__(
        self,
        function: Any,
        given: int,
        *,
        main: str | None = None,
        closes: bool = False,
        write: Write | Callable[..., Write] = "applied",
        check: Check | None = None,
        unavailable: Callable[[], str | None] | None = None,
    ) -> None:
        self.function = function
        self.name = function.__name__
        self.main = main
        """the parameter that a bare value sets: `{http_error: 503}`"""
        self.closes = closes
        """whether the connection ends with it: a fault that breaks framing can't keep it"""
        self.unavailable = unavailable
        """why this platform can't perform it, in words, or None"""
        self.answer: Callable[[Draft, Parameters, Context], Draft] | None = None
        self.instead: Callable[[Parameters, Context], Draft | None] | None = None
        self.connection: Callable[[Parameters], ConnectionPlan] | None = None
        self.upload: Callable[[Parameters], UploadPlan] | None = None
        self.host: Callable[[Parameters, Context], None] | None = None
        self._given = given
        self._write = write
        self._check = check

    @cached_property
    def group(self) -> str:
        """transport | tls | http | body | host: the module that it is in; installed: of another package."""
        room, _, name = self.function.__module__.rpartition(".")
        return name if room == ROOM else ELSEWHERE

    @cached_property
    def title(self) -> str:
        """What goes wrong, in a phrase without a full stop."""
        text = (self.function.__doc__ or self.name.replace("_", " ").capitalize()).strip()
        return " ".join(text.partition("\n\n")[0].split()).removesuffix(".")

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """By the name that a scenario writes."""
        hints = get_type_hints(self.function, include_extras=True)
        defaults = self._defaults
        return {_written(name): _parameter(hints[name], defaults.get(name, REQUIRED)) for name in self._names}

    @cached_property
    def descriptions(self) -> Mapping[str, str]:
        """What each parameter is about, by its name."""
        texts = self._texts.get("parameters", {})
        return {name: str(texts.get(name, each.description)) for name, each in self.parameters.items()}

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """The arguments that are parameters."""
        code = self.function.__code__
        names: tuple[str, ...] = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        return names[self._given :]

    @cached_property
    def _defaults(self) -> Mapping[str, object]:
        code, defaults = self.function.__code__, self.function.__defaults__ or ()
        positional = code.co_varnames[: code.co_argcount]
        last = positional[len(positional) - len(defaults) :]
        return {**dict(zip(last, defaults, strict=True)), **(self.function.__kwdefaults__ or {})}

    def keywords(self, parameters: Parameters) -> dict[str, Any]:
        """The parameters as the arguments that the function has for them."""
        return {name: parameters[_written(name)] for name in self._names}

    def problem(self, parameters: Parameters) -> str | None:
        """What is wrong with parameters that are each right, in words, or None."""
        return None if self._check is None else self._check(**self.keywords(parameters))

    @property
    def write(self) -> Write | None:
        """Whether a write that it meets happened, unless the rule says; None: its parameters decide."""
        return None if callable(self._write) else self._write

    def write_under(self, parameters: Parameters) -> Write:
        """The same, with these parameters."""
        return self._write(**self.keywords(parameters)) if callable(self._write) else self._write

    @cached_property
    def _texts(self) -> Mapping[str, Any]:
        module = Path(str(sys.modules[self.function.__module__].__file__))
        file = module.with_suffix(".toml")
        texts = facts.beside(str(module), file.name) if file.is_file() else {}
        shared = {name: text for name, text in texts.items() if not isinstance(text, Mapping)}
        return {**shared, **texts.get(self.name, {})}

    @property
    def seen(self) -> Seen:
        """What is on the wire, and what clients report."""
        return Seen(**{name: self._texts.get(name, "") for name in Seen._fields})

    @property
    def example(self) -> object:
        """Parameters for the documentation, as a scenario would write them; None: a bare name will do."""
        return self._texts.get("example")


def _written(argument: str) -> str:
    return argument.removesuffix("_")


def _parameter(hint: Any, default: object) -> Parameter:
    """The parameter that an argument declares. Raises TypeError for one that is declared otherwise."""
    base, notes = _unwrapped(hint)
    description = next((note for note in reversed(notes) if type(note) is str), "")
    limits = next((note for note in reversed(notes) if isinstance(note, Limits)), Limits())
    choices = next((tuple(note) for note in reversed(notes) if isinstance(note, OneOf)), ())
    kind = next((str(note) for note in reversed(notes) if isinstance(note, Kind)), None)
    if get_origin(base) is Literal:
        kind, choices = "choice", get_args(base)
    kind = kind or _KINDS.get(get_origin(base) or base)
    if kind is None:
        raise TypeError(f"the type {base!r} is not one that a parameter of a fault can have")
    required = default is REQUIRED
    shown = None if required else _spelled(kind, default)
    return Parameter(kind, description, shown, limits.minimum, limits.maximum, choices, required)


def _unwrapped(hint: Any) -> tuple[Any, tuple[object, ...]]:
    """The type without Annotated and None, and the notes on it, the outermost last."""
    if get_origin(hint) is Annotated:
        base, notes = _unwrapped(hint.__origin__)
        return base, (*notes, *hint.__metadata__)
    if get_origin(hint) in (Union, types.UnionType):
        rest = [each for each in get_args(hint) if each is not type(None)]
        if len(rest) == 1:
            return _unwrapped(rest[0])
    return hint, ()


def _spelled(kind: str, default: Any) -> object:
    """A default as a scenario would write it."""
    if kind == "duration" and default is not None:
        return text_of(default)
    return list(default) if isinstance(default, tuple) else default


def on_answer(
    *,
    main: str | None = None,
    closes: bool = False,
    write: Write | Callable[..., Write] = "applied",
    check: Check | None = None,
) -> Callable[[Callable[Concatenate[Draft, Context, ...], Draft]], Fault]:
    """A fault that turns the host's answer into another. See the head of this module for what is common to all."""

    def declared(function: Callable[Concatenate[Draft, Context, ...], Draft]) -> Fault:
        fault = Fault(function, 2, main=main, closes=closes, write=write, check=check)
        fault.answer = lambda draft, parameters, context: function(
            draft, context, **fault.keywords(parameters)
        )
        return fault

    return declared


def instead(
    *,
    main: str | None = None,
    closes: bool = False,
    check: Check | None = None,
    upload: Callable[..., UploadPlan] | None = None,
) -> Callable[[Callable[Concatenate[Context, ...], Draft | None]], Fault]:
    """A fault that refuses before the host is asked; a write that it refuses does not happen.

    `upload`: gets the parameters, too, and says how much of the request's body is read before.
    """

    def declared(function: Callable[Concatenate[Context, ...], Draft | None]) -> Fault:
        fault = Fault(function, 1, main=main, closes=closes, write="not_applied", check=check)
        fault.instead = lambda parameters, context: function(context, **fault.keywords(parameters))
        if upload is not None:
            fault.upload = lambda parameters: upload(**fault.keywords(parameters))
        return fault

    return declared


def on_connection(
    *,
    main: str | None = None,
    closes: bool = True,
    check: Check | None = None,
    unavailable: Callable[[], str | None] | None = None,
) -> Callable[[Callable[..., ConnectionPlan]], Fault]:
    """A fault that decides what a connection is met with, before there is a request."""

    def declared(function: Callable[..., ConnectionPlan]) -> Fault:
        fault = Fault(function, 0, main=main, closes=closes, check=check, unavailable=unavailable)
        fault.connection = lambda parameters: function(**fault.keywords(parameters))
        return fault

    return declared


def on_upload(
    *, main: str | None = None, closes: bool = False, check: Check | None = None
) -> Callable[[Callable[..., UploadPlan]], Fault]:
    """A fault of the request's direction, decided when the head was read; a request without a body never meets it."""

    def declared(function: Callable[..., UploadPlan]) -> Fault:
        fault = Fault(function, 0, main=main, closes=closes, check=check)
        fault.upload = lambda parameters: function(**fault.keywords(parameters))
        return fault

    return declared


def on_host(
    *,
    main: str | None = None,
    closes: bool = False,
    check: Check | None = None,
    connection: ConnectionPlan | None = None,
) -> Callable[[Callable[Concatenate[Context, ...], None]], Fault]:
    """A fault that changes the host. `connection`: what it is to a connection, in a rule for connections."""

    def declared(function: Callable[Concatenate[Context, ...], None]) -> Fault:
        fault = Fault(function, 1, main=main, closes=closes, check=check)
        fault.host = lambda parameters, context: function(context, **fault.keywords(parameters))
        if connection is not None:
            fault.connection = lambda _: connection
        return fault

    return declared
