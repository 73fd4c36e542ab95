"""Every word of the format that names something, through every door: what is allowed where.

- A file, `--set`, Python, pytest: files, variables and parents.
- `PUT /v1/scenario` (a document, a name, overrides), `PUT` and `PATCH /v1/host`, `POST /v1/rules`: scenarios on the
  shelves; files and parents in a folder of `--control-files`, but no file in settings that are made later; variables of
  `--control-env`.
- `POST /v1/verify`: no word of it names anything.
- A database or a directory: from a file, which names SQLite files in its own folder, `--set`, Python and pytest alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from mockhost import MockHost
from mockhost.control.app import create_control_app
from mockhost.errors import MockhostError, UsageError
from mockhost.runtime import Runtime
from mockhost.runtime.operations import Operated
from mockhost.scenario import loader, naming, schema
from mockhost.scenario.loader import Terms
from mockhost.scenario.model import SETTABLE
from mockhost.scenario.naming import FILE, OUTSIDE, PARENT, SETTINGS, VARIABLE
from mockhost.scenario.sources import Opened
from mockhost.tls.authority import Authority
from mockhost.tls.serving import Certificates

CANARY = "canary-in-a-file"
SECRET = "canary-in-the-environment"
NAME = "MOCKHOST_TEST_CANARY"
BASE = "basics/empty"
PEOPLE = "ContosoLogin,FirstName,LastName\ncanary-in-a-file,Ann,Alm\n"
LOCAL = "http://127.0.0.1:8586"


class Word(NamedTuple):
    """One place of the format where something can be named: how it is written with a name in it."""

    kind: str
    fragment: Callable[[str], dict[str, Any]]


def _host(text: str) -> str:
    """A server's name made of a text."""
    return "".join(c if c.isalnum() else "-" for c in text).strip("-")


PLACES: dict[tuple[str, ...], Callable[[Any], dict[str, Any]]] = {
    ("extends",): lambda it: {"extends": it},
    ("vars", "*", "env"): lambda it: {"vars": {"x": {"env": it}}},
    ("connectors", "*", "system", "objects_file"): lambda it: {
        "connectors": {"SQL": {"system": {"objects_file": it}}}
    },
    ("connectors", "*", "system", "sql"): lambda it: {
        "connectors": {"SQL": {"system": {"sql": {"url": f"sqlite:///{it}"}}}}
    },
    ("connectors", "*", "system", "ldap"): lambda it: {
        "connectors": {"LDAP": {"system": {"ldap": {"url": f"ldap://{_host(it)}", "base": "dc=lab"}}}}
    },
    ("connectors", "*", "states", "*", "set"): lambda it: {
        "connectors": {"SQL": {"states": {"Later": {"set": it}}}}
    },
    ("rules", "*", "reply", "body_file"): lambda it: {"rules": [{"reply": {"body_file": it}}]},
    ("rules", "*", "set"): lambda it: {"rules": [{"set": it}]},
    ("rules", "*", "sequence", "*", "reply", "body_file"): lambda it: {
        "rules": [{"sequence": [{"reply": {"body_file": it}}]}]
    },
    ("rules", "*", "sequence", "*", "set"): lambda it: {"rules": [{"sequence": [{"set": it}]}]},
    ("timeline", "*", "set"): lambda it: {"timeline": [{"at": "1m", "set": it}]},
    ("states", "*", "set"): lambda it: {"states": {"Later": {"set": it}}},
    ("expect", "*", "set"): lambda it: {"expect": [{"set": it}]},
    ("cure", "*", "set"): lambda it: {"cure": [{"set": it}]},
    ("cured", "*", "set"): lambda it: {"cured": [{"set": it}]},
    ("wrong_cure", "*", "set"): lambda it: {"wrong_cure": [{"set": it}]},
}
"""How each word of `naming.WORDS` is written."""


def dotted(fragment: Mapping[str, Any]) -> dict[str, Any]:
    """The same as settings by dotted path, as deep as a path goes."""
    [(path, value)] = fragment.items()
    while isinstance(value, dict) and len(value) == 1:
        [(key, value)] = value.items()
        path = f"{path}.{key}"
    return {path: value}


