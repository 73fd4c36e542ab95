"""What a test should not have passed with, told in that test; and what a failed test has with it."""

from __future__ import annotations

import json

import pytest

from tests.plugin.conftest import Play

ECMA = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"


def test_a_rule_that_never_fired_fails_the_test_that_added_it(play: Play) -> None:
    """With the rule, what came nearest, why it did not match, and the journal as a table."""
    result = play(
        """
def test_it(mockhost, mockhost_client):
    mockhost.fail_next("patch_user", id="bob", fault="hang")
    mockhost_client.get("/Schemas")

def test_next(mockhost):
    assert not mockhost.rules
"""
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "mockhost: rule 'live[[]0[]]' never fired",
            '  {"when": {"operation": "patch_user", "id": "bob"}, "fault": "hang", "times": 1}',
            "  nearest: #1 (schemas at SQL)",
            "  rule 'live[[]0[]]' came closest*operation: expected 'patch_user', got 'schemas'",
            "basics/healthy: A healthy host (seed 0)",
            "  #  time *",
            "> 1  00:00:00  SQL        schemas *",
            "FAILED test_it.py::test_it - Failed: mockhost: rule 'live[[]0[]]' never fired",
        ]
    )


def test_a_rule_that_fired_too_seldom_is_told_with_its_count(play: Play) -> None:
    """Twice was meant and once was asked."""
    result = play(
        """
def test_it(mockhost, mockhost_client):
    mockhost.fail_next("schemas", times=2, name="twice")
    assert mockhost_client.get("/Schemas").status_code == 503
"""
    )
    result.stdout.fnmatch_lines(["mockhost: rule 'twice' fired 1 of 2 times"])


def test_whose_rules_have_to_fire(play: Play) -> None:
    """Those of the test: added, or written in its marker, factory or `use`. Not the scenario's, not removed ones, not
    optional ones."""
    play(
        """
RULES = [{"name": "once", "when": {"operation": "schemas"}, "times": 1, "fault": {"http_error": 500}}]
OF_THE_SCENARIO = '{"format": 1, "extends": "basics/healthy", "rules": %s}'

@pytest.mark.xfail(strict=True)
@pytest.mark.mockhost(rules=RULES)
def test_of_the_marker(mockhost): pass

@pytest.mark.mockhost(rules=RULES, allow_unused=True)
def test_allowed(mockhost): pass

def test_removed(mockhost):
    mockhost.remove_rule(mockhost.fail_next("schemas"))

def test_of_the_scenario(mockhost, tmp_path):
    import json
    (tmp_path / "a.json").write_text(OF_THE_SCENARIO % json.dumps(RULES))
    mockhost.use(str(tmp_path / "a.json"))
    assert [rule["left"] for rule in mockhost.rules] == [1]

@pytest.mark.xfail(strict=True)
@pytest.mark.parametrize("form", [{}, {"times": 2}, {"probability": 1}, {"when": {"operation": "schemas", "nth": 2}},
                                  {"sequence": [{"reply": "normal"}, {"fault": "hang"}]}])
@pytest.mark.parametrize("how", ["added", "factory", "use"])
def test_of_any_form(mockhost_factory, form, how):
    rule = {"when": {"operation": "schemas"}, **({} if "sequence" in form else {"fault": "hang"}), **form}
    host = mockhost_factory("basics/healthy", **({"rules": [rule]} if how == "factory" else {}))
    if how == "added":
        host.add_rule(rule)
    if how == "use":
        host.use("basics/healthy", rules=[rule])

@pytest.mark.mockhost(rules=[{**RULES[0], "optional": True}])
def test_optional(mockhost):
    mockhost.add_rule({"when": {"operation": "schemas"}, "fault": "hang", "optional": True})
    mockhost.fail_next("schemas", times=None, optional=True)

def test_unbounded_that_fired(mockhost, mockhost_client):
    mockhost.fail_next("schemas", times=None)
    mockhost_client.get("/Schemas")

def test_on_demand(mockhost_factory):
    import requests
    host = mockhost_factory("basics/scim", on_demand={"template": "SCIM"})
    host.fail_next("schemas")
    assert requests.get(host.url("SCIM").replace("_SCIM", "_other") + "/Schemas", headers=host.headers(),
                        verify=host.ca_file or True).status_code == 503

@pytest.mark.xfail(strict=True)
def test_before_a_use(mockhost):
    mockhost.fail_next("schemas")
    mockhost.use("basics/empty")

@pytest.mark.xfail(strict=True)
def test_of_another_host(mockhost_factory):
    mockhost_factory().fail_next("schemas")
"""
    ).assert_outcomes(passed=6, xfailed=18)


