"""Loading: where a scenario is found, what lies on top of what, and what never leaves it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockhost.actions import Import
from mockhost.errors import MOST_COMPARED, MOST_LOOKED_AT, ScenarioError, UsageError, did_you_mean
from mockhost.nesting import merged
from mockhost.scenario import loader, shape
from mockhost.scenario.model import Moment

BASE: dict[str, Any] = {
    "title": "A small one",
    "connectors": {
        "HR": {
            "secret_token": "visibly-fake",
            "anchor": "Login",
            "system": {"columns": {"Login": "string", "Active": "boolean"}, "objects": [{"Login": "bob"}]},
        }
    },
}


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


# -- names and files -------------------------------------------------------------------------------------------


def test_a_bare_name_is_looked_up_on_the_shelves() -> None:
    """`basics/healthy` is the shipped one, with the connectors that everything else builds on."""
    scenario = loader.load("basics/healthy", env={})
    assert scenario.name == "basics/healthy"
    assert list(scenario.connectors) == ["SQL", "LDAP"]
    assert scenario.connectors["SQL"].anchor == "ContosoLogin"
    assert scenario.connectors["SQL"].secret_token == "correct-horse-battery"
    assert scenario.parent is None


def test_folders_of_the_environment_add_shelves(tmp_path: Path) -> None:
    """MOCKHOST_SCENARIOS names folders; shipped names win; `extends` finds what stands there."""
    one, two = tmp_path / "one", tmp_path / "two"
    write(one / "mine" / "first.yaml", "format: 1\nextends: basics/healthy\ntitle: first\n")
    write(two / "second.yml", "format: 1\nextends: mine/first\n")
    write(two / "basics" / "healthy.yaml", "format: 1\ntitle: not the shipped one\nconnectors: {}\n")
    env = {"MOCKHOST_SCENARIOS": os.pathsep.join([str(one), str(two)])}
    scenario = loader.load("second", env=env)
    assert (scenario.title, scenario.parent) == ("first", "mine/first")
    assert loader.load("basics/healthy", env=env).title != "not the shipped one"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("basics/helthy", "there is no scenario 'basics/helthy'; did you mean 'basics/healthy'?"),
        ("Basics/Healthy", "there is no scenario 'Basics/Healthy'; did you mean 'basics/healthy'?"),
        ("zzz", "there is no scenario 'zzz'; 'mockhost scenarios' lists them"),
        ("../../etc/passwd", "../../etc/passwd: there is no such file; "),
        ("a/../../b", "there is no scenario 'a/../../b'; 'mockhost scenarios' lists them"),
        ("", "there is no scenario ''; 'mockhost scenarios' lists them"),
        ("a\0b.yaml", "'a\\x00b.yaml': there "),
        ("x" * 5_000 + ".yaml", "'xxxxxxxxxx" if os.name == "posix" else "xxxxxxxxxx"),
    ],
)
def test_an_unknown_name_is_a_wrong_usage_with_a_near_name(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, not a report of problems."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        loader.load(name, env={})
    assert str(caught.value).startswith(message)


def test_a_missing_file_and_a_folder_are_wrong_usages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the near name of a file beside it; a name that would be a file is told how files are written."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "mine.yaml", "format: 1\n")
    with pytest.raises(
        UsageError, match=r"\./mein\.yaml: there is no such file; did you mean 'mine\.yaml'\?"
    ):
        loader.load("./mein.yaml", env={})
    with pytest.raises(UsageError, match=r"\./: is a folder"):
        loader.load("./", env={})
    with pytest.raises(UsageError, match=r"a file is written \./mine\.yaml"):
        loader.load("mine", env={})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
def test_a_pipe_is_not_called_missing(tmp_path: Path) -> None:
    """As a shell makes it for `<(…)`, behind a symbolic link; and nothing waits for what would come out of it."""
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "pipe.yaml")
    for name in ("pipe.yaml", "link.yaml"):
        with pytest.raises(
            UsageError, match="is a pipe or a device, and not a file; write what comes from it into"
        ):
            loader.load(tmp_path / name, env={})


def test_a_file_on_a_shelf_has_its_name_of_the_shelf(tmp_path: Path) -> None:
    """However it was named, `documented/` rules hold for it."""
    file = write(tmp_path / "documented" / "x.yaml", "format: 1\nextends: basics/healthy\n")
    env = {"MOCKHOST_SCENARIOS": str(tmp_path)}
    with pytest.raises(ScenarioError) as caught:
        loader.load(file, env=env)
    assert [problem.message for problem in caught.value.problems] == [
        f"the key {key!r} is missing" for key in ("cause", "cure", "reproduces")
    ]


def test_files_may_have_a_byte_order_mark_and_any_line_ends(tmp_path: Path) -> None:
    """As editors on Windows write them."""
    file = tmp_path / "x.yaml"
    file.write_bytes(b"\xef\xbb\xbfformat: 1\r\nextends: basics/healthy\r\ntitle: caf\xc3\xa9\r\n")
    assert loader.load(file, env={}).title == "café"


def test_relative_parents_count_from_the_file_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not from the working folder; the parent is named so that it can be loaded."""
    write(tmp_path / "a" / "child.yaml", "format: 1\nextends: ../b/parent.yaml\n")
    parent = write(tmp_path / "b" / "parent.yaml", "format: 1\nextends: basics/healthy\ntitle: parent\n")
    monkeypatch.chdir("/")
    scenario = loader.load(tmp_path / "a" / "child.yaml", env={})
    assert scenario.title == "parent"
    assert scenario.parent == str(parent.resolve())
    assert loader.load(scenario.parent, env={}).parent == "basics/healthy"
    assert [file.name for file in scenario.files][-2:] == ["parent.yaml", "child.yaml"]


