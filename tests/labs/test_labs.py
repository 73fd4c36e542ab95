"""Labs: every one is played, the linter finds what makes one unsound, and a learner gets through the first."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mockhost import MockHost
from mockhost.cli.verbs import mockhost
from mockhost.errors import ScenarioError, UsageError
from mockhost.labs import lab as labs
from mockhost.labs import lint, progress
from mockhost.labs.session import Session
from tools.docs.labs import covered

FOLDERS = labs.folders({})
Lab = Callable[..., labs.Lab]


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("MOCKHOST_LABS", raising=False)


@pytest.fixture
def own(tmp_path: Path) -> Lab:
    """The lab that `lab init` writes, with other texts in some of its files."""

    def make(**files: tuple[str, str]) -> labs.Lab:
        folder = tmp_path / "own" / "X01-own"
        list(labs.write_starter(folder))
        for name, (old, new) in files.items():
            file = next(each for each in folder.iterdir() if each.stem.replace("-", "_") == name)
            text = file.read_text("utf-8")
            assert old in text
            file.write_text(text.replace(old, new), "utf-8")
        return labs.read(folder)

    return make


def run(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(mockhost, ["lab", *words], input=typed)


# -- every lab -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_a_lab_is_red_is_solved_by_its_solution_and_resets(folder: Path) -> None:
    """Solved by nothing else: each cheat stays red, and each thing that is not allowed is run into by one."""
    assert lint.problems(labs.read(folder), play=True) == []


def test_every_heading_of_the_page_has_a_lab() -> None:
    assert [heading for heading, labs_of_it in covered().items() if not labs_of_it] == []


def test_the_starter_is_a_sound_lab(own: Lab) -> None:
    assert lint.problems(own(), play=True) == []


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"solution": ("portal> enter secret-token a-new-one\n", "")}, "solution.txt does not solve it: The portal's"),
        ({"solution": ("PS> Restart", "Restart")}, "solution.txt: 'Restart-Service"),
        ({"wrong_debug": ("PS> notepad", "PS> dir")}, "no wrong-*.txt runs into: The host takes any token"),
        (
            {
                "wrong_debug": ("# Debug=true", "portal> enter secret-token correct-horse-battery\n#"),
                "scenario": ("wrong_cure:", "wrong_cure: []\ncure:"),
            },
            "wrong-debug.txt solves it, and should not",
        ),
        ({"scenario": ("{ok: true}", "{ok: false}")}, "solved before"),
        ({"scenario": ("    note: The portal's Test connection succeeds\n", "")}, "cured[0] has no note"),
        ({"brief": ("red", "r\N{LATIN SMALL LETTER E WITH ACUTE}d")}, "plain ASCII"),
        (
            {"lab": ("# hintchecks: []", "hintchecks: [{send: delete, note: x, gets: {status: 1}}] #")},
            "$.hintchecks[0]: 'send: delete' needs 'id'",
        ),
        ({"lab": ("The token is typed", "${token} is typed")}, "${token} is not a variable of the scenario"),
    ],
)  # fmt: skip
def test_what_makes_a_lab_unsound_is_found(own: Lab, files: dict[str, tuple[str, str]], found: str) -> None:
    assert found in "\n".join(lint.problems(own(**files), play=True))


def test_what_a_learner_reads_has_the_learners_port_and_the_token_of_a_check(own: Lab) -> None:
    lab = own()
    scenario = lab.scenario("one")
    with MockHost(scenario, control=False, host={"debug": True}) as host:
        session = Session(lab, scenario, host, {})
        (cheat,) = session.check().cheats
        listed = session.run("Invoke-WebRequest https://localhost:8585/ecma2host_SQL/scim/Users").text
    assert "https://localhost:8585/ecma2host_SQL/scim/Users/ljacobson" in listed
    assert cheat.see == "TestECMA2HostConnection -ConnectorName SQL -SecretToken anything-at-all"


def test_a_check_without_a_token_is_shown_without_one() -> None:
    lab = labs.find("L24", {})
    scenario = lab.scenario("one")
    with MockHost(scenario, control=False) as host:
        tick = Session(lab, scenario, host, {}).check().ticks[0]
    assert tick.see.startswith("Invoke-WebRequest 'https://localhost:8585/")
    assert "-Headers" not in tick.see


def test_what_a_table_shows_is_seen_without_its_head() -> None:
    lab = labs.find("L01", {})
    scenario = lab.scenario("one")
    with MockHost(scenario, control=False) as host:
        tick = Session(lab, scenario, host, {}).check().ticks[0]
    assert tick.expected == "'Running' in what it shows"
    assert tick.seen == "Stopped Microsoft ECMA2... Microsoft ECMA2Host"


def test_the_folder_of_a_lab_may_be_named_itself(own: Lab) -> None:
    folder = own().folder
    assert folder in labs.folders({"MOCKHOST_LABS": str(folder)})


def test_mistakes_in_a_lab_are_reported_with_line_and_hint(own: Lab) -> None:
    """By the reporter of scenarios: all at once, in their places."""
    lab = own()
    file = lab.folder / "lab.yaml"
    text = file.read_text("utf-8").replace("track:", "trak:").replace("level: 1", "level: 9")
    file.write_text(text.replace("# hintchecks: []", "hintchecks: [{send: find}] #"), "utf-8")
    with pytest.raises(ScenarioError) as caught:
        labs.read(lab.folder)
    said = str(caught.value)
    assert "lab.yaml:3:1: $.trak: unknown key 'trak'; did you mean 'track'?" in said
    assert "lab.yaml:4:8: $.level" in said
    assert "$.hintchecks[0]: the step has no note" in said


def test_one_lab_with_mistakes_hides_no_other(own: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    file = own().folder / "lab.yaml"
    file.write_text(file.read_text("utf-8").replace("track:", "trak:"), "utf-8")
    monkeypatch.setenv("MOCKHOST_LABS", str(file.parent.parent))
    found = run("list", "--json")
    assert [each["id"] for each in json.loads(found.stdout)] == [folder.name for folder in FOLDERS]
    assert "X01-own is left out: 1 problem in " in found.stderr
    assert "see 'mockhost lab lint X01-own'" in found.stderr


def test_a_lab_is_found_by_its_number_in_any_case_and_by_its_folder(own: Lab) -> None:
    lab = own()
    assert labs.find("l01").id == "L01-no-answer"
    assert labs.find(f"{lab.folder}/").id == "X01-own"
    assert labs.find("x01", {"MOCKHOST_LABS": str(lab.folder.parent)}).id == "X01-own"
    with pytest.raises(UsageError, match="there is no lab 'L0'"):
        labs.find("L0")
    with pytest.raises(UsageError, match="MOCKHOST_LABS"):
        labs.folders({"MOCKHOST_LABS": str(lab.folder / "nothing")})


def test_two_learners_get_values_of_their_own(own: Lab) -> None:
    """A variable of the scenario, and what is written with it; the same learner gets the same values again."""
    lab = own(
        lab=("# vary: {token: token,", "vary: {token: token,"),
        scenario=("machine:", "vars: {token: x, user: y}\nconnectors: {SQL: {secret_token: '${token}'}}\nmachine:"),
        solution=("PS>", "# ${user}\nPS>"),
    )  # fmt: skip
    one, again, other = (lab.scenario(learner) for learner in ("one", "one", "other"))
    assert one.connectors["SQL"].secret_token == again.connectors["SQL"].secret_token
    assert one.connectors["SQL"].secret_token != other.connectors["SQL"].secret_token
    assert labs.filled("${user}", one) in ("bob", "carol")


# -- a learner -----------------------------------------------------------------------------------------------------


def test_the_first_lab_is_offered_solved_and_remembered() -> None:
    assert "mockhost lab start L01" in run().output
    found = run(
        "start",
        "L01",
        typed="help\nGet-ChildItem\nportal test-connection\ncheck\nhint\nhint\nnext L99\n"
        'Start-Service "Microsoft ECMA2Host"\nwhy\nexit\n',
    )
    assert found.exit_code == 0
    shown, long = found.output, re.compile("https:|SystemForCross")  # words that are longer than a line
    assert "[ ] The service Microsoft ECMA2Host runs" in shown
    assert "see it    Get-Service 'Microsoft ECMA2Host'" in shown
    assert "On your server: " in shown
    assert "Hint 1 of 3: " in shown
    assert "this lab    hint, check, brief" in shown
    assert "Cannot find path" not in shown  # the folder of the prompt is there
    assert "there is no lab 'L99'" in shown
    assert "Solved! L01 No answer: 1 min, 2 hints." in shown
    assert "Next:        'next' starts L02" in shown
    assert all(len(line) <= 80 and line.isascii() for line in shown.splitlines() if not long.search(line))
    listed = json.loads(run("list", "--json").output)
    assert list(listed[0]) == ["id", "title", "track", "minutes", "state"]
    assert [each["state"] for each in listed[:2]] == ["solved", "open"]
    assert "mockhost lab start L02" in run().output
    assert json.loads(run("progress", "--export", "json").output)[0]["hints"] == 2


def test_other_terminals_use_the_host_that_is_running(tmp_path: Path) -> None:
    """check, answer, hint, solution and reset find it by the file of progress; what they change counts for all."""
    lab = labs.find("L02", {})
    scenario = lab.scenario("one")
    with MockHost(scenario) as host:
        with progress.changed(tmp_path / "state" / "mockhost" / "labs.json") as found:
            found["running"] = {"folder": str(lab.folder), "url": host.control_url, "pid": os.getpid()}
            progress.of(found, lab.id)["started"] = 0.0
        assert run("check").exit_code == 1
        assert run("answer", "code", "12").exit_code == 1
        assert run("answer", "code", "1060").exit_code == 0
        assert run("portal", "test-connection").exit_code == 1
        assert "On your server" in run("hint").output
        assert "setup install agent" in run("solution").output
        typed = run(typed="setup install agent\nnext\n")
        assert "Solved! L02" in typed.output
        assert run("check").exit_code == 0
        assert json.loads(run("list", "--json").output)[1]["state"] == "seen"
        assert "L02 is running" in run("start", "L01").output
        assert run("reset").exit_code == 0
        assert run("check").exit_code == 1
    assert "no lab is running" in run("check").output


@pytest.mark.slow
def test_a_detached_lab_runs_until_it_is_stopped() -> None:
    """In a process of its own, which every terminal of this user finds."""
    started = run("start", "L01", "--detach")
    assert started.exit_code == 0
    assert "mockhost lab stop" in started.output
    try:
        assert run("check").exit_code == 1
        assert "L01 is running" in run("start", "L02").output
        typed = run(typed='Start-Service "Microsoft ECMA2Host"\n')
        assert "Solved! L01" in typed.output
    finally:
        assert run("stop").output == "L01 has ended\n"
    assert run("check").exit_code == 2


def test_start_process_opens_a_window_of_an_administrator() -> None:
    """As on a real server: `Start-Process powershell -Verb RunAs`, and `exit` closes it."""
    lab = labs.find("L01", {})
    scenario = lab.scenario("one")
    with MockHost(scenario, control=False, machine={"elevated": False}) as host:
        session = Session(lab, scenario, host, {})
        start = 'Start-Service "Microsoft ECMA2Host"'
        assert "Cannot open" in session.run(start).text
        session.run("Start-Process PowerShell -Verb RunAs")
        assert session.prompt == "PS C:\\Windows\\system32> "
        assert session.run(start).code == 0
        assert session.leave()
        assert session.prompt == "PS C:\\Users\\student> "
        assert not session.leave()


def test_a_file_that_is_not_progress_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "state" / "mockhost" / "labs.json"
    file.parent.mkdir(parents=True)
    file.write_text("[]", "utf-8")
    found = run("list")
    assert found.exit_code == 2
    assert "is not a file of progress" in found.output
    assert file.read_text("utf-8") == "[]"


def test_two_terminals_lose_no_progress_of_each_other(tmp_path: Path) -> None:
    """Each writes what it changed, whichever ends first, and takes back nothing of the other's."""
    file = tmp_path / "mockhost" / "labs.json"
    with progress.changed(file) as first:
        progress.of(first, "L01")["answers"]["code"] = "5"
        progress.of(first, "L02").update(state="seen", started=1.0)
    with progress.changed(file) as slow:
        with progress.changed(file) as other:
            progress.of(other, "L01")["answers"]["port"] = "8585"
            progress.of(other, "L02")["hints"] = 2
            other["class"] = {"url": "http://class.example", "code": "a"}
        progress.of(slow, "L01")["answers"].pop("code")
        progress.of(slow, "L02")["state"] = "solved"
    found = progress.read(file)
    assert found["learner"] == first["learner"]
    assert found["labs"]["L01"]["answers"] == {"port": "8585"}
    assert (found["labs"]["L02"]["state"], found["labs"]["L02"]["hints"]) == ("solved", 2)
    assert found["class"]["code"] == "a"


def test_many_threads_lose_no_progress(tmp_path: Path) -> None:
    file = tmp_path / "mockhost" / "labs.json"
    with progress.changed(file) as found:
        found["labs"] = {}

    def add(number: int) -> None:
        with progress.changed(file) as found:
            progress.of(found, f"L{number:02}")["hints"] = number

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert {entry["hints"] for entry in progress.read(file)["labs"].values()} == {*range(40)}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes in folders")
@pytest.mark.parametrize("name", ["brief.md", "lab.yaml", "scenario.yaml", "solution.txt"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "L90-pipe"
    list(labs.write_starter(folder))
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(UsageError, match="it is not a file"):
        labs.read(folder).text(name)
