"""`mockhost init`, `import-config` and `export-config`: scenario files to start from, and the host's own file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mockhost.cli import shells
from mockhost.cli.options import FORCE, PATH, out, sets
from mockhost.cli.saving import save, try_out
from mockhost.cli.terminal import Terminal, count, stderr, stdout
from mockhost.errors import CannotRun, Problem, ScenarioError, UsageError, reason_of

if TYPE_CHECKING:
    from mockhost.windows.configuration import Imported

_LARGEST = 1 << 20


def _as_argument(file: Path) -> str:
    """A scenario file as a verb takes it: with a folder, or it would be a name on a shelf."""
    return str(file) if file.is_absolute() or file.parts[0] in (".", "..") else f"./{file.as_posix()}"


@click.command("init")
@click.argument("file", type=PATH)
@click.option("--extends", "parent", default="basics/healthy", metavar="SCENARIO",
              help="What it extends. [default: basics/healthy]")  # fmt: skip
@FORCE
def init(file: Path, parent: str, force: bool) -> None:
    """Write a scenario file to start from.

    It is valid, and `mockhost check` passes on it.

    \b
    mockhost init mine.yaml
    mockhost serve ./mine.yaml --reload
    """
    if file.suffix not in (".yaml", ".yml", ".json"):
        raise UsageError(
            f"{file}: a scenario file ends in .yaml, .yml or .json", hint=f"such as {file.name}.yaml"
        )
    try_out(file, overwrite=force)
    shown = _as_argument(file)
    save(file, _starter(file, parent, shown), overwrite=force)
    stdout().lines(
        [f"{file} was written.", f"Next: mockhost check {shown}", f"      mockhost serve {shown} --reload"]
    )


def _starter(file: Path, parent: str, shown: str) -> str:
    """The text of the new file. Raises UsageError if the parent does not exist, ScenarioError if it is not valid."""
    from mockhost.scenario import loader, writing
    from mockhost.scenario.schema import SCHEMA_FILE

    schema, connector = SCHEMA_FILE.as_posix(), next(iter(loader.load(parent).connectors), "SQL")
    if file.suffix == ".json":
        return writing.starter_json(schema, parent=parent, connector=connector)
    return writing.starter(schema, parent=parent, connector=connector, file=shown)


@click.command("import-config")
@click.argument("file", type=PATH)
@out("The scenario to write, such as scenario.yaml. Default: print it.")
@click.option("--people", type=click.IntRange(0, 10_000_000), default=0, metavar="N",
              help="Fill each connected system with so many users, by the types of the attributes.")  # fmt: skip
@FORCE
def import_config(file: Path, out: Path | None, people: int, force: bool) -> None:
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
    names = imported.document["connectors"]
    stdout().line(f"{out} was written: {count(len(names), 'connector')}, {', '.join(names)}.")
    _report(imported, stdout())
    shown = _as_argument(out)
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
        raise CannotRun(f"{file} can't be read: {reason_of(error)}") from None


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


@click.command("export-config")
@click.argument("scenario", shell_complete=shells.scenarios)
@out("The file to write, such as Configuration.xml. Default: print it.")
@click.option("--port", type=click.IntRange(1, 65_535), default=8585, help="The port in it. [default: 8585]")
@sets("Write it with this value set; repeatable.")
@FORCE
def export_config(scenario: str, out: Path | None, port: int, sets: tuple[str, ...], force: bool) -> None:
    """Write a scenario's connectors as the Configuration.xml that the wizard exports.

    Secrets and data are not in it, as in a real export; what else has no place in it is listed.

    \b
    mockhost export-config basics/healthy --out Configuration.xml
    mockhost import-config Configuration.xml --out again.yaml
    """
    from mockhost.clock import wall_now
    from mockhost.scenario import loader
    from mockhost.windows import configuration

    if out:
        try_out(out, overwrite=force)
    loaded = loader.load(scenario, sets=sets)
    connectors = [each for name, each in loaded.connectors.items() if name not in loaded.providers]
    if not connectors:
        raise UsageError(
            f"{scenario} has no connector of the ECMA host", hint="a connector of kind scim has no file"
        )
    text = configuration.write(connectors, wall_now(), port=port)
    terminal = stderr() if out is None else stdout()
    if out is None:
        stdout().line(text.rstrip("\n"))
    else:
        save(out, text, overwrite=force)
        terminal.line(f"{out} was written: {', '.join(each.name for each in connectors)}.")
    terminal.line("Not in it:")
    terminal.lines([f"  {each.name}: {'; '.join(configuration.not_written(each))}" for each in connectors])
    if loaded.providers:
        terminal.line(f"  connectors of kind scim: {', '.join(loaded.providers)}")
