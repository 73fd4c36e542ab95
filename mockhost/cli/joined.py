"""The class that this user has joined: where it is, and the student's code."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockhost.client.control import ControlPlane


def found() -> tuple[str, str] | None:
    """URL and code of the class, or None."""
    from mockhost.labs import progress

    file = progress.file_of(os.environ)
    said = progress.read(file).get("class") if file.exists() else None
    return (
        (str(said["url"]), str(said["code"]))
        if isinstance(said, dict) and {"url", "code"} <= set(said)
        else None
    )


def plane() -> ControlPlane | None:
    """The control plane of the class, or None."""
    from mockhost.client.control import ControlPlane

    which = found()
    return None if which is None else ControlPlane(*which)
