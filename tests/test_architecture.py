"""Who may import whom: the rooms of the package and the arrows between them, held by reading every import."""

from __future__ import annotations

import ast
import graphlib
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# From the floor up; `mockhost` is the package's own __init__. The other side of the wire imports the floor only.
FLOOR = {
    *("mockhost", "errors", "clock", "matching", "patterns", "slices", "nesting", "durations", "operations"),
    *(
        "public_url",
        "running",
        "temporary",
        "scim",
        "tls",
        "people",
        "exchange",
        "facts",
        "actions",
        "conditions",
        "plans",
    ),
    *("elements", "exe_config", "files", "paragraphs", "relief", "tokens"),
}
MOCK = {"connectors", "server", "journal", "faults", "rules", "scenario", "windows"}
OTHER_SIDE = {"client", "entra", "expect", "doctor"}
FACES = FLOOR | MOCK | OTHER_SIDE | {"record", "runtime", "web", "control", "console"}
MAY_IMPORT = {
    **{name: set[str]() for name in ("errors", "clock", "slices", "facts", "paragraphs", "relief", "tokens")},
    **{name: {"errors"} for name in ("durations", "files", "operations", "nesting", "public_url", "people")},
    **{"elements": {"errors"}, "exe_config": {"elements", "errors", "facts"}},
    **{"running": {"clock", "durations", "errors"}, "temporary": {"clock"}, "patterns": {"clock", "errors"}},
    **{"matching": {"errors", "patterns"}, "scim": {"errors", "matching"}},
    "exchange": {"matching", "patterns", "scim"},
    "conditions": {"errors", "exchange", "matching"},
    "actions": {"durations", "errors"},
    "tls": {"clock", "errors", "files", "temporary"},
    "plans": {"tls"},
    "mockhost": {"api"},  # lazily, for `from mockhost import MockHost`
    # Of the server only what http.sys says; the client is how a proxy asks its target.
    **{"connectors": FLOOR | {"server", "client"}, "server": FLOOR},
    **{"journal": FLOOR | {"faults"}, "faults": FLOOR | {"connectors", "server"}},
    "rules": FLOOR | {"faults", "journal"},
    "scenario": FLOOR | {"connectors", "rules", "journal", "windows", "entra"},
    "windows": FLOOR | {"connectors", "client", "journal"},
    "runtime": FLOOR | MOCK - {"faults", "server"} | {"client", "expect", "entra"},
    "web": FLOOR | MOCK - {"windows"} | {"runtime"},
    "control": FLOOR | {"journal", "runtime"},
    "console": FLOOR | {"faults", "journal", "scenario", "runtime", "diagnosis"},
    **{"client": FLOOR, "entra": FLOOR | {"client"}, "doctor": FLOOR | {"client"}},
    "expect": FLOOR | {"client", "entra"},
    "diagnosis": set(),
    "record": FLOOR | {"client", "journal"},
    **{"api": FACES, "cli": FACES | {"api", "diagnosis", "labs"}, "__main__": {"cli"}},
    **{"pytest_plugin": FACES | {"api"}, "labs": FACES | {"api"}},
}
# What is not in the standard library, and the rooms that may know it.
THIRD_PARTIES = {
    **{"flask": {"web", "control", "console"}, "werkzeug": {"web", "control", "console"}, "click": {"cli"}},
    "jinja2": {"console"},
    "requests": {"running", "cli", "pytest_plugin"},
    "urllib3": {"pytest_plugin"},
    "pytest": {"pytest_plugin"},
    **{
        "jsonschema": {"scenario"},
        "ruamel": {"scenario"},
        "cryptography": {"tls", "doctor"},
        "faker": {"people", "scenario"},
    },
    **{
        "regex": {"patterns"},
        "defusedxml": {"elements"},
        "elementpath": {"windows"},
        "psycopg": {"connectors"},
        "sqlalchemy": {"connectors"},
        "ldap3": {"connectors"},
    },
    "orjson": set(MAY_IMPORT) - FLOOR - OTHER_SIDE | {"scim", "exchange"},
}
HEAVY = {
    "cryptography",
    "defusedxml",
    "elementpath",
    "faker",
    "flask",
    "jsonschema",
    "ldap3",
    "psycopg",
    "regex",
    "requests",
    "ruamel",
    "sqlalchemy",
}

TREES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
        path.read_text("utf-8")
    )
    for path in sorted((ROOT / "mockhost").rglob("*.py"))
}


def room(module: str) -> str:
    """`mockhost.web.scim` -> `web`; `mockhost.errors` -> `errors`; `flask.json` -> `flask`."""
    top, *rest = module.split(".")
    return rest[0] if rest and top == "mockhost" else top


