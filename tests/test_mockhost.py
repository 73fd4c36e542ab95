"""`MockHost`, as a test of somebody's client holds it."""

from __future__ import annotations

import contextlib
import datetime
import inspect
import json
import pathlib
import socket
import ssl
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from mockhost import MockHost
from mockhost.connectors.ecma import connector
from mockhost.errors import CannotRun, MockhostError, ScenarioError, UsageError, VerificationError

URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
PROBE = {"filter": 'PLACEHOLDER eq "8646d011-1693-4cd3-9ee6-0d7482ca2219"'}


def probe(host: MockHost, connector: str = "SQL") -> requests.Response:
    """Test connection, as the client was told."""
    with host.session(connector) as session:
        return session.get(host.url(connector) + "/Users", params=PROBE, timeout=120)


def test_a_client_that_was_told_the_truth_gets_in() -> None:
    """URL, token and trust of `url`, `token` and `session` fit the host, over verified TLS."""
    with MockHost() as host:
        assert host.url("SQL") == f"https://localhost:{host.port}/ecma2host_SQL/scim"
        answer = probe(host)
        assert (answer.status_code, answer.json()["totalResults"]) == (200, 0)
        host.verify(operation="find_users", probe=True, status=200, count={"exactly": 1})


def test_what_the_client_was_told_and_the_truth_are_two_things() -> None:
    """The mistake of the scenario lives with the client; the host is right."""
    with MockHost("documented/secret_token_mismatch") as host:
        assert host.token("SQL") == "the-old-one"
        assert host.truth("SQL").secret_token == "correct-horse-battery"
        assert probe(host).status_code == 401


def test_every_address_of_localhost_answers() -> None:
    """localhost is two addresses on one port, where the machine has both."""
    with MockHost(tls=False) as host:
        addresses = ["127.0.0.1"]
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
            addresses.append("::1")
        for address in addresses:
            socket.create_connection((address, host.port)).close()


def test_the_service_stops_and_starts_on_its_port() -> None:
    """While it is stopped the port refuses and nobody else gets it; then it answers again."""
    with MockHost() as host:
        host.runtime.service("stop")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", host.port), timeout=2).close()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", host.port))
        host.runtime.service("start")
        assert probe(host).status_code == 200


def test_a_certificate_expires_with_the_virtual_clock() -> None:
    """`advance 731d` really expires it for a client whose own clock stands still; a new one cures it."""
    with MockHost() as host:
        assert probe(host).status_code == 200
        host.clock.advance(days=731)
        with pytest.raises(requests.exceptions.SSLError, match="expired"):
            probe(host)
        host.runtime.set("host.tls", {"valid": ["-1d", "730d"]})
        assert probe(host).status_code == 200


def test_the_certificate_switches_while_the_host_runs() -> None:
    """Each property of `host.tls` counts for the next handshake."""
    with MockHost() as host:
        for tls, words in (
            ("wrong_name", "mismatch|doesn't match"),
            ("untrusted", "unable to get|self-signed|self signed"),
        ):
            host.runtime.set("host.tls", tls)
            with pytest.raises(requests.exceptions.SSLError, match=words):
                probe(host)
        host.runtime.set("host.tls", None)
        assert probe(host).status_code == 200


def test_an_ssl_context_and_headers_for_any_client() -> None:
    """What the standard library needs to talk to the host."""
    with MockHost() as host:
        context = host.ssl_context()
        assert context.verify_mode is ssl.CERT_REQUIRED
        with context.wrap_socket(
            socket.create_connection(("localhost", host.port)), server_hostname="localhost"
        ) as sock:
            lines = [
                "GET /ecma2host_SQL/scim/Users/ljacobson HTTP/1.1",
                "Host: localhost",
                "Connection: close",
            ]
            lines += [f"{name}: {value}" for name, value in host.headers("SQL").items()]
            sock.sendall("\r\n".join([*lines, "", ""]).encode())
            assert sock.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("tls", "said", "mode"),
    [
        (None, "plain_http", "plain_http"),
        (True, "plain_http", "certificate"),
        (True, "none", "none"),
        (False, "expired", "plain_http"),
    ],
)
def test_a_wish_for_tls_goes_before_what_the_scenario_says(tls: bool | None, said: str, mode: str) -> None:
    """Of TLS or plain HTTP; what is wrong with the certificate stays wrong."""
    host = MockHost(tls=tls, host={"tls": said}, control=False)
    assert host.scenario.host.tls.mode == mode
    host.stop()


