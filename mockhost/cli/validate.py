"""`mockhost validate`: every problem of scenario files, at once; and `mockhost schema`: what editors know of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from mockhost.cli import outcome
from mockhost.cli.options import formats, sets
from mockhost.cli.terminal import Terminal, count, stderr, stdout
from mockhost.errors import Problem, ScenarioError, UsageError

if TYPE_CHECKING:
    from mockhost.scenario.model import Scenario


class Judged(NamedTuple):
    """One file and what is wrong with it; `missing` says why it could not even be looked at."""

    file: str
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    scenario: Scenario | None = None
    missing: str = ""

    @property
    def fine(self) -> bool:
        return not self.problems and not self.missing


@click.command("validate")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@formats(
    *("text", "json", "github"),
    help="text; json: a list with one object a file; github: annotations of a workflow.",
)
@click.option(
    "--resolved", is_flag=True, help="Print the merged result, with the place where each value is set."
)
@sets("Validate with this value set; repeatable.")
@click.option("--strict", is_flag=True, help="Take warnings for problems.")
def command(
    files: tuple[str, ...], form: str, resolved: bool, sets: tuple[str, ...], strict: bool
) -> int | bool:
    """Report every problem of scenario files, and warn of what has no effect.

    Each with file, line, column, path, what is wrong and what to try. FILE is a file, a folder (every
    scenario in it and below) or a name on a shelf. A rule that can never fire is a warning.

    \b
    mockhost validate ./mine.yaml
    mockhost validate scenarios/ --format github
    mockhost validate documented/secret_token_mismatch --resolved
    """
    judged = [judge(name, sets) for name in spread(files)]
    if strict:
        judged = [each._replace(problems=each.problems + each.warnings, warnings=()) for each in judged]
    {"text": _text, "json": _json, "github": _github}[form](judged, resolved)
    if any(each.missing for each in judged):
        return outcome.USAGE
    return all(each.fine for each in judged)


def spread(names: Iterable[str]) -> Iterator[str]:
    """The names with folders replaced by the scenario files in them. Raises UsageError for one that has none."""
    from mockhost.scenario import shelves

    for name in names:
        if os.path.isdir(name):
            found = scenario_files(Path(name))
            if not found:
                raise UsageError(
                    f"there is no scenario in the folder {name}", hint="they end in .yaml, .yml or .json"
                )
            yield from found
        elif name in shelves.shelves():
            yield from shelves.names(name)
        elif os.path.isfile(name) and not shelves.looks_like_file(name):
            yield os.path.join(os.curdir, name)
        else:
            yield name


def scenario_files(folder: Path) -> list[str]:
    """The scenario files in a folder and below: all YAML, and what JSON says which format it has."""
    from mockhost.scenario.shelves import is_scenario

    found = []
    for root, folders, entries in os.walk(folder):
        folders.sort()
        for entry in sorted(entries):
            file = Path(root, entry)
            if file.suffix in (".yaml", ".yml") or (file.suffix == ".json" and is_scenario(file)):
                found.append(str(file))
    return found


def judge(name: str, sets: Sequence[str] = ()) -> Judged:
    """Load one file; what is wrong is in the result."""
    from mockhost.scenario import lint, loader

    try:
        scenario = loader.load(name, sets=sets)
        return Judged(name, (), lint.find(scenario), scenario)
    except ScenarioError as error:
        return Judged(name, error.problems)
    except UsageError as error:
        return Judged(name, (), missing=str(error))


def _text(judged: Sequence[Judged], resolved: bool) -> None:
    terminal = stdout()
    for each in judged:
        if each.missing:
            stderr().error(each.missing)
        terminal.lines([_line(problem, terminal) for problem in each.problems])
        (stderr() if resolved else terminal).lines(
            [_line(problem, terminal, "warning: ", "yellow") for problem in each.warnings]
        )
        if not each.problems and resolved and each.scenario is not None:
            from mockhost.scenario import report

            terminal.lines(report.resolved(each.scenario).splitlines())
    if resolved and all(each.fine for each in judged):
        return
    wrong = sum(len(each.problems) for each in judged)
    bad = sum(not each.fine for each in judged)
    doubts = sum(len(each.warnings) for each in judged)
    also = f", {count(doubts, 'warning')}" if doubts else ""
    missing = sum(bool(each.missing) for each in judged)
    if bad:
        found = f"{count(wrong, 'problem')} in {count(bad - missing, 'file')}; " if bad > missing else ""
        lost = f"{count(missing, 'file')} not found; " if missing else ""
        terminal.line(f"{found}{lost}{len(judged) - bad} of {len(judged)} fine{also}")
    else:
        fine = f"{count(len(judged), 'file')} fine" if len(judged) > 1 else f"{judged[0].file}: fine"
        terminal.line(fine + also)


def _line(problem: Problem, terminal: Terminal, kind: str = "", colour: str = "red") -> str:
    where = f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file
    hint = f"; {problem.hint}" if problem.hint else ""
    return f"{terminal.styled(where, 'bold')}: {problem.path}: {terminal.styled(kind + problem.message, colour)}{hint}"


def _json(judged: Sequence[Judged], resolved: bool) -> None:
    documents: list[dict[str, Any]] = []
    for each in judged:
        document: dict[str, Any] = {
            "file": each.file,
            "valid": each.fine,
            "problems": [problem._asdict() for problem in each.problems],
            "warnings": [problem._asdict() for problem in each.warnings],
        }
        if each.missing:
            document["missing"] = each.missing
        if resolved and each.scenario is not None:
            from mockhost.scenario import report

            document["resolved"] = each.scenario.document
            document["origins"] = report.origins(each.scenario)
        documents.append(document)
    stdout().json(documents)


def _github(judged: Sequence[Judged], resolved: bool) -> None:
    from mockhost.scenario import report

    terminal = stdout()
    for each in judged:
        if each.missing:
            terminal.line(report.annotation(each.missing))
        terminal.lines([report.render([problem], "github") for problem in each.problems])
        terminal.lines([report.command(problem, "warning") for problem in each.warnings])


@click.command("schema")
def schema() -> None:
    """Print the JSON Schema (2020-12) of scenario files, with the faults of other packages.

    \b
    mockhost schema > scenario.schema.json
    and as a scenario's first line:
    # yaml-language-server: $schema=scenario.schema.json
    """
    from mockhost.faults import installed
    from mockhost.scenario import schema as published

    stdout().line((_with_installed(published.text()) if installed() else published.text()).rstrip("\n"))


def _with_installed(text: str) -> str:
    """The schema, in which an editor also offers the faults that other packages bring."""
    import json

    from mockhost.faults import ELSEWHERE, describe, everything

    document = json.loads(text)
    names, parameters = (document["$defs"][name] for name in ("fault_name", "fault_parameters"))
    usable, problems = everything()
    for problem in problems:
        stderr().error(str(problem))
    for name, fault in usable.items():
        if fault.group == ELSEWHERE:
            names["anyOf"].append(describe.offered(name, fault))
            parameters["properties"][name] = describe.completion(fault)
    return json.dumps(document, indent=2, ensure_ascii=False)
