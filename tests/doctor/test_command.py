"""`doctor`, `explain` and `diagnose` as commands: what they print, their formats and exit codes."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from mockhost import MockHost
from mockhost.cli import diagnose as diagnosing
from mockhost.connectors.ecma.behaviours import TABLE
from mockhost.diagnosis import catalogue as texts
from mockhost.doctor import examine, given
from mockhost.faults import FAULTS
from tests.cli.conftest import Invoke

TOKEN = "correct-horse-battery"


def test_a_healthy_host(invoke: Invoke) -> None:
    with MockHost("basics/healthy", clock="wall", control_port=0) as host:
        target = host.clients()["SQL"]
        words = ("doctor", target.url, "--secret-token", target.secret_token, "--ca", str(target.ca_file))
        text = invoke(*words, "--control", host.control_url)
        assert text.exit_code == 0, text.output
        assert "failed" not in text.stdout.splitlines()[-1]
        assert "EMH0603" in text.stdout
        assert TOKEN not in text.output
        report = json.loads(invoke(*words, "--format", "json").stdout)
        assert (report["schema"], report["healthy"]) == ("mockhost-doctor/1", True)
        assert {row["status"] for row in report["checks"]} <= {"pass", "info"}


def test_findings_in_each_format(invoke: Invoke) -> None:
    with MockHost("documented/secret_token_mismatch", clock="wall") as host:
        target = host.clients()["SQL"]
        words = ("doctor", target.url, "--secret-token", target.secret_token, "--ca", str(target.ca_file))
        text = invoke(*words, env={"COLUMNS": "80"})
        assert text.exit_code == 1
        assert "EMH0305" in text.stdout
        assert "Troubleshoot test connection issues, step 4" in text.stdout
        assert max(map(len, text.stdout.splitlines())) <= 80
        report = json.loads(invoke(*words, "--format", "json").stdout)
        (row,) = (row for row in report["checks"] if row["status"] == "fail")
        assert row["code"] == "EMH0305"
        assert row["fix"] == list(examine.entries()["EMH0305"].fix)
        junit = invoke(*words, "--format", "junit")
        assert junit.exit_code == 1
        suite = ET.fromstring(junit.stdout)[0]
        assert int(suite.get("failures", "0")) == 1
        assert int(suite.get("skipped", "0")) == sum(row["status"] == "skip" for row in report["checks"])
        for result in (text, junit):
            assert target.secret_token not in result.output


def test_what_only_the_control_plane_knows(invoke: Invoke) -> None:
    with MockHost("basics/healthy", clock="wall", control_port=0) as host:
        target = host.clients()["SQL"]
        words = ("doctor", target.url, "--control", host.control_url, "--format", "json")
        new = {"ContosoLogin": "new", "FirstName": "N", "LastName": "W"}
        host.call("change_system", name="SQL", change={"insert": [new]})
        host.call("patch_host", set={"host.debug": True})
        rows = {row["code"]: row for row in json.loads(invoke(*words).stdout)["checks"]}
        assert rows["EMH0601"]["status"] == "warn"
        assert "debug" in rows["EMH0601"]["saw"]
        assert rows["EMH0603"]["saw"].startswith("1 users are not in the cache")
        host.call("control_service", action="stop")
        rows = {row["code"]: row for row in json.loads(invoke(*words).stdout)["checks"]}
        assert rows["EMH0601"]["status"] == "fail"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("doctor",), "nothing to examine"),
        (("doctor", "https://localhost:1/", "--ca", "no-such-file"), "no-such-file"),
        (("doctor", "--drive", "no-such-folder"), "no-such-folder"),
        (("explain", "EMH9999"), "nothing is called 'EMH9999'"),
        (("explain", "token-acepted"), "did you mean 'token-accepted'?"),
        (("diagnose", "no-such-file"), "no-such-file"),
    ],
)
def test_wrong_usage_is_one_message(invoke: Invoke, words: tuple[str, ...], text: str) -> None:
    result = invoke(*words)
    assert result.exit_code == 2
    assert text in result.output


@pytest.mark.parametrize(
    "entry", [each for each in examine.entries().values() if each.here], ids=lambda e: e.code
)
def test_commands_of_the_catalogue_exist(invoke: Invoke, entry: examine.Entry) -> None:
    """What a check tells people to type is a verb, and its options and arguments are taken."""
    commands = re.findall(r"mockhost ((?:control )?[a-z-]+)", entry.here)
    for words in commands:
        assert invoke(*words.split(), "--help").exit_code == 0
    if entry.here.startswith("mockhost control") and " shows " not in entry.here:
        for line in entry.here.split(" && "):
            # Nothing is there to talk to: any other code than 4 means that the line itself is wrong.
            result = invoke(*line.split()[1:], "--url", "http://127.0.0.1:9")
            assert result.exit_code == 4, result.output


# -- files of the server and pasted output ---------------------------------------------------------------------

CONFIG = """<?xml version="1.0"?><configuration><appSettings><add key="Debug" value="{debug}"/></appSettings>
<system.diagnostics><sources><source name="ECMA2Host" switchValue="{level}"/></sources></system.diagnostics>
</configuration>"""


def drive(folder: Path, text: str) -> Path:
    path = folder / given.FILES[0]
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "code", "status", "words"),
    [
        (CONFIG.format(debug="false", level="Error"), "EMH0701", "pass", "Service.exe.config"),
        (CONFIG.format(debug="true", level="Error"), "EMH0702", "fail", "authentication is off"),
        (CONFIG.format(debug="false", level="Loud"), "EMH0703", "fail", "'Loud'"),
        (CONFIG.format(debug="false", level="Error") + "<add/>", "EMH0701", "fail", "config:3:17: "),
        (CONFIG[:120], "EMH0701", "fail", "the file ends"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "EMH0701", "fail", "document type"),
        ("<settings/>", "EMH0701", "fail", "<configuration>"),
        (CONFIG.format(debug="1", level="Error"), "EMH0702", "warn", "'1' is not true or false"),
        (CONFIG.format(debug="false", level="error"), "EMH0703", "fail", "did you mean 'Error'?"),
        (CONFIG.format(debug="false", level="Error, ActivityTracing"), "EMH0703", "pass", "everywhere"),
    ],
)  # fmt: skip
def test_configuration_files(
    invoke: Invoke, tmp_path: Path, text: str, code: str, status: str, words: str
) -> None:
    result = invoke("doctor", "--drive", str(drive(tmp_path, text)), "--format", "json")
    row = next(row for row in json.loads(result.stdout)["checks"] if row["code"] == code)
    assert row["status"] == status
    assert words in row["saw"]
    assert result.exit_code == (1 if status == "fail" else 0)


HEALTHY = f"""
DisplayName : {given.HOST}
Status      : Running
StartType   : Automatic

