"""A class: a host for each student, who see their own; a teacher who sees all; and what is kept of it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from mockhost import MockHost
from mockhost.cli.classes import chosen
from mockhost.cli.verbs import mockhost
from mockhost.client.control import ControlPlane
from mockhost.errors import CannotRun, UsageError
from mockhost.files import write
from mockhost.labs import classroom, desk
from mockhost.labs import lab as labs
from mockhost.labs.classroom import Classroom

LABS = [labs.find("L01"), labs.find("L02")]
HOSTILE = "<img src=x onerror=alert(1)>"
Plane = Callable[[int], ControlPlane]


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Classroom]:
    with Classroom(LABS, 2, tmp_path / "class") as made:
        yield made


def student(room: Classroom, number: int) -> ControlPlane:
    return ControlPlane(room.url, room.kept["students"][number - 1]["code"])


def teacher(room: Classroom) -> ControlPlane:
    return ControlPlane(room.url, room.kept["teacher"])


def page(room: Classroom, token: str, path: str) -> tuple[int, str]:
    """A page as a browser gets it that was given a token."""
    parts = urlsplit(room.url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0, timeout=120)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}", "Accept": "text/html"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def solve(plane: ControlPlane) -> None:
    """Solve L01."""
    plane.call("lab_line", line="Start-Process powershell -Verb RunAs")
    assert plane.call("lab_line", line='Start-Service "Microsoft ECMA2Host"')["solved"]


def test_a_student_solves_a_lab_and_the_other_notices_nothing(room: Classroom) -> None:
    """Ticks, congratulations, the next lab; the teacher sees it."""
    one, two = student(room, 1), student(room, 2)
    assert one.call("lab_line", line="check")["code"] == 1
    solve(one)
    assert one.call("lab_state")["solved"]
    assert not two.call("lab_state")["solved"]
    assert "L02" in one.call("lab_line", line="next")["text"]
    assert one.call("lab_state")["lab"]["id"] == "L02"
    first, second = teacher(room).call("class_state")["students"]
    assert (first["lab"], first["labs"], second["labs"]) == (
        "L02",
        {"L01": "solved", "L02": "started"},
        {"L01": "started", "L02": "open"},
    )


def test_a_code_is_for_one_host_and_for_a_learners_operations(room: Classroom) -> None:
    """Commands of the server go to the own host; the teacher's operations are refused, and so is a guess."""
    one = student(room, 1)
    assert "Stopped" in one.call("windows", command="Get-Service")["output"]
    for operation in ("class_state", "class_progress", "get_scenario", "get_truth"):
        with pytest.raises(UsageError, match="not for a learner"):
            one.call(operation)
    with pytest.raises(UsageError, match="not the control plane's"):
        ControlPlane(room.url, "aaaa-bbbb-cccc").call("lab_state")
    with pytest.raises(UsageError, match="asks for its token"):
        ControlPlane(room.url).call("lab_state")
    assert ControlPlane(room.url).call("get_health")["scenario"] == ""
    with pytest.raises(UsageError, match="host of one student"):
        teacher(room).call("get_journal")


def test_the_teacher_hints_pauses_solves_resets_and_injects(room: Classroom) -> None:
    one, all_of_it = student(room, 1), teacher(room)
    assert all_of_it.call("class_hint", text=HOSTILE) == {"students": 2}
    assert one.call("lab_state")["notes"] == [HOSTILE]
    all_of_it.call("class_freeze", frozen=True)
    with pytest.raises(UsageError, match="paused the class"):
        one.call("lab_line", line="Get-Service")
    all_of_it.call("class_freeze", frozen=False)
    all_of_it.call("class_solve", student="student-01")
    assert one.call("lab_state")["solved"]
    all_of_it.call("class_reset", student="student-01")
    assert not one.call("lab_state")["solved"]
    assert "L01,No answer,seen" in all_of_it.call("class_progress")
    all_of_it.call("class_fault", rule={"name": "busy", "reply": {"status": 503}})
    assert [len(each.host.call("list_rules")["rules"]) for each in room.desks.values()] == [1, 1]
    all_of_it.call("class_clear")
    assert not room.desks["student-02"].host.call("list_rules")["rules"]
    assert all_of_it.call("class_use", lab="L02") == {"students": 2}
    assert one.call("lab_state")["lab"]["id"] == "L02"
    with pytest.raises(UsageError, match="no lab 'L99'"):
        all_of_it.call("class_use", lab="L99")
    with pytest.raises(UsageError, match="no student"):
        all_of_it.call("class_reset", student="nobody")


