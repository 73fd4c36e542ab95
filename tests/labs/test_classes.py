"""A class: a host for each student, who see their own; a teacher who sees all; and what is kept of it."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from mockhost import MockHost
from mockhost.cli.classes import chosen
from mockhost.cli.verbs import mockhost
from mockhost.client.control import ControlPlane
from mockhost.errors import UsageError
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
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0, timeout=20)
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


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1, "teacher": "x", "students": [{"name": 1}]}'])
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
    assert run("class", "join", room.url, "wrong").exit_code == 2
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