# -- what lies on top of what ------------------------------------------------------------------------------------


def test_precedence_is_overrides_sets_file_parent() -> None:
    """The later said, the stronger."""
    document = {"extends": "basics/healthy", "seed": 1, "host": {"debug": True}}
    assert loader.load_document(document, env={}).seed == 1
    assert loader.load_document(document, sets=["seed=2"], env={}).seed == 2
    scenario = loader.load_document(document, sets=["seed=2", "seed=3"], overrides={"seed": 4}, env={})
    assert (scenario.seed, scenario.host.debug, scenario.title) == (4, True, "A healthy host")


def test_maps_merge_lists_replace_null_removes() -> None:
    """The same rule for files, sets and overrides."""
    scenario = loader.load(
        "basics/healthy",
        sets=["connectors.SQL.selected_attributes=[ContosoLogin]", "connectors.SQL.deprovisioning=null"],
        overrides={"connectors": {"LDAP": None, "SQL": {"system": {"people": 50}}}},
        env={},
    )
    assert list(scenario.connectors) == ["SQL"]
    page = scenario.connectors["SQL"]
    assert page.selected_attributes == ("ContosoLogin",)
    assert page.deprovisioning.disable == "none"
    assert page.system.people is not None
    assert page.system.people.size == 50
    assert page.system.objects


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("host.debug=true", ("host", "debug"), True),
        ("seed=012", ("seed",), 12),
        ("connectors.SQL.secret_token=123456", ("connectors", "SQL", "secret_token"), "123456"),
        ("connectors.SQL.secret_token=true", ("connectors", "SQL", "secret_token"), "true"),
        ("connectors.SQL.secret_token={a=b,[c", ("connectors", "SQL", "secret_token"), "{a=b,[c"),
        ('connectors.SQL.secret_token="123"', ("connectors", "SQL", "secret_token"), "123"),
        ("connectors.SQL.secret_token=#!:a", ("connectors", "SQL", "secret_token"), "#!:a"),
        ("client.SQL.secret_token=", ("client", "SQL", "secret_token"), ""),
        ("client.SQL.trusts=[]", ("client", "SQL", "trusts"), []),
        ("title=a: b", ("title",), "a: b"),
        ("$.host.tls=expired", ("host", "tls"), "expired"),
        (
            "host.tls={names: [a.example], valid: [-2d, 1d]}",
            ("host", "tls"),
            {"names": ["a.example"], "valid": ["-2d", "1d"]},
        ),
    ],
)
def test_a_set_value_is_yaml_but_a_text_stays_a_text(text: str, path: tuple[str, ...], value: object) -> None:
    """Where the schema wants a text, no quotes are needed."""
    document: Any = loader.load("basics/healthy", sets=[text], env={}).document
    for key in path:
        document = document[key]
    assert document == value
    assert type(document) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("host.debug", "'host.debug' is not PATH=VALUE; write it like host.debug=true"),
        ("=1", "'' is not a path into a scenario"),
        ("host..debug=true", "'host..debug' is not a path into a scenario"),
        ("client.SQL.trusts=[", "the value of client.SQL.trusts can't be read"),
        ("extends=basics/empty", "'extends' can be said in a scenario file only"),
    ],
)
def test_a_set_that_can_not_be_read_is_a_wrong_usage(text: str, message: str) -> None:
    """Exit code 2."""
    with pytest.raises(UsageError) as caught:
        loader.load("basics/healthy", sets=[text], env={})
    assert str(caught.value).startswith(message)