DisplayName : {given.AGENT}
Status      : Running
StartType   : Automatic
        SERVICE_START_NAME : NT AUTHORITY\\NetworkService
    IP:port                      : 0.0.0.0:8585
    Certificate Hash             : 0123456789abcdef0123456789abcdef01234567
  TCP    0.0.0.0:8585           0.0.0.0:0              LISTENING       4
MachinePolicy       Undefined
   UserPolicy       Undefined
 LocalMachine    RemoteSigned
Version : 4.8.04161
Release : 528449
O:SYG:SYD:AI(A;OICI;FA;;;NS)(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)
Microsoft.ECMA2Host.Service.exe.config:7:    <add key="Debug" value="false" />
Message          : The import of connector SQL has ended.
"""


def pasted_rows(invoke: Invoke, text: str) -> dict[str, dict[str, str]]:
    result = invoke("doctor", "--pasted", "-", "--format", "json", input=text)
    return {row["code"]: row for row in json.loads(result.stdout)["checks"]}


def test_pasted_output_of_a_sound_server(invoke: Invoke) -> None:
    rows = pasted_rows(invoke, HEALTHY)
    assert {code: row["status"] for code, row in rows.items() if row["status"] != "pass"} == {}
    assert len(rows) == 10


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("Status      : Running", "Status      : Stopped", "EMH0801"),
        (f"{given.AGENT}\nStatus      : Running", f"{given.AGENT}\nStatus      : Stopped", "EMH0802"),
        ("    Certificate Hash             : 0123456789abcdef0123456789abcdef01234567",
         "SSL Certificate bindings:\nThe system cannot find the file specified.", "EMH0803"),
        ("LISTENING       4", "LISTENING       1234", "EMH0804"),
        ("LocalMachine    RemoteSigned", "LocalMachine    Unrestricted", "EMH0805"),
        ("Release : 528449", "Release : 394802", "EMH0806"),
        ("FA;;;NS", "0x1200a9;;;NS", "EMH0807"),
        ("(A;OICI;FA;;;NS)", "", "EMH0807"),
        ('value="false"', 'value="true"', "EMH0808"),
        ("StartType   : Automatic", "StartType   : Disabled", "EMH0809"),
        ("The import of connector SQL has ended.", "Invalid LDAP style of object's DN. DN: a@b.example", "EMH0810"),
    ],
)  # fmt: skip
def test_pasted_output_that_shows_one_thing(invoke: Invoke, old: str, new: str, code: str) -> None:
    assert old in HEALTHY
    rows = pasted_rows(invoke, HEALTHY.replace(old, new, 1))
    assert [each for each, row in rows.items() if row["status"] in ("fail", "warn")] == [code]


GERMAN = """
    IP:Port                      : 0.0.0.0:8585
    Zertifikathash               : 0123456789abcdef0123456789abcdef01234567
  TCP    0.0.0.0:8585           0.0.0.0:0              ABH\u00d6REN         4
