"""The pages keep their promises: links lead somewhere, marked snippets run, and no page knows one machine."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import unquote, urlsplit

import click
import pytest
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from mockhost import MockHost
from mockhost.cli.verbs import mockhost
from mockhost.journal import verification
from mockhost.matching import misspelt
from mockhost.rules import conditions
from mockhost.scenario import schema
from tools.docs import File, table
from tools.docs import __main__ as generators

ROOT = Path(__file__).parent.parent
SKIPPED_FOLDERS = {".venv", "build", "dist", "node_modules", ".git", ".hypothesis", ".pytest_cache"}
PAGES = sorted(page for page in ROOT.rglob("*.md") if not SKIPPED_FOLDERS & set(page.relative_to(ROOT).parts))
# Tests use no network: a link to any other host is looked at by a person once and gets its row here.
KNOWN_HOSTS = {
    *("learn.microsoft.com", "www.rfc-editor.org", "datatracker.ietf.org", "www.apache.org", "github.com"),
    *("keepachangelog.com", "semver.org", "json-schema.org", "spec.openapis.org", "localhost", "127.0.0.1"),
}
OPENING = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>[\w+-]*)")


class Snippet(NamedTuple):
    """A fenced block of a page. `line` counts from 1; `marked` if the line before says `<!-- run -->`."""

    page: Path
    line: int
    language: str
    text: str
    marked: bool


def snippets(page: Path) -> Iterator[Snippet]:
    """All fenced blocks of a page, with the indentation of the fence taken away."""
    lines = page.read_text("utf-8").splitlines()
    number = 0
    while number < len(lines):
        opening = OPENING.match(lines[number])
        number += 1
        if opening is None:
            continue
        begin, indent = number, len(opening["indent"])
        while number < len(lines) and not lines[number].strip().startswith(opening["ticks"]):
            number += 1
        assert number < len(lines), f"{page}:{begin}: the fence is never closed"
        text = "".join(line[indent:] + "\n" for line in lines[begin:number])
        marked = begin >= 2 and lines[begin - 2].strip() == "<!-- run -->"
        yield Snippet(page, begin, opening["language"], text, marked)
        number += 1


def outside(page: Path) -> str:
    """The page without its fenced blocks."""
    text = page.read_text("utf-8")
    for snippet in snippets(page):
        text = text.replace(snippet.text, "")
    return text


def anchors(page: Path) -> set[str]:
    """What a link can name behind `#`: headings as GitHub folds them."""
    headings = re.findall(r"^#+ +(.+?) *#*$", outside(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class Session(NamedTuple):
    """A console snippet: what is typed, and the lines that the page shows as output."""

    script: str
    shown: list[str]


def session(text: str) -> Session:
    """Lines from `$ ` on are typed, together with those after a backslash at a line's end, and here-documents."""
    typed: list[str] = []
    shown: list[str] = []
    until = ""  # the word that ends a here-document
    for line in text.splitlines():
        if until:
            typed.append(line)
            until = "" if line == until else until
        elif line.startswith("$ "):
            typed.append(line[2:])
            opening = re.search(r"<<'(\w+)'", line)
            until = opening[1] if opening else ""
        elif typed and typed[-1].endswith("\\") and not shown:
            typed.append(line)
        else:
            shown.append(line)
    return Session("\n".join(typed), shown)


def missing(shown: list[str], output: str) -> list[str]:
    """The lines shown that do not come up in the output, in this order; `…` stands for anything."""
    lines = iter(output.splitlines())
    found = []
    for wanted in filter(str.strip, shown):
        pattern = ".*".join(map(re.escape, wanted.rstrip().split("…")))
        if not any(re.fullmatch(pattern, line.rstrip()) for line in lines):
            found.append(wanted)
            break
    return found


