"""What an error of the operating system becomes before somebody reads it."""

from __future__ import annotations

import ast
import errno
from pathlib import Path

import pytest

from mockhost.errors import reason_of

ROOT = Path(__file__).parent.parent
OF_THE_SYSTEM = {"OSError", "FileNotFoundError", "PermissionError"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOENT, "No such file or directory", "x.yaml"), "No such file or directory"),
        (OSError("it went away"), "it went away"),
        (OSError(), "OSError"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "it is not UTF-8"),
    ],
)
def test_a_reason_has_neither_a_number_nor_a_name_of_python(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason


def test_no_message_has_an_error_of_the_system_as_python_writes_it() -> None:
    """It would say `[Errno 2] No such file or directory: 'x'` in the middle of a sentence that names x."""
    files = sorted((ROOT / "mockhost").rglob("*.py"))
    handlers = [
        (file, node)
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler) and node.name and _types(node) & OF_THE_SYSTEM
    ]
    assert len(handlers) > 30
    raw = [f"{file.relative_to(ROOT)}:{line}" for file, node in handlers for line in _formatted(node)]
    assert raw == []


def _types(handler: ast.ExceptHandler) -> set[str]:
    return {node.id for node in ast.walk(handler.type or ast.Constant(0)) if isinstance(node, ast.Name)}


def _formatted(handler: ast.ExceptHandler) -> list[int]:
    """The lines that format the handler's error itself, or its `strerror`."""
    return [
        node.lineno
        for node in ast.walk(handler)
        if isinstance(node, ast.FormattedValue)
        for value in (node.value.values if isinstance(node.value, ast.BoolOp) else [node.value])
        if (isinstance(value, ast.Name) and value.id == handler.name)
        or (isinstance(value, ast.Attribute) and value.attr == "strerror")
    ]
