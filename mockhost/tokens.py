"""Tokens of the control plane: what one can be made of."""

from __future__ import annotations

import re

_VISIBLE = re.compile("[!-~]+")
"""What every client can send in a header: a stricter one is RFC 6750 2.1."""


def problem(token: str) -> str | None:
    """Why no client could send this token in a header, in words; None: each can."""
    if _VISIBLE.fullmatch(token):
        return None
    return "has a character in it that is not visible ASCII" if token.strip() else "is empty"