def run(command: list[str], folder: Path, python: str = sys.executable) -> str:
    """The command's output; it sees this Python's commands first and has to succeed."""
    path = os.pathsep.join([str(Path(python).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        text=True,
        timeout=300,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


TOOLS = ("curl", "docker", "go", "java", "jq", "node", "npm", "openssl", "wget")


def tools_that_lack(script: str) -> list[str]:
    """What a console snippet calls, beyond what mockhost installs, and this machine has not."""
    called = ["bash", *(tool for tool in TOOLS if re.search(rf"(?<![\w./-]){tool}(?![\w./-])", script))]
    return [tool for tool in called if shutil.which(tool) is None]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


RUNNABLE = [snippet for page in PAGES for snippet in snippets(page) if snippet.marked]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link names a file, and a heading where it has a `#`; others go to hosts that we know."""
    without_code = re.sub(r"`[^`\n]*`", "", outside(page))
    broken = []
    for target in re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", without_code):
        parts = urlsplit(target)
        if parts.scheme:
            fine = parts.hostname in KNOWN_HOSTS
        else:
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            fine = file.exists() and (not parts.fragment or parts.fragment in anchors(file))
        if not fine:
            broken.append(target)
    assert not broken


# -- names of files and code, on the pages for those who change mockhost ------------------------------------------

CHANGING = [
    *(
        ROOT / "docs" / "how-to" / f"{page}.md"
        for page in ("change-mockhost", "add-an-operation", "CREATING_FAULTS")
    ),
    *(page for page in PAGES if page.is_relative_to(ROOT / "mockhost")),
    *(page for page in PAGES if page.parent.name in ("decisions", "explanation")),
    ROOT / "CONTRIBUTING.md",
]
MADE_UP = {"acme_faults.py", "acme_faults.toml", "acme_systems.py", "id_first_in_resources"}
"""Names that a page gives to what a reader writes."""
FOLDERS = ("mockhost", "tests", "tools", "scenarios", "docs", "docker", "conformance", "bench", ".github")
SOURCES = {".py", ".toml", ".json", ".yaml", ".js", ".html", ".css", ".sh", ".md", ".txt", ".yml", ".config"}
PATH = re.compile(rf"\w[\w.-]*(?:/[\w.-]+)*(?:/|{'|'.join(map(re.escape, sorted(SOURCES)))})")
NAME = re.compile(r"(?:[A-Za-z]\w*\.)*[A-Za-z_]\w+(?:\(\))?")


@functools.cache
def sources() -> list[Path]:
    """The files of code and data, as paths below the root."""
    found = (
        path.relative_to(ROOT)
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in SOURCES and not SKIPPED_FOLDERS & set(path.parts)
    )
    return [*found, *(path.relative_to(ROOT) for path in ROOT.glob("*.*") if path.suffix in SOURCES)]


@functools.cache
def written() -> set[str]:
    """All words of the code and the data."""
    return {
        word
        for path in sources()
        if path.suffix != ".md" and path != Path("tests/test_docs.py")
        for word in re.findall(r"\w+", (ROOT / path).read_text("utf-8", "replace"))
    }


def is_there(path: str) -> bool:
    """Whether a file or a folder is called so; the folders above it may be left out."""
    end = re.compile(rf"/{re.escape(path.rstrip('/'))}(?:/|$)")
    return any(end.search(f"/{each.as_posix()}") for each in sources())


def unknown_names(page: Path) -> list[str]:
    """Files, folders, and names of code in backticks that are nowhere in the tree."""
    found = []
    for text in re.findall(r"`([^`\n]+)`", outside(page)):
        if text in MADE_UP:
            continue
        if PATH.fullmatch(text):
            fine = is_there(text)
        elif NAME.fullmatch(text):
            fine = set(re.findall(r"\w+", text)) <= written() | {each.stem for each in sources()}
        else:
            fine = True
        if not fine:
            found.append(text)
    return found


@pytest.mark.parametrize("page", CHANGING, ids=name)
def test_files_and_names_of_the_code_are_in_the_tree(page: Path) -> None:
    """A module that is renamed is renamed on these pages, too."""
    assert unknown_names(page) == []


def test_a_name_that_is_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    gone = "GoneBy" + "Now"
    there = "`mockhost/api.py` `api.py` `MockHost.start` `rules/`"
    page.write_text(f"{there} `mockhost/gone.py` `gone.py` `{gone}.start`\n")
    assert unknown_names(page) == ["mockhost/gone.py", "gone.py", f"{gone}.start"]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_knows_one_machine(page: Path) -> None:
    """Paths of somebody's own machine mean nothing to others."""
    found = re.findall(
        r"(?<![\w.:])/(?:home|root|work|mnt|opt|private)/[\w./-]+|[A-Z]:\\Users\\(?!student>)\w+",
        page.read_text(),
    )
    assert not found


def test_the_readme_is_a_landing_page() -> None:
    """About 120 lines with a picture; what a release brings is announced, not shown as if it worked."""
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 130
    assert [line for line in lines if re.match(r"!\[.{40,}\]\(docs/assets/terminal\.svg\)$", line)]
    assert [line for line in lines if "uvx" in line and "released" not in line] == []


@pytest.mark.parametrize(
    "file", ["constraints.txt", "Makefile", "tools/venv.sh", "tools/lock.sh", "tools/site.sh", ".ci/run"]
)
def test_what_is_installed_is_named_without_a_place(file: str) -> None:
    """Names and versions only: which index serves them is the business of whoever installs."""
    text = (ROOT / file).read_text("utf-8")
    hosts = {urlsplit(url).hostname for url in re.findall(r"https?://[^\s\"')]+", text)}
    assert hosts <= KNOWN_HOSTS
    assert not re.search(r"index-url|find-links|--registry", text)


def test_the_lock_is_exact() -> None:
    """Every line of constraints.txt is a name and one version."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    rows = [line for line in lines if not line.startswith("#")]
    assert len(rows) > 20
    assert [row for row in rows if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", row)] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_marked_snippet_can_be_run(page: Path) -> None:
    """A mark before something that the tests do not know how to run would promise too much."""
    text = page.read_text("utf-8")
    marks = len(re.findall(r"^ *<!-- run -->$", text, flags=re.MULTILINE))
    known = [
        each for each in snippets(page) if each.marked and each.language in {"console", "python", "yaml"}
    ]
    assert marks == len(known)


def test_output_is_compared_with_what_the_page_shows() -> None:
    """Lines in order, others between them are fine, and an ellipsis stands for anything."""
    assert missing(["a", "b…d"], "first\na\nbcd\nlast") == []
    assert missing(["b", "a"], "a\nb") == ["a"]
    assert session("$ one \\\n  two\nout\n$ three\n") == Session("one \\\n  two\nthree", ["out"])
    assert session("$ cat > a <<'END'\none\nEND\nout\n") == Session("cat > a <<'END'\none\nEND", ["out"])


def test_a_snippet_asks_for_its_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without them it is skipped; a file's name or an option is not a tool."""
    monkeypatch.setattr(shutil, "which", lambda tool: "/bin/bash" if tool == "bash" else None)
    assert tools_that_lack("mockhost run basics/healthy -- sh -c 'curl -sS $URL'") == ["curl"]
    assert tools_that_lack("ls | jq . && node a.js") == ["jq", "node"]
    assert tools_that_lack("mockhost journal --curl > node.txt; ./go") == []


def timed(snippet: Snippet) -> Any:
    """Those of the README and the tutorials run with the quick tests, all others with the slow ones."""
    page = name(snippet.page)
    quick = page == "README.md" or page.startswith("docs/tutorial/")
    return pytest.param(snippet, id=f"{page}:{snippet.line}", marks=() if quick else pytest.mark.slow)


@pytest.mark.parametrize("snippet", [timed(each) for each in RUNNABLE])
def test_snippets_run(snippet: Snippet, tmp_path: Path) -> None:
    """What a page tells its reader to type works as it stands."""
    play(snippet, tmp_path)


def play(snippet: Snippet, folder: Path, python: str = sys.executable) -> None:
    """Run a snippet in a folder, with the commands of an environment."""
    if snippet.language == "console":
        script, shown = session(snippet.text)
        if lacking := tools_that_lack(script):
            pytest.skip(f"not on this machine: {', '.join(lacking)}")
        assert missing(shown, run(["bash", "-euo", "pipefail", "-c", script], folder, python)) == []
    elif snippet.language == "python":
        (folder / "snippet.py").write_text(snippet.text, "utf-8")
        run([python, "snippet.py"], folder, python)
    else:
        (folder / "snippet.yaml").write_text(snippet.text, "utf-8")
        verb = "check" if re.search(r"^expect:", snippet.text, flags=re.MULTILINE) else "validate"
        run(["mockhost", verb, "./snippet.yaml"], folder, python)


# -- command lines -----------------------------------------------------------------------------------------------

UNTIL = re.compile(r"\s(?:[|<>&#]|&&)|;")
"""Where a command of a shell's line ends."""


def command_lines(page: Path) -> Iterator[str]:
    """The lines of a page's snippets that begin with `mockhost`, with what stands before it taken away."""
    for snippet in snippets(page):
        for line in snippet.text.replace("\\\n", " ").splitlines():
            found = re.match(r"\s*(?:\$ )?(?:[A-Z_]+=\S* )*(mockhost [a-z-].*)", line)
            if found and (snippet.language in ("sh", "shell", "bash") or line.lstrip().startswith("$ ")):
                yield found[1]


def parsed(words: list[str]) -> None:
    """Parse the words of a command as the command itself would. Raises ClickException."""
    command, parent, called = cast(click.Command, mockhost), None, "mockhost"
    while True:
        with command.make_context(called, words, parent=parent) as context:
            rest = [*context._protected_args, *context.args]
            if not isinstance(command, click.Group) or not rest:
                return
            found, below, words = command.resolve_command(context, rest)
            assert below is not None
            called, command, parent = str(found), below, context


def problem_of(line: str) -> str:
    """What is wrong with a command line, or ''."""
    whole = UNTIL.split(line)[0]
    try:
        parsed(shlex.split(whole if whole.count("'") % 2 == 0 else line, comments=True)[1:])
    except click.exceptions.Exit:
        pass  # --help, --version
    except click.ClickException as error:
        if not re.search("does not exist|No such file", error.message):
            return error.message
    return ""


@pytest.mark.parametrize("page", [page for page in PAGES if any(command_lines(page))], ids=name)
def test_command_lines_are_valid(page: Path) -> None:
    """Verbs, options and arguments of a page's commands are those of mockhost; files need not be there."""
    problems = [(line, why) for line in command_lines(page) if (why := problem_of(line))]
    assert not problems


# -- what is generated -------------------------------------------------------------------------------------------

LONG = ("played", "provisioned", "shipped")
"""The generators that load or play every shipped scenario: `make docs ARGS=--check` runs them, as all others."""


@pytest.mark.parametrize(
    "tool",
    [tool for tool in generators.NAMES if tool not in LONG],
)
def test_what_a_tool_generates_is_current(
    tool: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a change of what it is made from, run the tool, or `make docs`."""
    if tool == "readme_picture" and (
        lacking := [each for each in ("bash", "curl") if not shutil.which(each)]
    ):
        pytest.skip(f"not on this machine: {', '.join(lacking)}")
    monkeypatch.delenv("MOCKHOST_SCENARIOS", raising=False)
    assert generators.main(["--check", tool]) == 0, capsys.readouterr().err


def test_a_generator_writes_checks_and_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0 for current and written, 1 for not current, 2 for an unknown option or name."""
    file = File(tmp_path / "new" / "page.md", lambda: "text\n")
    monkeypatch.setattr(importlib.import_module("tools.docs.cli"), "FILES", (file,))
    assert generators.main(["--check", "cli"]) == 1
    assert "page.md is not current; run: python -m tools.docs cli" in capsys.readouterr().err
    assert generators.main(["cli"]) == 0
    assert file.path.read_text("utf-8") == "text\n"
    assert generators.main(["--check", "cli"]) == 0
    for wrong, problem in (("--chekc", "unrecognized arguments"), ("cil", "did you mean 'cli'?")):
        with pytest.raises(SystemExit, match="2"):
            generators.main([wrong])
        assert problem in capsys.readouterr().err


def test_tables_hold_together_whatever_their_cells_say() -> None:
    """A bar, a tag or a line break in a cell ends neither cell nor row; code is shown as it is."""
    shown = table(("a", "b"), [("x|y", "<z>\nw `<v>`")])
    assert shown == "| a | b |\n| --- | --- |\n| x\\|y | \\<z> w `<v>` |\n"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=name)
def test_the_index_leads_to_every_page(page: Path) -> None:
    """A page that nothing leads to is not read."""
    index = ROOT / "docs" / "index.md"
    assert page == index or f"({page.relative_to(index.parent).as_posix()})" in index.read_text("utf-8")


INLINE = re.compile(r"(?<!`)`([a-z_]+: \{[^`]*\})`")


def matchers(value: object, *, inside: bool = False) -> Iterator[object]:
    """The maps in conditions on attributes, headers and bodies: what stands there is a matcher, or a literal."""
    if isinstance(value, dict):
        for key, each in value.items():
            if inside:
                yield each
            else:
                yield from matchers(each, inside=key in {"attributes", "header", "body"})
    elif isinstance(value, list):
        for each in value:
            yield from matchers(each)


def documents(page: Path) -> Iterator[object]:
    """What a page writes in the format: its YAML and JSON, the maps in its Python, the bodies in its commands."""
    texts = INLINE.findall(outside(page))
    for snippet in snippets(page):
        if snippet.language in ("yaml", "json"):
            texts.append(snippet.text)
        elif snippet.language == "python":
            yield from python_documents(snippet.text)
        else:
            texts += re.findall(r"'(\{[^']*\})'", snippet.text)
    for text in texts:
        try:
            yield YAML(typ="safe", pure=True).load(text)
        except YAMLError:
            continue


def python_documents(text: str) -> Iterator[object]:
    """The maps of a snippet, and the calls of methods that take words of the format, as (method, words)."""
    try:
        tree = ast.parse(textwrap.dedent(text))
    except SyntaxError:  # a piece of code
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            yield literal(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            yield node.func.attr, {each.arg: literal(each.value) for each in node.keywords if each.arg}


def literal(node: ast.expr) -> object:
    """The value of an expression; None for what is worked out only when it runs."""
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {literal(key): literal(value) for key, value in pairs if isinstance(key, ast.Constant)}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [literal(each) for each in node.elts]
    return node.value if isinstance(node, ast.Constant) else None


METHODS = {
    "fail_next": {*inspect.signature(MockHost.fail_next).parameters, *conditions.WORDS},
    "wait_for": {*inspect.signature(MockHost.wait_for).parameters, *verification.WORDS},
    "verify": set(verification.WORDS),
}
RULE = schema.known_keys(("rules", 0))


def unknown_words(document: object) -> Iterator[str]:
    """The words of rules, conditions and assertions that the format does not have."""
    if isinstance(document, tuple):
        method, words = document
        yield from (f"{method}({word}=)" for word in set(words) - METHODS[method])
        document = words
    if isinstance(document, dict):
        if isinstance(document.get("when"), dict):
            yield from (f"rule: {word}" for word in set(document) - RULE)
            yield from (f"when: {word}" for word in set(document["when"]) - set(conditions.WORDS))
        for each in document.values():
            yield from unknown_words(each)
    elif isinstance(document, list):
        for each in document:
            yield from unknown_words(each)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_pages_know_no_matcher_and_no_word_that_does_not_exist(page: Path) -> None:
    """In snippets of any language, whether they can be run or not, and in the lines between them, too."""
    wrong: list[str] = []
    for document in documents(page):
        wrong += unknown_words(document)
        value = document[1] if isinstance(document, tuple) else document
        wrong += [str(found) for each in matchers(value) if (found := misspelt(each)) is not None]
    assert not wrong


def test_a_misspelt_word_in_a_snippet_is_found(tmp_path: Path) -> None:
    """Each of these was missed while YAML alone was looked at."""
    page = tmp_path / "page.md"
    page.write_text(
        """
```python
mockhost.verify(operation="schemas", cuont=1)
mockhost.fail_next("schemas", falt="hang")
mockhost.add_rule({"when": {"opration": "schemas"}, "fault": make()})
mockhost.verify(header={"X": {"starts": "a"}})
```

```json
{"when": {"operation": "schemas"}, "tims": 2}
```

```console
$ curl -d '{"when": {"nht": 2}, "reply": "normal"}' localhost:8586/v1/rules
```
""",
        "utf-8",
    )
    found = [word for document in documents(page) for word in unknown_words(document)]
    assert sorted(found) == [
        "fail_next(falt=)",
        "rule: tims",
        "verify(cuont=)",
        "when: nht",
        "when: opration",
    ]
    assert any(misspelt(each) for d in documents(page) if isinstance(d, tuple) for each in matchers(d[1]))
