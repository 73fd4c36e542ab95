"""`mockhost import-config`: the Configuration.xml of a real host, as a scenario."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockhost.cli.saving import save, try_out
from mockhost.cli.terminal import Terminal, stderr, stdout
from mockhost.errors import CannotRun, Problem, ScenarioError, UsageError

if TYPE_CHECKING:
    from mockhost.windows.configuration import Imported


_LARGEST = 1 << 20


@click.command("import-config")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="The scenario to write, such as scenario.yaml. Default: print it.")  # fmt: skip
@click.option("--people", type=click.IntRange(0, 10_000_000), default=0, metavar="N",
              help="Fill each connected system with so many users, by the types of the attributes.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
def command(file: Path, out: Path | None, people: int, force: bool) -> None:
    """Turn the configuration of a real host into a scenario that serves its connectors.

    FILE is Configuration.xml from the folder Service\\Configuration of the host, or a file that the wizard exported.
    Secrets in it are encrypted for one machine: what is left to fill in is listed, and so is what has no effect here.

    \b
    mockhost import-config Configuration.xml --out scenario.yaml --people 200
    mockhost serve ./scenario.yaml
    """
    from mockhost.elements import XmlError
    from mockhost.scenario import loader
    from mockhost.windows import configuration

    if out and out.suffix not in (".yaml", ".yml"):
        raise UsageError(f"{out}: the scenario is written as YAML", hint=f"name it {out.name}.yaml")
    if out:
        try_out(out, overwrite=force)
    try:
        imported = configuration.read(_bytes(file), str(file), people)
    except XmlError as error:
        raise ScenarioError([error.problem], "the configuration") from None
    loader.load_document(imported.document)
    text = _text(imported, file, out)
    if len(text.encode()) > _LARGEST:
        raise UsageError(f"the scenario of {file} is larger than a scenario may be, which is 1 MiB")
    if out is None:
        stdout().line(text.rstrip("\n"))
        _report(imported, stderr())
        return
    save(out, text, overwrite=force)
    count = len(imported.document["connectors"])
    noun = "connector" if count == 1 else "connectors"
    stdout().line(f"{out} was written: {count} {noun}, {', '.join(imported.document['connectors'])}.")
    _report(imported, stdout())
    shown = str(out) if out.is_absolute() or out.parts[0] in (".", "..") else f"./{out.as_posix()}"
    stdout().lines([f"Next: mockhost check {shown}", f"      {_serve(imported, shown)}"])


def _bytes(file: Path) -> bytes:
    from mockhost.elements import LARGEST

    if file.is_dir():
        hint = r"name the file in it, such as Service\Configuration\Configuration.xml"
        raise UsageError(f"{file} is a folder", hint=hint)
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST + 1)
    except FileNotFoundError:
        raise UsageError(f"there is no file {file}", hint="name the Configuration.xml") from None
    except (OSError, ValueError) as error:
        raise CannotRun(f"{file} can't be read: {getattr(error, 'strerror', None) or error}") from None


def _serve(imported: Imported, scenario: str) -> str:
    from mockhost.windows.configuration import PORT

    port = "" if imported.port == PORT else f" --port {imported.port}"
    return f"mockhost serve {scenario}{port}"


def _text(imported: Imported, file: Path, out: Path | None) -> str:
    from mockhost.scenario import writing

    left = [f"  {problem.path}: {problem.message}; {problem.hint}" for problem in imported.left]
    comments = [
        f"Made by mockhost import-config from {file.name}.",
        f"Serve it: {_serve(imported, f'./{out.name}' if out else 'FILE')}",
        *(["Left to fill in:", *left] if left else []),
    ]
    return writing.text(imported.document, comments)


def _report(imported: Imported, terminal: Terminal) -> None:
    for title, problems, colour in (
        ("Left to fill in:", imported.left, "yellow"),
        ("Without effect here, or not understood:", imported.notes, ""),
    ):
        if problems:
            terminal.lines(
                [terminal.styled(title, "bold"), *(_line(each, terminal, colour) for each in problems)]
            )


def _line(problem: Problem, terminal: Terminal, colour: str) -> str:
    message = terminal.styled(problem.message, colour) if colour else problem.message
    hint = f"; {problem.hint}" if problem.hint else ""
    return f"  {problem.file}:{problem.line}:{problem.column}: {problem.path}: {message}{hint}"