def test_locations_follow_the_host_header_and_lead_back_without_one() -> None:
    """HTTP/1.0 needs no Host: then the location has the port on which the request came."""
    with MockHost("basics/healthy", tls=False) as host:
        for version, said, authority in (
            ("1.1", "Host: ecma.contoso.example:8585\r\n", "ecma.contoso.example:8585"),
            ("1.0", "", f"localhost:{host.port}"),
        ):
            with socket.create_connection(("localhost", host.port), 30) as sock:
                head = (
                    f"GET /ecma2host_SQL/scim/Users/ljacobson HTTP/{version}\r\n{said}Connection: close\r\n"
                )
                sock.sendall(f"{head}Authorization: Bearer {host.token('SQL')}\r\n\r\n".encode())
                with sock.makefile("rb") as answer:
                    body = answer.read().partition(b"\r\n\r\n")[2]
            assert json.loads(body)["meta"]["location"].startswith(
                f"http://{authority}/ecma2host_SQL/scim/Users/"
            )


def test_a_state_folder_may_be_named_relatively(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others are given to trust is found from wherever they are."""
    monkeypatch.chdir(tmp_path)
    with MockHost(state_dir="kept", control=False) as host:
        assert host.ca_file == str(tmp_path / "kept" / "trust.pem")
        assert host.env()["SSL_CERT_FILE"] == host.ca_file


def test_set_says_when_it_counts() -> None:
    """Settings that the service reads at its start wait for it; the status shows both."""
    with MockHost() as host:
        assert host.runtime.set("host.debug", True)["applied"] == "at restart"
        status: Any = host.status()
        assert status["configured"]["debug"] is True
        assert status["effective"]["debug"] is False
        assert status["restart_pending"] is True
        host.runtime.service("restart")
        assert host.status()["restart_pending"] is False
        assert host.runtime.set("connectors.SQL.behaviours.put", 405)["applied"] == "now"


def test_what_is_no_scenario_is_not_set() -> None:
    """A value that does not fit is refused with its path, and nothing has changed."""
    with MockHost() as host:
        with pytest.raises(ScenarioError, match="debug"):
            host.runtime.set("host.debug", "perhaps")
        with pytest.raises(ScenarioError, match="anchr"):
            host.runtime.set("connectors.SQL.anchr", "x")
        assert host.status()["restart_pending"] is False
        host.runtime.set("$.host.behaviours.list_page_size", 7)
        assert host.runtime.host.behaviours["list_page_size"] == 7


def test_a_token_that_is_set_for_the_client_is_a_secret_at_once() -> None:
    """Also where it was only told to the client."""
    with MockHost() as host:
        host.runtime.set("client.SQL.secret_token", "told-since-then")
        assert host.token("SQL") == "told-since-then"
        shown = requests.get(f"{host.control_url}/v1/scenario?document=true", timeout=120).text
        assert "client" in shown
        assert "told-since-then" not in shown


def test_the_timeline_comes_true_on_the_virtual_clock() -> None:
    """Changes behind the host's back happen at their time, in order."""
    timeline = [
        {
            "at": "1m",
            "change": {"SQL": {"insert": [{"ContosoLogin": "bob", "FirstName": "B", "LastName": "K"}]}},
        },
        {
            "at": "2m",
            "change": {"SQL": {"update": [{"where": {"ContosoLogin": "bob"}, "set": {"FirstName": "R"}}]}},
        },
        {"at": "3m", "service": "stop"},
    ]
    with MockHost(timeline=timeline) as host:
        host.clock.advance(minutes=1)
        assert host.objects("SQL", ContosoLogin="bob")[0]["FirstName"] == "B"
        host.clock.advance("90s")
        assert host.objects("SQL", ContosoLogin="bob")[0]["FirstName"] == "R"
        host.clock.advance(minutes=1)
        assert host.status()["service"] == {"configured": "running", "effective": "stopped"}


def test_what_the_timeline_cant_do_by_then_is_told_and_stops_nothing() -> None:
    """An import while the service is stopped: the clock goes on to the next entry, for `check` the step fails."""
    timeline = [
        {"at": "1m", "service": "stop"},
        {"at": "2m", "import": "SQL"},
        {"at": "3m", "service": "start"},
    ]
    told: list[Any] = []
    with MockHost(timeline=timeline, expect=[{"advance": "2m"}], cured=[{"service": "stop"}]) as host:
        host.runtime.events.call(lambda kind, data: told.append(data))
        host.clock.advance(minutes=5)
        assert [each["problem"] for each in told if each["what"] == "timeline"] == [
            "connector SQL is not running; start or restart the service"
        ]
        assert probe(host).status_code == 200
        host.reset()
        report = host.check()
        assert not report.ok
        assert "the timeline has on the way can't happen: connector SQL is not running" in report.text


def test_a_clock_that_runs_by_itself_outlives_a_job_that_fails() -> None:
    """A moment that can't happen, and even a mistake of ours, leave the next job its turn."""
    running, bugs = threading.Event(), []

    def hear(kind: str, data: Any) -> None:
        if kind == "bug":
            bugs.append(data["error"])
        elif data.get("action") == "start":
            running.set()

    def fail() -> None:
        raise ValueError("a mistake")

    timeline = [{"at": "1ms", "import": "SQL"}]
    with MockHost(clock="wall", host={"service": "stopped"}, timeline=timeline) as host:
        runtime = host.runtime
        runtime.events.call(hear)
        with runtime.lock:
            runtime.clock.schedule(runtime.clock.now() + 0.01, fail)
            runtime.clock.schedule(runtime.clock.now() + 0.02, lambda: runtime.service("start"))
        runtime.service("stop")  # which has the clock's thread look again
        assert running.wait(30)
        assert bugs == ["ValueError: a mistake"]


def test_a_change_of_several_systems_is_done_whole_or_not_at_all() -> None:
    """A mistake in the second one leaves the first as it was."""
    wrongs: list[dict[str, object]] = [{"insert": [{"cn": 5}]}, {"upsert": []}, {}]
    with MockHost(control=False) as host:
        for wrong in wrongs:
            with pytest.raises(UsageError, match="LDAP: "):
                host.runtime.change({"SQL": {"delete": [{"ContosoLogin": "awhite"}]}, "LDAP": wrong})
        assert host.objects("SQL", ContosoLogin="awhite")
        both = {"SQL": {"delete": [{"ContosoLogin": "awhite"}]}, "LDAP": {"delete": [{"cn": "dmartin"}]}}
        assert host.runtime.change(both) == 2


def test_another_scenario_on_the_same_port() -> None:
    """`use` begins again with another scenario where the clients already are."""
    with MockHost() as host:
        port = host.port
        host.use("documented/first_import_running")
        assert probe(host).status_code == 503
        assert host.port == port
        host.reset()
        assert probe(host).status_code == 503


def test_live_rules_stand_before_the_files_and_go_with_a_reset() -> None:
    """The newest live rule first; a reset takes them all away."""
    with MockHost() as host:
        host.add_rule({"name": "teapot", "when": {"operation": "find_users"}, "reply": {"status": 418}})
        host.add_rule({"when": {"probe": True}, "reply": {"status": 500}})
        assert probe(host).status_code == 500
        assert [rule["name"] for rule in host.runtime.state.rules.documents()] == ["live[1]", "teapot"]
        host.remove_rule("live[1]")
        assert probe(host).status_code == 418
        host.reset()
        assert probe(host).status_code == 200


def test_a_rule_that_is_none_is_refused() -> None:
    """A condition with a slip of the pen is answered with the word that was meant."""
    with MockHost() as host, pytest.raises(UsageError, match="operation"):
        host.add_rule({"when": {"opration": "find_users"}, "reply": {"status": 500}})


def test_verify_shows_the_journal_when_it_fails() -> None:
    """A failed assertion is an AssertionError with the exchanges that there were."""
    with MockHost() as host:
        probe(host)
        with pytest.raises(VerificationError, match="find_users") as failed:
            host.verify(operation="create_user")
        assert isinstance(failed.value, AssertionError)


def test_the_environment_of_another_process() -> None:
    """Variables for a client in any language."""
    with MockHost() as host:
        env = host.env()
        assert env["MOCKHOST_SQL_URL"] == host.url("SQL")
        assert env["MOCKHOST_LDAP_TOKEN"] == host.token("LDAP")
        assert env["MOCKHOST_CONTROL_URL"] == host.control_url
        assert env["SSL_CERT_FILE"] == env["NODE_EXTRA_CA_CERTS"] == env["REQUESTS_CA_BUNDLE"] == host.ca_file


def test_the_ready_document_is_json() -> None:
    """What `--ready-file` holds."""
    with MockHost("documented/connector_name_case") as host:
        document = json.loads(json.dumps(host.ready()))
        assert document["connectors"]["SQL"]["url"].endswith("/ecma2host_SQL/scim")
        assert document["clients"]["SQL"]["url"].endswith("/ecma2host_sql/scim")
        assert document["control"] == {"url": host.control_url, "token": None}
        assert document["tls"] is True
        assert document["listening"] is True


def test_a_port_in_use_is_said_so() -> None:
    """The message names the port; nothing is left behind."""
    with MockHost() as host:
        with pytest.raises(CannotRun, match=str(host.port)):
            MockHost(port=host.port).start()
        assert probe(host).status_code == 200


def answers(url: str) -> bool:
    """Whether something listens there."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0)).close()
    except OSError:
        return False
    return True


def test_a_host_that_is_started_twice_is_one_host() -> None:
    """As in `with MockHost().start() as host`: the ports stay, and none outlives it."""
    before = set(threading.enumerate())
    with MockHost(tls=False).start() as host:
        ports = host.port, host.control_url
        assert host.start() is host
        assert (host.port, host.control_url) == ports
    assert not answers(host.url("SQL"))
    assert not answers(host.control_url)
    with host:  # it can be started again
        assert probe(host).status_code == 200
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive(), thread.name


def test_a_host_that_has_ended_still_says_where_it_was() -> None:
    """Both of its planes."""
    with MockHost(tls=False) as host:
        urls = host.url("SQL"), host.control_url
    assert (host.url("SQL"), host.control_url) == urls


@pytest.mark.parametrize(
    "name", ["", "a b", "x/y", "x:80", "*.contoso.example", "user@x", "a" * 300, "a..b", "\udcff"]
)
def test_clients_are_not_sent_to_what_is_no_host(name: str) -> None:
    """Also where no certificate would have to name it."""
    with pytest.raises(UsageError, match="can't be the host of a URL"):
        MockHost(tls=False, public_name=name)


@pytest.mark.parametrize(
    "name", ["localhost", "MOCK", "scim.contoso.example.", "münchen.example", "[::1]", "10.0.0.1"]
)
def test_clients_can_be_sent_to_any_host(name: str) -> None:
    """By a DNS name or an address."""
    MockHost(tls=False, public_name=name).stop()


@pytest.mark.parametrize("scenario", ["basics/healthy", "basics/scim"])
def test_two_authorization_headers_are_no_token(scenario: str) -> None:
    """Not even if one of them, or each of them, has it."""
    with MockHost(scenario, tls=False, control=False) as host:
        right, wrong = f"Bearer {host.token()}", "Bearer wrong"
        path = urlsplit(host.url()).path
        for values, status in (
            ([right], 200), ([right, wrong], 401), ([wrong, right], 401), ([right, right], 401), ([right, ""], 401),
        ):  # fmt: skip
            client = HTTPConnection("127.0.0.1", host.port)
            client.putrequest("GET", f"{path}/Users")
            for value in values:
                client.putheader("Authorization", value)
            client.endheaders()
            assert client.getresponse().status == status, values
            client.close()


def test_unknown_scenarios_and_connectors_are_answered_with_near_names() -> None:
    """A slip of the pen is met with what was probably meant."""
    with pytest.raises(UsageError, match="secret_token_mismatch"):
        MockHost("documented/secret_token_missmatch")
    with MockHost() as host, pytest.raises(UsageError, match="SQL"):
        host.url("sql")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"tls_names": "ecma.contoso.lab"}, r"tls_names is a list of names, .* write \['ecma.contoso.lab'\]"),
        ({"sets": "host.debug=true"}, "sets is a list of PATH=VALUE"),
        ({"control_files": "/"}, "control_files is a list of folders"),
        ({"control_env": "SQL_TOKEN"}, "control_env is a list of names"),
        ({"listen": 5}, "listen is a list of addresses, not 5"),
        ({"tls": "no"}, "tls is True, False or None, not 'no'"),
        ({"seed": "x"}, "expected a whole number, got the text 'x'"),
        ({"host": 5}, r"\$.host: expected a map, got the number 5"),
        ({"control_token": b"canary"}, "^control_token is a text, not of type bytes$"),
        ({"public_name": 5}, "public_name is a host name, not 5"),
    ],
)
def test_an_argument_of_another_kind_is_not_read_as_something_else(words: Any, message: str) -> None:
    """A text is a sequence of letters, and "no" is true."""
    with pytest.raises((UsageError, ScenarioError), match=message):
        MockHost(**words)


OF_NO_KIND: tuple[Any, ...] = (5, 1.5, b"x", object(), [5], [None], {"a": 1}, {5}, "\0", ["\0"])
"""Values of which no argument takes all; what is said of them is ours."""


@pytest.mark.parametrize(
    "name", [name for name in inspect.signature(MockHost).parameters if name != "overrides"]
)
def test_no_argument_of_a_wrong_kind_raises_a_bare_error(name: str) -> None:
    """Not even one that is looked at when the host starts."""
    for value in OF_NO_KIND:
        with contextlib.suppress(MockhostError), MockHost(**{"listen": "127.0.0.1", name: value}):
            pass


@pytest.mark.parametrize("words", [{"listen": ""}, {"listen": [""]}, {"control_host": ""}])
def test_no_address_is_not_every_address(words: Any) -> None:
    """An empty one, as of a variable that is not set, would be all of the machine's."""
    with pytest.raises(UsageError, match="an address to listen on is empty"):
        MockHost(**words).start()


@pytest.mark.parametrize("words", [{"port": "8585"}, {"control_port": "8586"}])
def test_a_port_is_a_number(words: Any) -> None:
    """One from the environment is a text."""
    with pytest.raises(UsageError, match=r"'858\d' is not a valid port"):
        MockHost(**words).start()


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda host: host.change([]), "changes is an object, not an array"),
        (lambda host: host.add_rule(None), "rule"),
        (lambda host: host.clock.advance(datetime.timedelta(minutes=5)), r"total_seconds\(\)"),
        (lambda host: host.clock.advance(minutes=None), "minutes is a number of seconds"),
        (lambda host: host.wait_for("schemas", timeout=None), "timeout is a number of seconds"),
        (lambda host: host.state("HR"), "there is no connector 'HR'"),
        (lambda host: host.objects("SQL", ContosoLogn="ann"), "did you mean 'ContosoLogin'"),
        (lambda host: host.objects("LDAP", ContosoLogin="ann"), "no column 'ContosoLogin'; known: cn"),
    ],
)
def test_a_method_refuses_what_it_would_not_understand(
    do: Callable[[MockHost], object], message: str
) -> None:
    """An assertion that nothing is there would hold with each misspelled column."""
    with MockHost(control=False, tls=False) as host, pytest.raises(UsageError, match=message):
        do(host)