def test_a_wrong_set_is_a_problem_that_names_it() -> None:
    """Without its value, which may be a secret."""
    with pytest.raises(ScenarioError) as caught:
        loader.load("basics/healthy", sets=["connectors.SQL.anchr=hunter2"], env={})
    assert [str(problem) for problem in caught.value.problems] == [
        "--set connectors.SQL.anchr: $.connectors.SQL.anchr: unknown key 'anchr'; did you mean 'anchor'?"
    ]


def test_null_for_a_known_key_is_no_problem_where_there_is_nothing_to_remove(tmp_path: Path) -> None:
    """An emptied section, as it is left behind while editing; but a mistyped one is told."""
    file = write(tmp_path / "x.yaml", "format: 1\nextends: basics/healthy\nhost:\nrules:\n  # none yet\n")
    assert loader.load(file, env={}).rules == ()
    write(file, "format: 1\nextends: basics/healthy\nconnectors: {SQL: {anchr: null}, LDPA: null}\n")
    with pytest.raises(ScenarioError) as caught:
        loader.load(file, env={})
    assert [problem.path for problem in caught.value.problems] == [
        "$.connectors.SQL.anchr",
        "$.connectors.LDPA",
    ]


def test_what_a_parent_says_of_a_removed_connector_goes_with_it(tmp_path: Path) -> None:
    """Its steps, its moments and what its client was told; what the removing file says itself is a problem."""
    parent = {
        **BASE,
        "connectors": {**BASE["connectors"], "Old": BASE["connectors"]["HR"]},
        "client": {"Old": {"secret_token": "other"}, "HR": {"secret_token": "other"}},
        "timeline": [{"at": "1m", "import": "Old"}, {"at": "2m", "import": "HR"}],
        "expect": [{"send": "cache", "connector": "Old"}, {"send": "cache"}],
        "cure": [{"set": {"connectors.Old.anchor": "Login"}}, {"change": {"Old": {"delete": [{}]}}}],
    }
    scenario = loader.load_document(parent, overrides={"connectors": {"Old": None}}, env={})
    assert list(scenario.client) == ["HR"]
    assert scenario.timeline == (Moment(120.0, (Import("HR"),)),)
    assert scenario.expect == ({"send": "cache"},)
    assert scenario.cure == ()
    with pytest.raises(ScenarioError, match="there is no connector 'Old'"):
        loader.load_document(
            parent, overrides={"connectors": {"Old": None}, "cure": [{"import": "Old"}]}, env={}
        )


# -- documents and live changes ----------------------------------------------------------------------------------


def test_a_document_of_python_needs_no_format(tmp_path: Path) -> None:
    """Tuples are lists; data files may be anywhere, unless a folder is named."""
    data = write(tmp_path / "data.csv", "Login\nann\n")
    connectors = {"HR": {**BASE["connectors"]["HR"], "system": {"columns": {"Login": "string"}}}}
    connectors["HR"]["system"]["objects_file"] = str(data)
    scenario = loader.load_document({"connectors": connectors, "tags": ("a", "b")}, env={})
    assert scenario.tags == ("a", "b")
    assert scenario.connectors["HR"].system.objects == ({"Login": "ann"},)
    assert (scenario.origin, scenario.name) == (None, "(document)")
    with pytest.raises(ScenarioError, match="is not in the folder of the file that names it"):
        loader.load_document({"connectors": connectors}, folder=tmp_path / "elsewhere", env={})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"title": {1, 2}}, r"\(document\): \$\.title: a scenario can't hold a set"),
        ({"host": {1: 2}}, r"\(document\): \$\.host: the key 1 is not a text"),
        ({"seed": float("nan")}, r"\(document\): \$\.seed: nan is not a number that can be used"),
        ({"title": "\ud800"}, r"\(document\): \$\.title: a text with half of a surrogate pair"),
    ],
)
def test_what_no_file_could_say_is_a_wrong_usage(document: dict[str, Any], message: str) -> None:
    """A programmer's mistake, told with its place."""
    with pytest.raises(UsageError, match=message):
        loader.load_document(document, env={})


