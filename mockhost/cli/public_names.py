"""By which names clients reach a host: what `--public-name` says, with this machine's name where it is asked for."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence

MACHINE = "{hostname}"
"""Replaced by this machine's name, which in a container is the container's."""

_MADE_UP = re.compile(r"[0-9a-f]{12}")
"""What Docker calls a container without a host name of its own: the beginning of its ID (Docker's reference of
`docker run`, `--hostname`)."""


def public_names(said: Sequence[str], machine: str | None = None) -> tuple[str, ...]:
    """The names in order, each once; the first is the one for URLs.

    A name that Docker made up is not known outside, so it comes last: it is in the certificate, not in the URLs.
    """
    name = socket.gethostname() if machine is None else machine
    names = dict.fromkeys(each.replace(MACHINE, name) for each in said)
    return tuple(sorted(names, key=is_made_up))


def is_made_up(name: str) -> bool:
    """Whether it looks like a container's ID."""
    return _MADE_UP.fullmatch(name) is not None