def _words() -> Iterator[tuple[str, Word]]:
    direct = {place: kind for place, kind in naming.WORDS.items() if kind != SETTINGS}
    for place, kind in direct.items():
        yield ".".join(place), Word(kind, PLACES[place])
    for outer, outer_kind in naming.WORDS.items():
        for inner, kind in direct.items():
            if outer_kind == SETTINGS and inner[0] in SETTABLE:
                name = f"{'.'.join(outer)} of {'.'.join(inner)}"
                make, within = PLACES[outer], PLACES[inner]
                yield name, Word(kind, lambda it, make=make, within=within: make(within(it)))  # type: ignore[misc]
                yield (
                    f"{name}, dotted",
                    Word(kind, lambda it, make=make, within=within: make(dotted(within(it)))),  # type: ignore[misc]
                )


WORDS = dict(_words())
IS_LATER = {name: " of " in name for name in WORDS}
IS_USABLE = {name: not name.startswith("wrong_cure.") for name in WORDS}
"""Whether a document with the word can be valid: a step of `wrong_cure` compares something, so it sets nothing."""

Ask = Callable[[str, str, object], TestResponse]


class Doors:
    """A host whose control plane is asked, and folders: one that may be opened, one that never is."""

    def __init__(self, opened: Opened, inside: Path, outside: Path) -> None:
        self.runtime = Runtime(loader.load(BASE), Certificates(Authority()), opened)
        self.inside, self.outside = inside, outside
        app = create_control_app(
            lambda _: Operated(self.runtime, source=self.runtime.network), token=None, bound_host="127.0.0.1"
        )
        self._client: FlaskClient = app.test_client()

    def ask(self, method: str, path: str, body: object) -> TestResponse:
        """A change, as JSON."""
        return self._client.open(
            path, method=method, data=json.dumps(body), content_type="application/json", base_url=LOCAL
        )

    def close(self) -> None:
        """Leave no thread and no file."""
        self.runtime.close()
        self.runtime.certificates.close()


def document(doors: Doors, fragment: dict[str, Any]) -> TestResponse:
    return doors.ask("PUT", "/v1/scenario", {"scenario": {"extends": BASE, **fragment}})


def overrides(doors: Doors, fragment: dict[str, Any]) -> TestResponse:
    return doors.ask("PUT", "/v1/scenario", {"scenario": BASE, "overrides": fragment})


def dotted_overrides(doors: Doors, fragment: dict[str, Any]) -> TestResponse:
    return doors.ask("PUT", "/v1/scenario", {"scenario": BASE, "overrides": dotted(fragment)})


def put_host(doors: Doors, fragment: dict[str, Any]) -> TestResponse:
    return doors.ask("PUT", "/v1/host", {"set": fragment})


def patch_host(doors: Doors, fragment: dict[str, Any]) -> TestResponse:
    return doors.ask("PATCH", "/v1/host", {"set": dotted(fragment)})


def live_rule(doors: Doors, fragment: dict[str, Any]) -> TestResponse:
    return doors.ask("POST", "/v1/rules", fragment["rules"][0])


ANY_TOP = tuple(PLACES[place]("x").popitem()[0] for place in PLACES)
NETWORK: dict[str, tuple[Callable[[Doors, dict[str, Any]], TestResponse], tuple[str, ...]]] = {
    "document": (document, ANY_TOP),
    "overrides": (overrides, ANY_TOP),
    "dotted overrides": (dotted_overrides, ANY_TOP),
    "PUT /v1/host": (put_host, SETTABLE),
    "PATCH /v1/host": (patch_host, SETTABLE),
    "POST /v1/rules": (live_rule, ("rules",)),
}
"""The doors of the network, and which keys of the format go through each."""

CASES = [
    pytest.param(door, word, id=f"{door}: {word}")
    for door, (_, tops) in NETWORK.items()
    for word, said in WORDS.items()
    if next(iter(said.fragment("x"))) in tops
]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the host's environment."""
    monkeypatch.setenv(NAME, SECRET)


