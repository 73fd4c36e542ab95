"""Secret tokens in rules, states and the timeline of a scenario or a call.

There are three places: what is `set` to be a connector's or client's secret token, the new token of the fault
`token_rotated`, and the credentials in the headers that a rule asks for or answers with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from mockhost.matching import is_matcher

_SECRET: Final = "secret_token"
_FAULT: Final = "token_rotated"


def tokens_in(document: object) -> list[str]:
    """The secret tokens in a rule, or in any document that has rules, states or happenings in it."""
    return [token for token in _found(document) if token]


def _found(value: object) -> Iterator[str]:
    if isinstance(value, (list, tuple)):
        for each in value:
            yield from _found(each)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            if name == "set":
                yield from _set(each)
            elif name == _FAULT:
                token = each.get("token") if isinstance(each, Mapping) else each
                yield from [token] if isinstance(token, str) else ()
            elif name in ("header", "headers") and isinstance(each, Mapping):
                for header, said in each.items():
                    if "authorization" in str(header).casefold():
                        yield from _credentials(said)
            else:
                yield from _found(each)


def _set(value: object) -> Iterator[str]:
    """The tokens in what is set: by a dotted path, or deep in a document."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if str(name).rpartition(".")[2] == _SECRET:
                yield from [each] if isinstance(each, str) else ()
            else:
                yield from _set(each)


def _credentials(said: object) -> Iterator[str]:
    """The tokens in an expectation of a credential, or in one: `Bearer TOKEN`, without the scheme."""
    if isinstance(said, str):
        yield said.strip().rpartition(" ")[2]
    elif isinstance(said, (list, tuple)):
        for each in said:
            yield from _credentials(each)
    elif isinstance(said, Mapping) and is_matcher(said):
        for word in ("equals", "any_of", "not"):
            yield from _credentials(said.get(word))