def test_rules_may_be_left_over_in_a_whole_suite(play: Play) -> None:
    """An ini key lets them."""
    text = "def test_it(mockhost): mockhost.fail_next('schemas')"
    play(text, ini="mockhost_allow_unused = true\n").assert_outcomes(passed=1)


@pytest.mark.parametrize("how", ["marker", "option", "ini"])
def test_strict_wants_a_rule_for_each_request(play: Play, how: str) -> None:
    """A request that matched no rule fails the test, with the near miss and a curl line; without rules nothing does."""
    marker = "@pytest.mark.mockhost(strict=True)" if how == "marker" else ""
    result = play(
        f"""
{marker}
def test_it(mockhost, mockhost_client):
    when = {{"operation": "get_user", "id": "ljacobson"}}
    mockhost.add_rule({{"name": "only Lisa", "when": when, "reply": "normal"}})
    mockhost_client.get("/Users/ljacobson")
    mockhost_client.get("/Users/bob")

{marker}
def test_without_rules(mockhost, mockhost_client):
    mockhost_client.get("/Users/bob")
""",
        *(["--mockhost-strict"] if how == "option" else []),
        ini="mockhost_strict = true\n" if how == "ini" else "",
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "mockhost: request #2 (get_user at SQL for 'bob') matched no rule",
            "  rule 'only Lisa' came closest (1 of 2 conditions hold); id: expected 'ljacobson', got 'bob'",
            "  curl --cacert *https://localhost:*/ecma2host_SQL/scim/Users/bob*Bearer $TOKEN*",
            "> 2  00:00:00  SQL        get_user   bob *",
        ]
    )


BUG = """
@pytest.fixture
def broken(monkeypatch):
    def find(*_):
        raise ZeroDivisionError("in the mock")
    monkeypatch.setattr("mockhost.connectors.ecma.running.RunningConnector.get", find)
"""


def test_a_bug_of_the_mock_fails_the_test_that_met_it(play: Play) -> None:
    """Whatever the client made of it."""
    result = play(
        BUG
        + """
def test_it(broken, mockhost, mockhost_client):
    mockhost_client.get("/Users/bob")

def test_in_an_epoch_before(broken, mockhost, mockhost_client):
    mockhost_client.get("/Users/bob")
    mockhost.reset()

def test_fine(mockhost, mockhost_client):
    mockhost_client.get("/Users/bob")
"""
    )
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(
        [
            "mockhost: a bug in mockhost at #1 *: ZeroDivisionError: in the mock*",
            "> 1  00:00:00 *a bug in mockhost*",
        ]
    )


def test_a_bug_after_the_test_is_an_error_at_its_teardown(play: Play) -> None:
    """Other fixtures send requests when they are torn down, too."""
    result = play(
        BUG
        + """
@pytest.fixture
def tidy(mockhost_client):
    yield
    mockhost_client.get("/Users/bob")

def test_it(broken, tidy): pass

def test_fine(mockhost): pass
"""
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_it*", "mockhost: a bug in mockhost at #1*"])


def test_a_test_that_fails_by_itself_keeps_its_own_error(play: Play) -> None:
    """What else was wrong stands below, with the journal and a line to send the last request again."""
    result = play(
        """
@pytest.mark.mockhost("documented/secret_token_mismatch")
def test_it(mockhost, mockhost_client):
    mockhost.fail_next("delete_user", name="unused")
    assert mockhost_client.get("/Schemas").status_code == 200
"""
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E       *assert 401 == 200",
            "*- mockhost -*",
            "documented/secret_token_mismatch: *",
            "#  time *",
            "1  00:00:00  SQL        schemas  *the secret token is not the one of connector SQL*",
            'curl --cacert * -H "Authorization: Bearer $TOKEN"*',
            "rule 'unused' never fired",
        ]
    )
    result.stdout.no_fnmatch_line("*the-old-one*")