def _folders(above: Path) -> tuple[Path, Path]:
    for name in ("inside", "outside"):
        folder = above / name
        folder.mkdir()
        (folder / "key.txt").write_text(CANARY)
        (folder / "people.csv").write_text(PEOPLE)
        (folder / "parent.yaml").write_text(f"format: 1\nextends: {BASE}\ntitle: {CANARY}\n")
    return above / "inside", above / "outside"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with the same files; the second is never opened."""
    return _folders(tmp_path)


HEALTHY = loader.load(BASE)


@pytest.fixture(scope="module")
def doors_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Doors]]:
    """Two hosts for tests that change nothing on the disk: with nothing opened, and with a folder and a variable."""
    inside, outside = _folders(tmp_path_factory.mktemp("doors"))
    hosts = {
        "closed": Doors(Opened(), inside, outside),
        "opened": Doors(Opened.of([inside], [NAME]), inside, outside),
    }
    yield hosts
    for host in hosts.values():
        host.close()


@pytest.fixture
def closed(doors_of: Mapping[str, Doors]) -> Doors:
    """A host with nothing opened."""
    doors_of["closed"].runtime.use(HEALTHY)
    return doors_of["closed"]


@pytest.fixture
def opened(doors_of: Mapping[str, Doors]) -> Doors:
    """A host with one folder and one variable opened."""
    doors_of["opened"].runtime.use(HEALTHY)
    return doors_of["opened"]


@pytest.fixture
def changing(folders: tuple[Path, Path]) -> Iterator[Doors]:
    """The same, for a test that puts something into its folders."""
    doors = Doors(Opened.of([folders[0]], [NAME]), *folders)
    yield doors
    doors.close()


FILES = {
    PARENT: "parent.yaml",
    "objects_file": "people.csv",
    "body_file": "key.txt",
    "sql": "people.csv",
    "ldap": "people.csv",
}


def name_of(word: str) -> str:
    """A file that the word can name."""
    return (
        FILES[PARENT]
        if WORDS[word].kind == PARENT
        else FILES[word.removesuffix(", dotted").rpartition(".")[2]]
    )


def refused(answer: TestResponse) -> str:
    """The whole text of an answer that has to be a refusal in which nothing is given away."""
    text = answer.get_data(as_text=True)
    assert 400 <= answer.status_code < 500, text
    assert CANARY not in text
    assert SECRET not in text
    return text


# ---- the list is whole ----


def _annotated() -> dict[tuple[str, ...], str]:
    """Every place of the schema with `x-names`, but those in matchers."""
    found: dict[tuple[str, ...], str] = {}

    def walk(part: Mapping[str, Any], place: tuple[str, ...], seen: tuple[str, ...]) -> None:
        if (reference := part.get("$ref")) is not None and reference not in seen:
            walk(schema.root()["$defs"][reference.rpartition("/")[2]], place, (*seen, reference))
        if (kind := part.get("x-names")) not in (None, "pattern"):
            found[place] = kind
        for branch in part.get("anyOf", ()):
            walk(branch, place, seen)
        for key, inner in part.get("properties", {}).items():
            walk(inner, (*place, key), seen)
        for inner in (part.get("additionalProperties"), part.get("items")):
            if isinstance(inner, Mapping):
                walk(inner, (*place, "*"), seen)

    walk(schema.root(), (), ())
    return found


def test_the_list_of_words_is_the_schemas() -> None:
    """A key that is marked in the schema is one that is checked, and the other way round."""
    assert _annotated() == dict(naming.WORDS)
    assert set(PLACES) == set(naming.WORDS)


_NAMES_NOTHING = """
$schema title why reproduces sources tags cause start names valid secret_token token ca anchor object_type full_takes
delta_takes every table set disable delete selected_attributes single_value values fill people containers
initial to after import connector note name endpoint schema extensions description me tenant_url at
operation starts_with ends_with id method path verdict header filter nth exchange for in_state headers
body_base64 fault delay fixed uniform median p99 set_state ttl attribute value excluded_attributes target
capture body text detail scimType totalResults message resources ends no_answer_within alert tls at_least
at_most portal advance template default vars connection import_run start_index count
culture time_zone dotnet account ECMA2Host ConnectorsLog files proxy connections user password windows run
url base object_class watermark deleted parameters timeout on_demand restart
mappings expression constant filters operator interval retries retry_every give_up_after intervals disable_after
hard_delete_after retry_after_limit agent_ready_after user
"""
NAMES_NOTHING = frozenset(_NAMES_NOTHING.split())
"""Keys with free text in them that name nothing outside the document. A new key has to be put here, or be marked."""


def test_every_key_with_free_text_is_marked_or_known_to_name_nothing() -> None:
    """Whoever adds a key decides which of the two it is."""
    free: set[str] = set()

    def walk(part: Any, key: str) -> None:
        if isinstance(part, list):
            for each in part:
                walk(each, key)
        if not isinstance(part, Mapping):
            return
        kinds = part.get("type", ())
        if (
            "string" in ([kinds] if isinstance(kinds, str) else kinds)
            and "enum" not in part
            and "x-names" not in part
        ):
            free.add(key)
        for word, inner in part.items():
            if word in ("properties", "$defs"):
                for name, each in inner.items():
                    walk(each, name if word == "properties" else key)
            elif word in ("items", "additionalProperties", "anyOf", "then", "else"):
                walk(inner, key)

    for name, definition in schema.root()["$defs"].items():
        walk(definition, name)
    walk({k: v for k, v in schema.root().items() if k != "$defs"}, "")
    definitions = set(schema.root()["$defs"])
    assert free - NAMES_NOTHING - definitions == set()


# ---- the network, with nothing opened ----


@pytest.mark.parametrize(("door", "word"), CASES)
def test_the_network_names_nothing(closed: Doors, door: str, word: str) -> None:
    """And the refusal is the same for a file or variable that is there and for one that isn't."""
    ask, (kind, fragment) = NETWORK[door][0], WORDS[word]
    if kind == VARIABLE:
        there, absent = NAME, NAME[::-1]
    else:
        there = str(closed.outside / name_of(word))
        absent = str(closed.outside / name_of(word)[::-1].replace(".", "x"))
        absent = absent[: -len(there.rpartition(".")[2])] + there.rpartition(".")[2]
    first = refused(ask(closed, fragment(there)))
    second = refused(ask(closed, fragment(absent)))
    # The folder is the same for both, and may be written with escapes.
    assert first.replace(Path(there).name, "NAME") == second.replace(Path(absent).name, "NAME")
    assert closed.runtime.scenario.name == BASE
    assert not [rule for rule in closed.runtime.state.rules if rule.live]