def imports() -> Iterator[tuple[str, str, str]]:
    """(where, importing module, imported module or name) of every import, also in functions and for types only."""
    for importer, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            for name in names:
                ours = name.rpartition(".")[0] if name.startswith("mockhost.") and name not in TREES else name
                yield f"{importer}:{node.lineno}", importer, ours


IMPORTS = list(imports())


def test_a_room_imports_only_what_lies_below_it() -> None:
    """Arrows point one way; a new room states its rule before anything is put into it."""
    assert {room(name) for name in TREES} <= set(MAY_IMPORT)
    ours = [each for each in IMPORTS if room(each[2]) in MAY_IMPORT]
    allowed = {name: rooms | {name, "mockhost"} for name, rooms in MAY_IMPORT.items()}
    wrong = [f"{where}: {name}" for where, module, name in ours if room(name) not in allowed[room(module)]]
    assert not wrong, "\n".join(wrong)


def test_every_import_that_is_allowed_is_used() -> None:
    """The table says what is so. Any room above the floor may use all of the floor, and a face all but `cli`."""
    used = {(room(importer), room(name)) for _, importer, name in IMPORTS}
    unused = [
        f"{name} imports nothing of {other}"
        for name, rooms in MAY_IMPORT.items()
        if not rooms >= FACES
        for other in sorted(rooms - FLOOR if rooms >= FLOOR else rooms)
        if (name, other) not in used
    ]
    assert not unused, "\n".join(unused)


def test_kinds_of_connectors_know_nothing_of_each_other() -> None:
    """`connectors/ecma` and `connectors/provider` share only what is beside them, the floor, and http.sys' pages."""
    kinds = ("connectors.ecma", "connectors.provider", "connectors.proxy")
    pairs = list(itertools.permutations(kinds, 2))
    wrong = [where for where, importer, name in IMPORTS for one, other in pairs
             if importer.startswith(f"mockhost.{one}.") and name.startswith(f"mockhost.{other}")]  # fmt: skip
    wrong += [f"{where}: {name}" for where, importer, name in IMPORTS if room(importer) == "connectors"
              and room(name) == "server" and name != "mockhost.server.httpsys"]  # fmt: skip
    assert not wrong, "\n".join(wrong)


def test_no_import_cycles() -> None:
    """Not between rooms, not within one, not hidden in a function; only the package's own __init__ stands aside."""
    graph = graphlib.TopologicalSorter[str]()
    for _, importer, name in IMPORTS:
        if importer != "mockhost" and name in TREES and name not in {"mockhost", importer}:
            graph.add(importer, name)
    try:
        graph.prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_each_third_party_is_known_to_its_rooms_only() -> None:
    """Flask only in web/, YAML and JSON Schema only in scenario/, and nothing that has no row above."""
    foreign = [each for each in IMPORTS if room(each[2]) not in sys.stdlib_module_names | set(MAY_IMPORT)]
    wrong = [f"{where}: {name}" for where, importer, name in foreign
             if room(importer) not in THIRD_PARTIES.get(name.partition(".")[0], set())]  # fmt: skip
    assert not wrong, "\n".join(wrong)


def test_time_and_chance_come_from_the_clock() -> None:
    """Only clock.py asks the machine for the time or for something random; nothing anywhere sleeps."""
    banned = {"time", "random", "uuid.uuid1", "uuid.uuid4"}
    asked = [f"{where}: {name}" for where, importer, name in IMPORTS if importer != "mockhost.clock"
             and (name in banned or name.partition(".")[0] in banned)]  # fmt: skip
    calls = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "uuid.uuid1", "uuid.uuid4"}
    for name, tree in TREES.items():
        for node in ast.walk(tree) if name != "mockhost.clock" else ():
            if isinstance(node, ast.Attribute) and ".".join(ast.unparse(node).split(".")[-2:]) in calls:
                asked.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
    assert not asked, "\n".join(asked)
    files = [
        path for folder in ("mockhost", "tests", "tools", "bench") for path in (ROOT / folder).rglob("*.py")
    ]
    sleepy = [path for path in files if path != Path(__file__) and "time.sleep" in path.read_text("utf-8")]
    assert not sleepy, "wait for an event with a deadline instead"


@pytest.mark.parametrize("module", ["mockhost", "mockhost.runtime", "mockhost.web.data", "mockhost.server"])
def test_what_is_heavy_is_imported_when_it_is_needed(module: str) -> None:
    """A start pays for none of them: Flask, too, is for the control plane, test clients and other servers."""
    script = f"import sys, {module}; print(*sys.modules.keys() & {HEAVY!r})"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stdout.split()