def test_a_document_that_contains_itself_is_a_wrong_usage() -> None:
    """And no endless loop."""
    document: dict[str, Any] = {"connectors": {}}
    document["connectors"]["HR"] = document
    with pytest.raises(UsageError, match="levels deep"):
        loader.load_document(document, env={})


def test_changes_can_be_laid_over_a_loaded_scenario_again_and_again() -> None:
    """By dotted path, as a document or as `PATH=VALUE`; the scenario before stays as it was."""
    first = loader.load_document(BASE, env={})
    second = loader.with_overrides(first, {"host.debug": True, "host": {"service": "stopped"}})
    third = loader.with_overrides(second, "connectors.HR.secret_token=another-fake")
    fourth = loader.with_overrides(third, {"connectors.HR.deprovisioning": {"disable": {"set": "Active"}}})
    fifth = loader.with_overrides(fourth, {"connectors.HR.deprovisioning": None}, sets=["seed=5"])
    assert (first.host.debug, second.host.debug, fifth.host.debug) == (False, True, True)
    assert fifth.host.service == "stopped"
    assert fifth.seed == 5
    assert fifth.connectors["HR"].secret_token == "another-fake"
    assert fourth.connectors["HR"].deprovisioning.disable_attribute == "Active"
    assert fifth.connectors["HR"].deprovisioning.disable == "none"
    with pytest.raises(ScenarioError, match=r"overrides: \$\.host\.debg: unknown key 'debg'"):
        loader.with_overrides(fifth, {"host.debg": True})
    with pytest.raises(UsageError, match="not a path"):
        loader.with_overrides(fifth, {"host.": True})


def test_a_connector_that_did_not_change_is_equal() -> None:
    """A setting elsewhere, or loading the same again, changes no value of a connector."""
    first = loader.load_document(BASE, env={})
    second = loader.with_overrides(first, {"clock": {"mode": "frozen"}})
    third = loader.load_document(BASE, env={})
    assert first.connectors["HR"] == second.connectors["HR"] == third.connectors["HR"]


# -- variables and secrets -----------------------------------------------------------------------------------------

WITH_VARIABLES: dict[str, Any] = {
    **BASE,
    "vars": {"token": {"env": "HR_TOKEN", "default": "visibly-fake"}, "many": {"env": "MANY", "default": 3}},
    "why": "costs $${many} or ${many}, ${token}",
    "connectors": {
        "HR": {**BASE["connectors"]["HR"], "secret_token": "${token}"},
        "Two": {
            **BASE["connectors"]["HR"],
            "system": {"columns": {"Login": "string"}, "people": {"count": "${many}"}},
        },
    },
}


def test_variables_take_the_type_that_is_due() -> None:
    """A number where a number is due, a text inside a text; `$${` stays."""
    scenario = loader.load_document(WITH_VARIABLES, env={})
    people = scenario.connectors["Two"].system.people
    assert people is not None
    assert people.size == 3
    assert scenario.why == "costs ${many} or 3, visibly-fake"
    assert scenario.secrets == ()


def test_values_of_the_environment_are_secrets() -> None:
    """They are listed, and stand neither in the document nor in what a scenario shows of itself."""
    env = {"HR_TOKEN": "123456", "MANY": "7"}
    scenario = loader.load_document(WITH_VARIABLES, env=env)
    assert scenario.connectors["HR"].secret_token == "123456"
    people = scenario.connectors["Two"].system.people
    assert people is not None
    assert people.size == 7
    assert scenario.secrets == ("123456", "7")
    assert "123456" not in repr(scenario.document)
    assert "123456" not in repr(scenario)
    changed = loader.with_overrides(scenario, {"seed": 2})
    assert changed.connectors["HR"].secret_token == "123456"


def test_a_secret_is_not_shown_in_a_problem() -> None:
    """Neither as the bad value itself nor inside a message."""
    document = {**WITH_VARIABLES, "client_should": "${token}"}
    with pytest.raises(ScenarioError) as caught:
        loader.load_document(document, env={"HR_TOKEN": "pass word", "MANY": "lots"})
    text = str(caught.value)
    assert len(caught.value.problems) == 3
    assert "pass word" not in text
    assert "lots" not in text