def test_who_gains_no_tick_for_eight_minutes_is_stuck_but_not_in_a_pause(
    room: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = room.desks["student-01"].moved_at
    for module in (desk, classroom):
        monkeypatch.setattr(module, "wall_now", lambda: now)
    stuck = lambda: [each["stuck"] for each in teacher(room).call("class_state")["students"]]  # noqa: E731
    room.desks["student-02"].moved_at = now - desk.STUCK
    assert stuck() == [False, True]
    room.freeze(True)
    now += desk.STUCK
    room.freeze(False)
    assert stuck() == [False, True]
    now += desk.STUCK
    assert stuck() == [True, True]


def test_what_is_reached_survives_a_restart(room: Classroom, tmp_path: Path) -> None:
    """With the same codes; the host is at the beginning of the lab."""
    one = student(room, 1)
    solve(one)
    one.call("lab_line", line="next")
    one.call("lab_line", line="hint")
    room.__exit__()
    with Classroom(LABS, 3, tmp_path / "class") as again:
        assert again.kept["students"][0]["code"] == one.token
        found = student(again, 1).call("lab_state")
        assert found["lab"]["id"] == "L02"
        assert len(found["hints"]) == 1
        assert [each["state"] for each in found["labs"]] == ["solved", "started"]
        assert len(teacher(again).call("class_state")["students"]) == 3
    assert (tmp_path / "class" / classroom.FILE).stat().st_mode & 0o077 == 0


def test_no_host_grows_at_the_cost_of_the_others(room: Classroom, monkeypatch: pytest.MonkeyPatch) -> None:
    one = room.desks["student-01"]
    [name, *_] = one.host.connectors()
    before = one.host.call("list_connectors")["connectors"][name]["objects"]
    monkeypatch.setattr(desk, "_OBJECTS", before + 10)
    key = next(iter(one.host.objects(name)[0]))
    people = [{**one.host.objects(name)[0], key: f"u{number}"} for number in range(12)]
    student(room, 1).call("change_system", name=name, change={"insert": people})
    one.hold_down()
    assert one.host.call("list_connectors")["connectors"][name]["objects"] == before
    assert "was reset" in student(room, 1).call("lab_state")["notes"][-1]


def test_there_are_ports_for_everyone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no 30 ports after 65530"):
        Classroom(LABS, 30, tmp_path, port=65530)


STUDENT = {"name": "ann", "code": "aaaa-bbbb-cccc", "learner": "one", "lab": "L01-no-answer", "labs": {}}


def kept(**changed: Any) -> str:
    """The file of a class with one student, of whom something is changed."""
    return json.dumps({"format": 1, "teacher": "t" * 20, "students": [{**STUDENT, **changed}]})


def of_lab(**said: Any) -> str:
    return kept(labs={"L01-no-answer": {"state": "started", "started": 1.0, **said}})


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "[" * 100_000,
        '{"format": 1, "teacher": "x", "students": [{"name": 1}]}',
        kept(code=5),
        kept(code=""),
        kept(code="t" * 20),
        kept(name=""),
        kept(name="owner"),
        kept(name="\x1b[2J"),
        kept(learner=[]),
        kept(lab={}),
        kept(labs=[]),
        kept(labs={"L01-no-answer": 5}),
        kept(notes=5),
        of_lab(hints="many"),
        of_lab(state=["solved"]),
        of_lab(started="soon"),
        of_lab(solved=1e300),
        of_lab(solved=float("nan")),
        of_lab(answers=[]),
        of_lab(answers={"a": 1}),
        of_lab(said=[5]),
    ],
)
def test_a_file_that_is_not_a_class_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / classroom.FILE).write_text(text, "utf-8")
    with pytest.raises(UsageError, match="is not a class"):
        Classroom(LABS, 1, tmp_path)


def test_pages_show_what_anyone_typed_as_text(room: Classroom) -> None:
    """The student's and the teacher's; neither may see the other's."""
    code, key = room.kept["students"][0]["code"], room.kept["teacher"]
    teacher(room).call("class_hint", text=HOSTILE)
    status, lab = page(room, code, "/console/lab")
    assert status == 200
    assert "&lt;img src=x" in lab
    assert HOSTILE not in lab
    assert key not in lab
    status, everyone = page(room, key, "/console/class")
    assert status == 200
    assert "student-02" in everyone
    assert room.kept["students"][1]["code"] not in everyone
    assert page(room, code, "/console/class")[0] == page(room, key, "/console/lab")[0] == 404
    assert page(room, code, "/console/state")[0] == page(room, key, "/console/journal")[0] == 404


def test_the_sheet_has_a_code_for_each_student(room: Classroom) -> None:
    files = room.sheet()
    for each in room.kept["students"]:
        assert each["code"] in files["sheet.html"]
        assert f"{each['name']},{room.url}/#token={each['code']},{each['code']}" in files["sheet.csv"]