C:\\Program Files\\Microsoft ECMA2Host\\Service\\ECMA\\Cache NT-AUTORIT\u00c4T\\NETZWERKDIENST:(OI)(CI)(F)
                                                            VORDEFINIERT\\Administratoren:(I)(OI)(CI)(F)
"""


def test_what_windows_writes_in_another_language_is_no_finding(invoke: Invoke) -> None:
    rows = pasted_rows(invoke, GERMAN)
    assert {code for code, row in rows.items() if row["status"] == "pass"} == {
        "EMH0803",
        "EMH0804",
        "EMH0807",
    }
    rows = pasted_rows(invoke, GERMAN.replace("NETZWERKDIENST", "VERKKOPALVELU"))
    assert (rows["EMH0807"]["status"], "not in the list" in rows["EMH0807"]["saw"]) == ("info", True)
    rows = pasted_rows(
        invoke, f"Get-Service : {given.HOST}\n + CategoryInfo\n + NoServiceFoundForGivenName,X"
    )
    assert rows["EMH0801"]["saw"] == "there is no such service"


@pytest.mark.parametrize("rights", ["F", "RX"])
def test_icacls_in_english(invoke: Invoke, rights: str) -> None:
    text = f"C:\\ECMA\\Cache NT AUTHORITY\\NETWORK SERVICE:(OI)(CI)({rights})"
    assert pasted_rows(invoke, text)["EMH0807"]["status"] == ("pass" if rights == "F" else "fail")


@pytest.mark.parametrize(
    "text",
    ["\n" * 300_000, " \n" * 300_000, "a" * 900_000, "1:1" * 300_000, "Message : x\n         y\n" * 20_000],
)
def test_pasted_text_that_is_made_to_take_long(invoke: Invoke, text: str) -> None:
    """One service is in it, so that there is something to examine."""
    service = f"DisplayName : {given.HOST}\nStatus : Running\n"
    assert len(pasted_rows(invoke, service + text)) == 10


def test_a_folder_that_may_not_be_read(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    folder = drive(tmp_path, CONFIG.format(debug="false", level="Error"))
    monkeypatch.setattr(Path, "open", refuse)
    for name in ("nothing", "stat"):
        if name == "stat":
            monkeypatch.setattr(given, "_is_there", lambda path: True)
        result = invoke("doctor", "--drive", str(folder), "--format", "json")
        rows = {row["code"]: row for row in json.loads(result.stdout)["checks"]}
        assert rows["EMH0701"]["saw"].endswith("Service.exe.config can't be read: Permission denied")


def test_the_commands_only_read(invoke: Invoke) -> None:
    result = invoke("doctor", "--commands")
    assert result.exit_code == 0
    assert all(command in result.stdout for command in given.COMMANDS)
    verbs = [command.partition(" ")[0].lower() for command in given.COMMANDS]
    assert len(verbs) == 10
    assert not [
        verb
        for verb in verbs
        if verb.lstrip("(").startswith(("set-", "start-", "stop-", "new-", "remove-", "restart-"))
    ]


def assert_not_examined(invoke: Invoke, text: str, why: str) -> None:
    result = invoke("doctor", "--pasted", "-", input=text)
    assert (result.exit_code, result.stdout) == (2, "")
    assert why in result.stderr
    assert "mockhost doctor --commands" in result.stderr


@pytest.mark.parametrize("text", ["", "\n", " \r\n\t"])
def test_an_empty_paste_is_not_a_sound_server(invoke: Invoke, text: str) -> None:
    """A pass would say that all is well of a server of which nothing was seen."""
    assert_not_examined(invoke, text, "standard input is empty: nothing was pasted")


@pytest.mark.parametrize("text", ["\0\0\0", "lorem ipsum", "Status :", "x" * 100_000])
def test_a_paste_of_something_else_is_not_a_sound_server(invoke: Invoke, text: str) -> None:
    assert_not_examined(invoke, text, "pasted output: there is nothing in it that a check can examine")


def test_an_empty_folder_is_not_a_sound_drive(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("doctor", "--drive", str(tmp_path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is nothing in it that a check can examine" in result.stderr


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_pasted_text_as_powershell_writes_it(invoke: Invoke, tmp_path: Path, encoding: str) -> None:
    """`>` of Windows PowerShell writes UTF-16 with a byte order mark."""
    file = tmp_path / "output.txt"
    file.write_bytes(HEALTHY.replace("Running", "Stopped").replace("\n", "\r\n").encode(encoding))
    rows = {
        row["code"]: row
        for row in json.loads(invoke("doctor", "--pasted", str(file), "--format", "json").stdout)["checks"]
    }
    assert rows["EMH0801"]["status"] == "fail"
    file.write_bytes("Invalid LDAP style of object's DN. DN: a@contoso.example".encode(encoding))
    assert invoke("diagnose", str(file)).exit_code == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_document_type_is_refused_in_every_encoding(invoke: Invoke, tmp_path: Path, encoding: str) -> None:
    folder = drive(tmp_path, "")
    text = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "c">]><configuration>&b;</configuration>'
    (folder / given.FILES[0]).write_bytes(text.encode(encoding))
    result = invoke("doctor", "--drive", str(folder), "--format", "json")
    assert "document type" in result.stdout


@pytest.mark.parametrize("form", ["text", "json", "junit"])
@pytest.mark.parametrize("verb", ["doctor", "test-connection"])
def test_a_password_in_a_url_is_not_printed(invoke: Invoke, verb: str, form: str) -> None:
    words = () if verb == "test-connection" and form == "junit" else ("--format", form)
    for url in (
        "https://me:hunter2@localhost:1/ecma2host_SQL/scim",
        "ftp://me:hunter2@localhost/",
        "https://me:hunter2@",
    ):
        assert "hunter2" not in invoke(verb, url, *words).output


# -- explain ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", examine.entries())
def test_every_check_is_explained(invoke: Invoke, code: str) -> None:
    entry = examine.entries()[code]
    result = invoke("explain", code.lower())
    assert result.exit_code == 0
    assert entry.title in " ".join(result.stdout.split())
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert json.loads(invoke("explain", entry.name, "--format", "json").stdout)["code"] == code


@pytest.mark.parametrize(
    "word", ["debug_left_on", "documented/cache_stale", next(iter(TABLE)), next(iter(FAULTS)), "dribble"]
)
def test_causes_behaviours_and_faults_are_explained(invoke: Invoke, word: str) -> None:
    result = invoke("explain", word)
    assert result.exit_code == 0
    assert word.partition("/")[2] or word in result.stdout


# -- diagnose --------------------------------------------------------------------------------------------------

KNOWN = [
    entry for entry in texts.entries() if entry.text.by in ("page", "Microsoft", "alert", "curl", "node")
]
KNOWN = [entry for entry in KNOWN if not entry.known.stock and len(entry.known.words) > 2][:90]
FOREIGN = (Path(__file__).parents[1] / "diagnosis" / "foreign.txt").read_text("utf-8").splitlines()


def in_a_log(text: str) -> str:
    """Between lines of another kind."""
    return "\n".join([*(f"2026-11-29 10:00:0{n} INFO all is well" for n in range(9)), f"10:00:10 ERROR {text}",
                      *(f"2026-11-29 10:01:0{n} INFO going on" for n in range(9))])  # fmt: skip


def in_an_event(text: str) -> str:
    """As Event Viewer exports it."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<Events><Event><EventData><Data>{escaped}</Data></EventData></Event></Events>"