def test_a_variable_is_replaced_in_what_was_compiled_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is that of the process unless another is given."""
    monkeypatch.setenv("HR_TOKEN", "from-the-process")
    assert loader.load_document(WITH_VARIABLES).connectors["HR"].secret_token == "from-the-process"


_SAID = st.fixed_dictionaries(
    {},
    optional={
        "host": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "tls": st.sampled_from([None, "expired", {"names": ["a"]}, {"names": None, "issuer": "ca"}]),
                "debug": st.sampled_from([None, True, False]),
            },
        ),
        "seed": st.sampled_from([None, 1, 2]),
    },
)


@given(st.lists(_SAID, max_size=5))
@settings(max_examples=50)
def test_many_changes_are_remembered_as_few(said: list[dict[str, Any]]) -> None:
    """Overrides on overrides are folded, and the result is that of laying one on the other."""
    folded = plain = loader.load_document(BASE, env={})
    document = plain.document
    for overrides in said:
        folded = loader.with_overrides(folded, overrides)
        document = merged(document, overrides)
    assert folded.document == document
    changes = [{"host.debug": bool(i % 2)} for i in range(50)]
    for change in changes:
        folded = loader.with_overrides(folded, change)
    assert len(folded.trail.layers) <= 8
    assert folded.host.debug


def test_a_set_that_is_no_text_is_a_wrong_usage() -> None:
    """As a terminal of another encoding hands it over."""
    with pytest.raises(UsageError, match="half of a surrogate pair"):
        loader.load("basics/healthy", sets=["title=\udcff"], env={})


@pytest.mark.parametrize(
    ("sets", "problem"),
    [
        (["host.debg=null"], "--set host.debg: $.host.debg: unknown key 'debg'; did you mean 'debug'?"),
        (["hots=null"], "--set hots: $.hots: unknown key 'hots'; did you mean 'host'?"),
        (
            ["connectors.SQL.dl=null"],
            "--set connectors.SQL.dl: $.connectors.SQL.dl: unknown key 'dl'; did you mean 'dll'?",
        ),
    ],
)
def test_a_null_for_a_key_that_there_is_not_is_a_slip(sets: list[str], problem: str) -> None:
    """It removes nothing, and merging would leave no trace of it."""
    with pytest.raises(ScenarioError) as caught:
        loader.load("basics/healthy", sets=sets, env={})
    assert list(map(str, caught.value.problems)) == [problem]


@pytest.mark.parametrize(
    "said", ["host.tls=null", "host.behaviours.put=null", "connectors.Gone=null", "client.SQL=null"]
)
def test_a_null_may_remove_what_is_not_there(said: str) -> None:
    """A cure that is played twice is no mistake."""
    assert loader.load("basics/healthy", sets=[said], env={}).connectors.keys() == {"SQL", "LDAP"}


def test_a_live_rule_is_judged_as_one_of_a_file() -> None:
    """All that is wrong with it at once."""
    healthy = loader.load("basics/healthy", env={})
    loader.live_rule({"when": {"operation": "find_users"}, "reply": {"status": 503}}, healthy)
    with pytest.raises(UsageError) as caught:
        loader.live_rule(
            {
                "when": {"opration": "me"},
                "fault": "connection_rest",
                "probability": 1.5,
                "set": {"clock": {}},
            },
            healthy,
        )
    for part in (
        "$.when.opration: unknown key",
        "$.fault: there is no fault 'connection_rest' (did you mean 'connection_reset'?)",
        "$.probability",
        "$.set.clock",
    ):
        assert part in str(caught.value)


def test_a_document_full_of_mistakes_is_judged_up_to_a_limit() -> None:
    """A stranger's document decides neither how long that takes nor how long the report is."""
    wrong = {"when": {"operation": "find_userz"}, "reply": "normal"}
    with pytest.raises(ScenarioError) as caught:
        loader.load_document({"format": 1, "extends": "basics/healthy", "rules": [wrong] * 5_000})
    assert len(caught.value.problems) <= shape.FAILURE_LIMIT + 1
    assert "1,000 problems or more" in str(caught.value)


def test_a_misspelt_name_is_compared_with_few_others_only() -> None:
    """Comparing takes the square of the lengths; among very many names one in another case is still found."""
    names = [f"Column{n}" for n in range(MOST_COMPARED + 1)]
    assert did_you_mean("column7", names) == "did you mean 'Column7'?"
    assert did_you_mean("Colum7", names) == ""
    assert did_you_mean("Colum7", names[:-1]) == "did you mean 'Column7'?"
    assert did_you_mean("x" * 100_000, names[:-1]) == ""
    many = [f"Column{n}" for n in range(MOST_LOOKED_AT)]
    assert did_you_mean("column7", many) == "did you mean 'Column7'?"
    assert did_you_mean("column7", [*many, "another"]) == ""