def test_objects_are_chosen_by_columns_that_none_of_them_has() -> None:
    """A column or attribute may be empty everywhere; one that is nearly another's name is a slip."""
    with MockHost(control=False, tls=False) as host:
        assert host.objects("SQL", AzureID="1") == host.objects("SQL", **{"-dn-": "CN=ann"}) == []
    with MockHost("basics/scim_people", control=False, tls=False) as host:
        assert host.objects(nickName="Ann") == []
        with pytest.raises(UsageError, match="did you mean 'userName'"):
            host.objects(userNam="ann")


def test_a_scenario_from_python_with_people() -> None:
    """Overrides merge into the scenario as a file that extends it would."""
    with MockHost(connectors={"SQL": {"system": {"objects": [], "people": 50}}}) as host:
        assert len(host.objects("SQL")) == 50
        with host.session("SQL") as session:
            found = session.get(
                host.url("SQL") + "/Users?filter=ContosoLogin eq %22user0000049%22", timeout=120
            ).json()
        assert found["Resources"][0][URN]["ContosoLogin"] == "user0000049"


def test_four_hosts_beside_each_other() -> None:
    """Any number of hosts in one process, each on its own ports."""
    hosts = [MockHost().start() for _ in range(4)]
    try:
        assert len({host.port for host in hosts}) == 4
        assert {probe(host).status_code for host in hosts} == {200}
    finally:
        for host in hosts:
            host.stop()


