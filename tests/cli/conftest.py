"""The command line as its users meet it: run in this process, or as a program of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from mockhost.cli.verbs import mockhost
from tests.cli.programs import Program

Invoke = Callable[..., Result]


@pytest.fixture
def invoke() -> Invoke:
    """Runs a command line in this process; `result.output` has both streams, `exit_code` the code."""

    def run(*words: str, **rest: object) -> Result:
        return CliRunner().invoke(mockhost, list(words), **rest)  # type: ignore[arg-type]  # as invoke takes them

    return run


@pytest.fixture
def start() -> Iterator[Callable[..., Program]]:
    """Starts `mockhost WORDS…` as a program; whatever still runs at the end is ended."""
    running: list[Program] = []

    def begin(*words: str, env: dict[str, str] | None = None) -> Program:
        program = Program(words, env)
        running.append(program)
        return program

    yield begin
    for program in running:
        program.kill()