@pytest.mark.parametrize(
    "text",
    [
        "/etc/passwd",
        "../outside/key.txt",
        "a/../../outside/key.txt",
        "./../outside/key.txt",
        "link.txt",
        "linked/key.txt",
        "dangling.txt",
        "~/key.txt",
        "~root/key.txt",
        "file:///etc/passwd",
        "http://127.0.0.1/key.txt",
        "//server/share/key.txt",
        r"\\server\share\key.txt",
        r"C:\Windows\win.ini",
        "C:/Windows/win.ini",
        "C:key.txt",
        r"..\outside\key.txt",
        "key.txt:stream",
        "key.txt::$DATA",
        "key.txt.",
        "key.txt ",
        "NUL",
        "con.txt",
        "COM1",
        "/dev/stdin",
        "/proc/self/environ",
        "",
        ".",
        "..",
        "\0",
        "key.txt\0.yaml",
        "key\n.txt",
        "a" * 5_000,
        "pipe.txt",
        "folder.txt",
        "OUTSIDE/../key.txt/../../outside/key.txt",
    ],
)
def test_there_is_no_way_out_of_an_opened_folder(changing: Doors, text: str) -> None:
    """By no form of a path that some system knows."""
    (changing.inside / "link.txt").symlink_to(changing.outside / "key.txt")
    (changing.inside / "linked").symlink_to(changing.outside, target_is_directory=True)
    (changing.inside / "dangling.txt").symlink_to(changing.outside / "nothing.txt")
    (changing.inside / "folder.txt").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(changing.inside / "pipe.txt")
    for fragment in (WORDS["rules.*.reply.body_file"].fragment, WORDS["extends"].fragment):
        for door in (document, put_host, overrides):
            refused(door(changing, fragment(text)))
    refused(changing.ask("PUT", "/v1/scenario", {"scenario": text}))