def test_a_failed_handshake_is_shown_although_there_was_no_request(play: Play) -> None:
    """Half of all failures leave nothing in a list of requests."""
    result = play(
        """
@pytest.mark.mockhost("documented/certificate_expired")
def test_it(mockhost, mockhost_client):
    mockhost_client.get("/Schemas")
"""
    )
    result.stdout.fnmatch_lines(
        [
            "*- mockhost -*",
            "(no exchanges)",
            "*connection 1 from *: TLS handshake failed: *certificate_expired*",
        ]
    )


def test_verify_shows_what_was_expected_beside_what_came_nearest(play: Play) -> None:
    """Each condition in a row, the differences marked, the traceback ends in the test."""
    result = play(
        """
def test_count(mockhost, mockhost_client):
    mockhost_client.get("/Users/bob")
    mockhost.verify(operation="get_user", id="eve", status=404)

def test_order(mockhost, mockhost_client):
    mockhost_client.get("/Schemas")
    mockhost_client.get("/Users/bob")
    mockhost.verify(order=[{"operation": "get_user"}, {"operation": "delete_user", "id": "bob"}])
"""
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            '>       mockhost.verify(operation="get_user", id="eve", status=404)',
            "E       mockhost.errors.VerificationError: expected at least 1 exchange with *",
            "E                    expected    got (#1)",
            "E         operation  'get_user'  'get_user'",
            "E       ! id         'eve'       'bob'",
            "E         status     404         404",
            "E       > 1  00:00:00 *",
            "test_it.py:5: VerificationError",
            "E       + #1 schemas",
            "E         #2 get_user bob",
            "E       - operation 'delete_user', id 'bob'",
        ]
    )
    result.stdout.no_fnmatch_line("*api.py*")


def test_a_failed_test_leaves_its_journal_below_the_artifacts(play: Play, pytester: pytest.Pytester) -> None:
    """As JSON, as HAR and as text, one folder a test, without secrets; a passed test leaves nothing."""
    result = play(
        """
@pytest.mark.parametrize("name", ["a/b", "a?b", pytest.param("fine", id="fine")])
def test_it(mockhost, mockhost_client, name):
    mockhost_client.get("/Users/bob")
    mockhost.use("basics/empty")
    mockhost_client.get("/Schemas")
    assert name == "fine"
""",
        "--mockhost-artifacts=artifacts",
    )
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(["written to artifacts*test_it.py-test_it-a-b-*"])
    folders = sorted((pytester.path / "artifacts").iterdir())
    assert len(folders) == 2
    for folder in folders:
        document = json.loads((folder / "journal.json").read_text("utf-8"))
        assert document["test"].startswith("test_it.py::test_it[a")
        assert [epoch["scenario"] for epoch in document["epochs"]] == ["basics/healthy", "basics/empty"]
        operations = [each["operation"] for epoch in document["epochs"] for each in epoch["exchanges"]]
        assert operations == ["get_user", "schemas"]
        har = json.loads((folder / "journal.har").read_text("utf-8"))
        assert [each["response"]["status"] for each in har["log"]["entries"]] == [404, 200]
        assert "get_user" in (folder / "journal.txt").read_text("utf-8")
        assert not any("correct-horse-battery" in file.read_text("utf-8") for file in folder.iterdir())


def test_the_rules_of_an_artifact_hide_tokens_as_well(play: Play, pytester: pytest.Pytester) -> None:
    """A rule may name a token; what is kept for others to read does not."""
    play(
        """
def test_it(mockhost):
    when = {"header": {"Authorization": "Bearer correct-horse-battery"}}
    mockhost.add_rule({"when": when, "delay": "1s", "times": 1})
""",
        "--mockhost-artifacts=artifacts",
    ).stdout.no_fnmatch_line("*correct-horse-battery*")
    (folder,) = (pytester.path / "artifacts").iterdir()
    assert not any("correct-horse-battery" in file.read_text("utf-8") for file in folder.iterdir())