def test_the_command_line_joins_a_class(room: Classroom) -> None:
    """Then lab and windows are about the student's host there, until it leaves."""

    def run(*words: str, typed: str = "") -> Result:
        return CliRunner().invoke(mockhost, words, input=typed)

    code = room.kept["students"][0]["code"]
    for url, wrong, exit_code in ((room.url, "wrong", 2), ("http://127.0.0.1:9", code, 4)):
        refused = run("class", "join", url, wrong)
        assert refused.exit_code == exit_code
        assert "URL and code are on the sheet of your class" in refused.output
        assert "--url" not in refused.output
    assert "You are student-01" in run("class", "join", room.url, code.upper()).output
    assert run("lab", "check").exit_code == 1
    assert "Stopped" in run("windows", "Get-Service").output
    typed = 'Start-Process powershell -Verb RunAs\nStart-Service "Microsoft ECMA2Host"\nexit\nexit\n'
    assert "Solved! L01" in run("lab", typed=typed).output
    assert run("lab", "check").exit_code == 0
    assert run("lab", "answer", "x", "y").exit_code == 1
    assert "L02" in run("lab", "start", "L02").output
    assert run("class", "leave").exit_code == 0
    assert run("class", "leave").exit_code == 2


def test_which_labs_a_class_has() -> None:
    assert [lab.track for lab in chosen("test-connection")][:1] == ["Test connection"]
    assert [lab.id[:3] for lab in chosen("L02, L01")] == ["L02", "L01"]
    assert len(chosen("all")) == len(labs.folders())
    with pytest.raises(UsageError) as raised:
        chosen("nosuch")
    assert "Test connection" in raised.value.hint


def test_a_port_that_is_taken_ends_it_without_leftovers(tmp_path: Path) -> None:
    with MockHost("basics/empty", tls=False) as other:
        room = Classroom(LABS, 1, tmp_path, port=other.port - 1)
        with pytest.raises(Exception, match=f"port {other.port}"):
            room.__enter__()
    assert not (tmp_path / classroom.FILE).exists()


def test_a_class_may_be_edited(tmp_path: Path) -> None:
    """Students may have names of their own, and the sheet has them."""
    (tmp_path / classroom.FILE).write_text(kept(name="Zoë"), "utf-8")
    with Classroom(LABS, 1, tmp_path) as made:
        made.save()
        write(tmp_path / "sheet.html", made.sheet()["sheet.html"], mode=0o600)
    assert "Zoë" in (tmp_path / "sheet.html").read_text("utf-8")


def test_one_folder_has_one_server(room: Classroom) -> None:
    """A second one would write the same file."""
    with pytest.raises(UsageError, match="another server"):
        Classroom(LABS, 2, room.folder).__enter__()
    room.__exit__()
    with Classroom(LABS, 2, room.folder):
        pass


def test_a_folder_that_can_not_be_written_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise CannotRun("no space left")

    made = Classroom(LABS, 2, tmp_path)
    monkeypatch.setattr(classroom, "write", full)
    with pytest.raises(CannotRun, match="no space"):
        made.__enter__()
    assert made._listener is not None
    assert not made._listener.is_open
    monkeypatch.setattr(classroom, "write", write)
    with Classroom(LABS, 2, tmp_path):
        pass


def test_a_student_who_floods_keeps_nobody_from_anything(
    room: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The teacher's change reaches the others; more than two lines at a time are refused at once."""
    monkeypatch.setattr(desk, "_PATIENCE", 0.01)
    busy = room.desks["student-01"]
    with busy._alone():
        with pytest.raises(UsageError, match="done for all but student-01"):
            teacher(room).call("class_use", lab="L02")
        with pytest.raises(UsageError, match="takes long"):
            student(room, 1).call("lab_line", line="check")
    assert [each["lab"] for each in teacher(room).call("class_state")["students"]] == ["L01", "L02"]
    with busy._lines, busy._lines, pytest.raises(UsageError, match="two lines are under way"):
        student(room, 1).call("lab_line", line="check")


def test_in_a_pause_a_student_changes_nothing_by_any_path(room: Classroom) -> None:
    one = student(room, 1)
    teacher(room).call("class_freeze", frozen=True)
    for name, said in {"windows": {"command": "hostname"}, "portal": {"line": "cycle"}, "reset": {}}.items():
        with pytest.raises(UsageError, match="paused the class"):
            one.call(name, **said)
    assert one.call("lab_state")["frozen"]


@pytest.mark.parametrize("body", ["[" * 100_000, "{", "", '{"token": ["a"]}', "[]"])
def test_a_sign_in_that_is_wrong_is_no_bug(room: Classroom, body: str) -> None:
    """It is asked without a token."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(room.url).port or 0, timeout=120)
    try:
        connection.request("POST", "/console/session", body, {"Content-Type": "application/json"})
        assert connection.getresponse().status == 401
    finally:
        connection.close()


def test_what_is_too_long_is_refused_before_it_is_kept(room: Classroom) -> None:
    with pytest.raises(UsageError, match="longer than 4,096"):
        student(room, 1).call("lab_line", line="x" * 4_097)
    with pytest.raises(UsageError, match="longer than 500"):
        teacher(room).call("class_hint", text="x" * 501)
    with pytest.raises(UsageError, match="text is empty"):
        teacher(room).call("class_hint", text="")