def test_a_link_out_of_an_opened_folder_says_nothing_of_its_target(changing: Doors) -> None:
    """Whether it is there or not."""
    answers = []
    for target in ("key.txt", "nothing.txt"):
        link = changing.inside / "link.txt"
        link.unlink(missing_ok=True)
        link.symlink_to(changing.outside / target)
        answers.append(refused(live_rule(changing, WORDS["rules.*.reply.body_file"].fragment("link.txt"))))
    assert answers[0] == answers[1]


def test_a_name_with_a_file_of_that_name_beside_gets_no_hint(
    closed: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The working folder of the host is nobody's business."""
    monkeypatch.chdir(closed.outside)
    for name in ("parent", str(closed.outside / "parent"), "./parnt.yaml"):
        text = refused(closed.ask("PUT", "/v1/scenario", {"scenario": name}))
        assert "./parent" not in text
        assert "parent.yaml" not in text


# ---- the network, with a folder and a variable opened ----


@pytest.mark.parametrize(("door", "word"), [case for case in CASES if IS_USABLE[str(case.values[1])]])
def test_the_network_names_what_is_opened(opened: Doors, door: str, word: str) -> None:
    """By a path from the opened folder, or a whole one. Settings that are made later name no file."""
    ask, (kind, fragment) = NETWORK[door][0], WORDS[word]
    names = [NAME] if kind == VARIABLE else [name_of(word), str(opened.inside / name_of(word))]
    for name in names if kind != PARENT else [f"./{names[0]}", *names]:
        answer = ask(opened, fragment(name))
        if kind == FILE and IS_LATER[word]:
            assert "made later" in refused(answer)
        elif kind == OUTSIDE:
            assert "can't name a database" in refused(answer)
        elif kind == PARENT and door not in ("document",):
            assert "extends" in refused(answer)
        else:
            assert answer.status_code in (200, 201), answer.get_data(as_text=True)
    if kind != VARIABLE:
        refused(ask(opened, fragment(str(opened.outside / name_of(word)))))
    else:
        refused(ask(opened, fragment("PATH")))


@pytest.mark.parametrize("name", ["parent", "./parent.yaml", "parent.yaml"])
def test_a_scenario_by_name_is_on_a_shelf_or_in_an_opened_folder(
    opened: Doors, closed: Doors, name: str
) -> None:
    assert opened.ask("PUT", "/v1/scenario", {"scenario": name}).status_code == 200
    assert opened.runtime.scenario.title == CANARY
    refused(closed.ask("PUT", "/v1/scenario", {"scenario": name}))
    assert closed.ask("PUT", "/v1/scenario", {"scenario": "basics/healthy"}).status_code == 200


def test_an_opened_folder_opens_no_variable(changing: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in it that is asked for over the network may name what the network may name."""
    monkeypatch.setenv("MOCKHOST_TEST_OTHER", SECRET)
    text = "format: 1\nextends: basics/empty\nvars: {{x: {{env: {}}}}}\n"
    (changing.inside / "allowed.yaml").write_text(text.format(NAME))
    (changing.inside / "other.yaml").write_text(text.format("MOCKHOST_TEST_OTHER"))
    (changing.inside / "further.yaml").write_text("format: 1\nextends: ../outside/parent.yaml\n")
    (changing.inside / "below").mkdir()
    (changing.inside / "below" / "child.yaml").write_text("format: 1\nextends: ../parent.yaml\n")
    assert changing.ask("PUT", "/v1/scenario", {"scenario": "allowed"}).status_code == 200
    assert changing.ask("PUT", "/v1/scenario", {"scenario": "below/child"}).status_code == 200
    refused(changing.ask("PUT", "/v1/scenario", {"scenario": "other"}))
    refused(changing.ask("PUT", "/v1/scenario", {"scenario": "further"}))


# ---- what others have read ----


@pytest.fixture
def guarded(folders: tuple[Path, Path]) -> Iterator[Doors]:
    """A host whose own scenario reads a variable, with nothing opened."""
    inside, outside = folders
    (outside / "mine.yaml").write_text(
        f"format: 1\nextends: {BASE}\nvars: {{x: {{env: {NAME}}}}}\n"
        "connectors: {SQL: {secret_token: '${x}'}}\n"
        "timeline: [{at: 1m, set: {client.SQL.secret_token: '${x}'}}]\n"
    )
    doors = Doors(Opened(), inside, outside)
    doors.runtime.use(loader.load(outside / "mine.yaml"))
    yield doors
    doors.close()


@pytest.mark.parametrize("door", [put_host, patch_host])
@pytest.mark.parametrize(
    "fragment",
    [
        {"rules": [{"reply": {"body": "${x}"}}]},
        {"rules": [{"reply": {"body": "well ${x}"}}]},
        {"rules": [{"set": {"rules": [{"reply": {"body": "${x}"}}]}}]},
        {"client": {"SQL": {"tenant_url": "http://${x}/"}}},
        {"connectors": {"SQL": {"system": {"objects": [{"ContosoLogin": "${x}"}]}}}},
    ],
)
def test_the_network_cant_show_a_variable_of_the_hosts_own_scenario(
    guarded: Doors, door: Callable[[Doors, dict[str, Any]], TestResponse], fragment: dict[str, Any]
) -> None:
    """A reply with `${x}` would hand it out on the data plane."""
    assert "is read from the environment" in refused(door(guarded, fragment))
    guarded.runtime.advance(90)
    assert guarded.runtime.scenario.client["SQL"]["secret_token"] == SECRET, "the file's own settings may"


@pytest.mark.parametrize("written", ["${x}", "$${x}", "$$${x}", "$$$${x}", "$$$$$${x}"])
def test_no_way_of_writing_a_variable_gets_it_later(guarded: Doors, written: str) -> None:
    """Settings that are made later are filled once, when they come in."""
    later = {"rules": [{"reply": {"body": written}}]}
    planted: list[dict[str, Any]] = [
        {"set": later},
        {"sequence": [{"set": later}]},
        {"set": {"rules": [{"set": later}]}},
    ]
    for each in planted:
        guarded.ask("POST", "/v1/rules", {"name": "planted", **each})
    guarded.ask("PUT", "/v1/host", {"set": {"rules": [{"set": later}]}})
    runtime = guarded.runtime
    for _ in range(3):
        for rule in runtime.state.rules.documents():
            settings = rule.get("set")
            for path, value in settings.items() if isinstance(settings, Mapping) else ():
                runtime.set(path, value)
        assert SECRET not in json.dumps([each.document for each in runtime.scenario.rules], default=str)


def test_overrides_of_the_operator_and_of_the_network_stay_apart(closed: Doors) -> None:
    """They are laid on each other, but not taken for one another."""
    runtime = closed.runtime
    runtime.set("rules", [{"reply": {"body_file": str(closed.outside / "key.txt")}}])
    assert runtime.scenario.rules[0].document["reply"] == {"body": CANARY}
    refused(put_host(closed, {"rules": [{"reply": {"body_file": str(closed.outside / "key.txt")}}]}))
    assert put_host(closed, {"host.debug": True}).status_code == 200
    runtime.set("rules", [{"reply": {"body_file": str(closed.outside / "people.csv")}}])
    refused(put_host(closed, {"vars": {"x": {"env": NAME}}}))


def test_verification_names_nothing(closed: Doors) -> None:
    """No condition of it is read from a file or from the environment."""
    for spec in ({"body_file": "x"}, {"vars": {"x": {"env": NAME}}}, {"extends": "x"}):
        refused(closed.ask("POST", "/v1/verify", spec))
    held = closed.ask("POST", "/v1/verify", {"path": "${x}", "count": 0})
    assert held.get_json()["ok"] is True


# ---- the operator ----

Trusted = Callable[[Path, dict[str, Any]], object]


def from_file(folder: Path, fragment: dict[str, Any]) -> object:
    (folder / "made.json").write_text(json.dumps({"format": 1, "extends": BASE, **fragment}))
    return loader.load(folder / "made.json")


def from_set(folder: Path, fragment: dict[str, Any]) -> object:
    return loader.load(BASE, sets=[f"{path}={json.dumps(value)}" for path, value in fragment.items()])


def from_python(folder: Path, fragment: dict[str, Any]) -> object:
    return MockHost({"extends": BASE, **fragment}).scenario


def from_a_test(folder: Path, fragment: dict[str, Any]) -> object:
    return Terms().load(BASE, fragment)


@pytest.mark.parametrize("door", [from_file, from_set, from_python, from_a_test])
@pytest.mark.parametrize("word", [word for word in WORDS if IS_USABLE[word]])
def test_the_operator_names_anything(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, door: Trusted, word: str
) -> None:
    """A file of his names data files in its own folder; what he says himself, from the working folder."""
    folder = folders[1]
    monkeypatch.chdir(folder)
    kind, fragment = WORDS[word]
    if kind == PARENT and door in (from_set, from_a_test):
        with pytest.raises(UsageError, match="'extends' can be said in a scenario file only"):
            door(folder, fragment("./parent.yaml"))
        return
    name = NAME if kind == VARIABLE else f"./{name_of(word)}"
    if kind == OUTSIDE and IS_LATER[word] and ".sql" in word:
        with pytest.raises(MockhostError, match="made later"):
            door(folder, fragment(name))
        return
    assert door(folder, fragment(name))
    if kind == OUTSIDE:
        return  # a database file is made where there is none
    if kind == FILE or not (kind == PARENT or IS_LATER[word]):
        with pytest.raises(MockhostError):
            door(folder, fragment("nothing-of-this-name"))


@pytest.mark.parametrize("word", [word for word, said in WORDS.items() if said.kind == FILE])
def test_a_file_names_no_data_file_outside_its_folder(folders: tuple[Path, Path], word: str) -> None:
    """Wherever in it the word stands."""
    with pytest.raises(MockhostError, match="is not in the folder of the file that names it"):
        from_file(folders[1], WORDS[word].fragment(f"../inside/{name_of(word)}"))


# ---- systems outside of the process ----


def _page(**more: Any) -> dict[str, Any]:
    return {"connectors": {"SQL": {"system": {"sql": {"url": "sqlite:///people.db", **more}}}}}


def test_the_network_says_nothing_of_a_system_that_the_operator_named(tmp_path: Path) -> None:
    """Not its table, not its columns, and not a variable in its URL; what is wrong with it, and rules, it may say."""
    file = tmp_path / "mine.json"
    variable = {"vars": {"name": {"value": "people"}}}
    where = {"sql": {"url": f"sqlite:///{tmp_path}/${{name}}.db", "table": "Employees"}}
    made = {"format": 1, "extends": BASE, **variable, "connectors": {"SQL": {"system": where}}}
    file.write_text(json.dumps(made))
    doors = Doors(Opened(), tmp_path, tmp_path)
    doors.runtime.use(loader.load(file))
    for path, value in {
        "connectors.SQL.system.sql.table": "Salaries",
        "connectors.SQL.system.sql.rows": "replace",
        "connectors.SQL.system.sql.url": f"sqlite:///{tmp_path}/other.db",
        "connectors.SQL.system.columns": {"Secret": "string"},
    }.items():
        assert "can't name a database" in refused(patch_host(doors, {path: value})), path
    assert (
        doors.ask("PATCH", "/v1/host", {"set": {"connectors.SQL.system.trouble": "locked"}}).status_code
        == 200
    )
    assert (
        doors.ask("PATCH", "/v1/host", {"set": {"connectors.SQL.system.sql.url": "sqlite://"}}).status_code
        == 200
    )
    doors.close()


def test_a_variable_of_the_network_is_in_no_url(tmp_path: Path) -> None:
    """A file's `${name}` takes the file's value, or none."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    said = {"extends": BASE, "vars": {"x": {"value": "people"}}, **_page(url="sqlite:///${x}.db")}
    (folder / "mine.json").write_text(json.dumps({"format": 1, **said}))
    doors = Doors(Opened.of([folder], []), tmp_path, tmp_path)
    body = {"scenario": {"extends": "./mine.json", "vars": {"x": {"value": "other"}}}}
    refused(doors.ask("PUT", "/v1/scenario", body))
    doors.close()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////etc/people.db",
        "sqlite:///../people.db",
        "sqlite:///file:people.db?uri=true",
        "sqlite:///a.db?mode=ro",
    ],
)
def test_a_file_names_no_database_outside_its_folder(tmp_path: Path, url: str) -> None:
    (tmp_path / "mine.json").write_text(json.dumps({"format": 1, "extends": BASE, **_page(url=url)}))
    with pytest.raises(MockhostError, match=r"in the folder of|names a file"):
        loader.load(tmp_path / "mine.json")