def test_a_bug_of_ours_is_journalled_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What slips through is an empty 500 for the client and a line for us; the next request is answered."""

    def broken(*_: object) -> None:
        raise RuntimeError("the wheel came off")

    with MockHost() as host:
        with monkeypatch.context() as patched:
            patched.setitem(connector.OPERATIONS, "find_users", broken)  # type: ignore[arg-type]
            answer = probe(host)
        assert (answer.status_code, answer.content) == (500, b"")
        bugs = [entry.bug for entry in host.journal if entry.bug]
        assert len(bugs) == 1
        assert "the wheel came off" in bugs[0]
        assert probe(host).status_code == 200
    assert capfd.readouterr() == ("", "")


def test_the_cache_streams_the_moment_at_which_it_began() -> None:
    """What changes while a large cache is on its way out is not in it."""
    people = {"SQL": {"system": {"objects": [], "people": {"count": 20_000}}}}
    with MockHost(tls=False, connectors=people) as host, host.session("SQL") as session:
        with session.get(host.url("SQL") + "/cache", stream=True, timeout=120) as answer:
            assert answer.headers["Transfer-Encoding"] == "chunked"
            first = answer.raw.read(1000, decode_content=True)
            user: Any = {"schemas": [URN], URN: {"ContosoLogin": "late", "FirstName": "L", "LastName": "L"}}
            with host.session("SQL") as other:
                assert other.post(host.url("SQL") + "/Users", json=user, timeout=120).status_code == 201
                assert other.delete(host.url("SQL") + "/Users/user0019999", timeout=120).status_code == 204
            users = json.loads(first + answer.raw.read(decode_content=True))
        assert len(users) == 20_000
        assert {users[0]["id"], users[-1]["id"]} == {"user0000000", "user0019999"}
        streamed = host.journal.entries(operation="cache")[0]
        assert streamed.answer_length is not None
        assert streamed.answer_length > 1_000_000


def test_a_change_over_the_control_plane_needs_no_body() -> None:
    """A bare POST is told which header is missing; with it a reset needs nothing more."""
    with MockHost() as host:
        answer = requests.post(host.control_url + "/v1/reset", timeout=120)
        assert answer.status_code == 415
        assert "application/json" in answer.json()["error"]["hint"]
        json_header = {"Content-Type": "application/json"}
        assert requests.post(host.control_url + "/v1/reset", headers=json_header, timeout=120).ok


def test_a_connection_that_never_became_one_is_in_the_journal() -> None:
    """A client that does not trust the certificate leaves the name of its alert."""
    with MockHost() as host, host.runtime.events.subscribe() as events:
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(host.url("SQL"), timeout=120)
        told = events.get(timeout=120)
        assert told is not None
        assert told.kind == "connection"
        assert [connection.error for connection in host.journal.connections] == ["unknown_ca"]


@pytest.mark.parametrize("days", [-1.0, float("nan"), float("inf"), 300_000.0, 1e15])
def test_the_clock_refuses_a_jump_that_nobody_would_wait_for(days: float) -> None:
    """Backwards, nowhere, or so far that a great many imports would run: said at once, and nothing moves."""
    with MockHost(control=False) as host:
        before = host.clock.now()
        with pytest.raises(UsageError):
            host.clock.advance(days=days)
        assert host.clock.now() == before
        host.clock.advance(days=3_650)
        assert host.clock.now() == before + 3_650 * 86_400


@pytest.mark.parametrize(
    "path", ["connectors.SLQ.secret_token", "client.SLQ.secret_token", "$.connectors.SLQ.dn.is_anchor"]
)
def test_a_value_of_an_unknown_connector_is_not_taken_for_a_new_one(path: str) -> None:
    """A report of all that a new connector would need leads nowhere."""
    message = r"there is no connector 'SLQ'; did you mean 'SQL'\?"
    with MockHost(control=False, tls=False) as host, pytest.raises(UsageError, match=message):
        host.set(path, "x")


@pytest.mark.parametrize(("scenario", "connector"), [("basics/healthy", "SQL"), ("basics/scim", "SCIM")])
def test_an_id_has_a_longest_length(scenario: str, connector: str) -> None:
    """A client decides how long it is, and it is held in indexes and journal."""
    ecma = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"

    def user(name: str) -> Any:
        core = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name}
        return core if connector == "SCIM" else {"schemas": [ecma], ecma: {"ContosoLogin": name}}

    with MockHost(scenario, control=False) as host, host.session(connector) as session:
        refused = session.post(f"{host.url(connector)}/Users", json=user("b" * 4_001))
        assert (refused.status_code, refused.json()["scimType"]) == (400, "invalidValue")
        assert "4001 characters; at most 4000" in refused.json()["detail"]
        longest = session.post(f"{host.url(connector)}/Users", json=user("b" * 4_000))
        assert "at most 4000" not in longest.text