ASK = """
import threading

def ask(host, answers):
    thread = threading.Thread(target=lambda: answers.append(host.session().get(host.url() + "/Schemas").status_code))
    thread.start()
    host.wait_for("schemas")
    return thread
"""


def test_a_hang_that_is_released_has_its_answer_in_the_journal(play: Play) -> None:
    """Status, headers and body; by the time that the client has it."""
    play(
        ASK
        + """
def test_it(mockhost):
    mockhost.fail_next("schemas", fault="hang")
    answers = []
    thread = ask(mockhost, answers)
    (entry,) = mockhost.journal
    assert entry.status is None
    mockhost.release()
    thread.join()
    assert answers == [200] and entry.status == 200
    assert b"urn:ietf:params:scim" in entry.answer_body
    assert entry.answer_length == len(entry.answer_body)
    assert "Content-Type" in dict(entry.answer_headers)
    mockhost.verify(operation="schemas", status=200, count=1)
"""
    ).assert_outcomes(passed=1)


def test_a_test_that_ends_while_an_answer_hangs_fails(play: Play) -> None:
    """With what hangs; a client that gave up is no reason, and the next test begins with nothing of it."""
    result = play(
        ASK
        + """
import requests
STARTED = []

def test_it(mockhost):
    mockhost.fail_next("schemas", fault="hang", name="stuck")
    client = threading.Thread(target=lambda: pytest.raises(requests.ConnectionError,
                                                           mockhost.session().get, mockhost.url() + "/Schemas"))
    client.start()
    STARTED.append(client)
    mockhost.wait_for("schemas")
    while not mockhost.hanging():
        pass

def test_next(mockhost, mockhost_client):
    STARTED.pop().join()
    assert len(mockhost.journal) == 0 and not mockhost.rules
    assert mockhost_client.get("/Schemas").status_code == 200

@pytest.mark.parametrize("tls", [True, False])
def test_gave_up(mockhost_factory, tls):
    host = mockhost_factory(tls=tls)
    host.fail_next("schemas", fault="hang")
    with pytest.raises(requests.Timeout):
        host.session().get(host.url() + "/Schemas", timeout=0.05)
"""
    )
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        ["mockhost: an answer still hangs at the end of the test: #1 (schemas at SQL), by rule 'stuck'"]
    )


def test_names_that_do_not_exist_are_refused(play: Play) -> None:
    """A slip of the pen would make every `never` pass, and every rule fire never."""
    play(
        """
from mockhost.errors import UsageError

@pytest.mark.parametrize(("spec", "near"), [
    ({"operation": "crate_user"}, "create_user"),
    ({"connector": "SQLL"}, "SQL"),
    ({"verdict": "unauthorised"}, "unauthorized"),
    ({"attributes": {"FirsName": "Bob"}}, "FirstName"),
    ({"attributes": {"FirstName": {"starts": "B"}}}, "starts_with"),
    ({"attributes": {"FirstName": {"not": {"contain": "B"}}}}, "contains"),
    ({"header": {"User-Agent": {"contain": "curl"}}}, "contains"),
    ({"body": {"/active": {"equal": True}}}, "equals"),
])
def test_both(mockhost, spec, near):
    with pytest.raises(UsageError, match=f"did you mean '{near}'"):
        mockhost.add_rule({"when": spec, "fault": "hang"})
    for wrapped in (spec, {"order": [spec]}, {"all": [spec]}):
        with pytest.raises(UsageError, match=f"did you mean '{near}'"):
            mockhost.verify(**wrapped)

def test_rules(mockhost):
    mockhost.fail_next("schemas", name="slow", optional=True)
    with pytest.raises(UsageError, match="did you mean 'slow'"):
        mockhost.verify(rule="slwo", count=0)
    mockhost.verify(rule="slow", count=0)

@pytest.mark.mockhost(states={"Started": {}, "Rotated": {}})
def test_states(mockhost):
    with pytest.raises(UsageError, match="did you mean 'Rotated'"):
        mockhost.add_rule({"when": {"in_state": "Rotatd"}, "fault": "hang"})
"""
    ).assert_outcomes(passed=10)