def in_a_har(text: str) -> str:
    """As a browser saves what went over the network."""
    content = {"mimeType": "text/plain", "text": text}
    return json.dumps({"log": {"entries": [{"response": {"status": 0, "content": content}}]}})


@pytest.mark.parametrize(
    "mangled", [in_a_log, *(pytest.param(each, marks=pytest.mark.slow) for each in (in_an_event, in_a_har))]
)
def test_the_right_entry_comes_first(mangled: object) -> None:
    assert callable(mangled)
    assert len(KNOWN) >= 60
    missed = []
    for entry in KNOWN:
        # A text of several lines is one line in a log.
        text = " ".join(entry.text.text.split())
        found, _ = diagnosing.diagnose(mangled(text))
        first = [each for each, _ in found if each.score == found[0][0].score]
        names = {each.scenario for each in first} | {each.card.title for each in first if each.card}
        if not names & {*entry.scenarios, entry.card.title if entry.card else ""}:
            missed.append((text[:90], sorted(map(str, names))))
    assert not missed


def test_texts_of_other_products_are_not_known(invoke: Invoke) -> None:
    assert len(FOREIGN) >= 30
    for text in FOREIGN:
        result = invoke("diagnose", "-", input=text)
        assert (result.exit_code, result.stdout.splitlines()[0]) == (1, "I do not know this text."), text


def test_a_diagnosis_says_how_sure_why_and_what_next(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "agent.log"
    file.write_text(in_a_log("Invalid LDAP style of object's DN. DN: lisa@fabrikam.example"), "utf-8")
    result = invoke("diagnose", str(file))
    assert result.exit_code == 0
    for label in ("sure", "why", "next"):
        assert label in result.stdout
    assert "mockhost serve documented/dn_" in result.stdout
    (first, *_) = json.loads(invoke("diagnose", str(file), "--format", "json").stdout)
    assert first["scenario"].startswith("documented/dn_")


@pytest.mark.parametrize(
    "text", ["", " \n", "\0", "{", '{"log": 5}', "<Data>", "a" * 200_000, "error\n" * 50_000]
)
def test_odd_input_ends_with_an_exit_code(invoke: Invoke, text: str) -> None:
    result = invoke("diagnose", "-", input=text)
    assert result.exit_code in (1, 2)
    assert "bug" not in result.output
