"""Recordings: what passed a proxy, or stands in a HAR file, as a scenario that answers the same."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from click.testing import CliRunner

from mockhost import MockHost
from mockhost.cli.proxy import Recorder, write
from mockhost.cli.verbs import mockhost
from mockhost.client.observation import Observation, Session
from mockhost.connectors.proxy.connector import ProxyConnector
from mockhost.errors import UsageError
from mockhost.exchange import Exchange
from mockhost.journal import Journal
from mockhost.journal.renderings import har
from mockhost.record import people
from mockhost.record.recorded import Recorded, of_exchange
from mockhost.scenario import loader

TOKEN = "canary-secret-token-of-the-target"
PASSWORD = "canary-Passw0rd-of-ann"
GUID = "6b57c8be-1497-4b4f-9c07-2f4031f775a0"
ANN = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    "userName": "canary.ann@contoso.example",
    "externalId": GUID,
    "password": PASSWORD,
    "name": {"givenName": "Annika-canary", "familyName": "Canary Ölund"},
    "emails": [{"type": "work", "value": "canary.ann@contoso.example"}],
    "phoneNumbers": [{"type": "work", "value": "+46 70 555 01 23"}],
}
ORIGINALS = ("canary", "Ölund", "\\u00d6lund", "555 01 23", TOKEN, PASSWORD)
FIND = "/Users?filter=userName%20eq%20%22canary.ann%40contoso.example%22"


class Client:
    """Sends requests below a tenant URL."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token

    def __call__(self, method: str, path: str, body: object = None) -> Observation:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/scim+json"}
        data = None if body is None else json.dumps(body).encode()
        with Session(self.url, timeout=60.0) as session:
            return session.exchange(method, "/" + self.url.split("/", 3)[3] + path, headers, data)


def talk(ask: Client, ann: dict[str, Any] = ANN) -> list[Observation]:
    """What a client does with a server: with repeats, refusals and changes."""
    missing = ask("GET", FIND)
    made = ask("POST", "/Users", ann)
    again = ask("POST", "/Users", ann)
    path = f"/Users/{made.json()['id']}"  # type: ignore[index]
    patch = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "name.familyName", "value": "Canary-Nilsson"}],
    }
    return [
        *(missing, made, again, ask("GET", FIND), ask("PATCH", path, patch), ask("GET", path)),
        *(ask("GET", "/Users?count=1"), ask("GET", "/Users?count=0"), ask("DELETE", path), ask("GET", path)),
        *(ask("GET", "/Nothing/1"), ask("GET", "/ServiceProviderConfig")),
    ]


def meant(seen: Observation) -> tuple[int | None, bytes, str | None, str | None]:
    return seen.status, seen.body, seen.header("location"), seen.header("content-type")


@pytest.fixture
def target() -> Iterator[MockHost]:
    connector = {"kind": "scim", "secret_token": TOKEN, "behaviours": {"strictness": "lenient"}}
    with MockHost({"format": 1, "connectors": {"App": connector}}, tls=False, control=False) as host:
        yield host


def recorded(target: MockHost) -> tuple[list[Recorded], list[Observation], list[Any]]:
    """What passed, what the client saw, and the journal."""
    said = {"kind": "proxy", "target": target.url("App")}
    with MockHost({"format": 1, "connectors": {"TARGET": said}}, tls=False, control=False) as proxy:
        recorder = Recorder(proxy)
        seen = talk(Client(proxy.url("TARGET"), TOKEN))
        return recorder.kept, seen, list(proxy.journal)


def replayed(file: Path, ann: dict[str, Any] = ANN) -> list[Observation]:
    with MockHost(str(file), tls=False, control=False) as host:
        assert host.check().ok, host.check().text
        return talk(Client(host.url("TARGET"), host.token("TARGET")), ann)


@pytest.mark.parametrize("name", ["recorded.yaml", "recorded.json"])
def test_a_recording_answers_as_the_server_did(name: str, target: MockHost, tmp_path: Path) -> None:
    """Byte for byte, `check` passes, and no secret is in the file."""
    kept, seen, _ = recorded(target)
    write(kept, tmp_path / name, "Recorded", None)
    assert list(map(meant, replayed(tmp_path / name))) == list(map(meant, seen))
    text = (tmp_path / name).read_text("utf-8")
    assert TOKEN not in text
    assert PASSWORD not in text
    done = CliRunner().invoke(mockhost, ["check", str(tmp_path / name)])
    assert done.exit_code == 0, done.output


def test_values_of_the_clients_own_are_captured(target: MockHost, tmp_path: Path) -> None:
    """Another GUID in the request is the one in the answer."""
    kept, _, _ = recorded(target)
    write(kept, tmp_path / "r.yaml", "Recorded", None)
    other = GUID.replace("6b57", "aaaa")
    made = replayed(tmp_path / "r.yaml", {**ANN, "externalId": other})[1]
    assert made.status == 201
    assert made.json()["externalId"] == other  # type: ignore[index]


def test_people_are_replaced_and_none_is_left(target: MockHost, tmp_path: Path, capsys: Any) -> None:
    """In bodies, filters and headers, the same person by the same replacement; the report says how many."""
    kept, seen, _ = recorded(target)
    write(kept, tmp_path / "r.yaml", "Recorded", "people")
    text = (tmp_path / "r.yaml").read_text("utf-8")
    assert [each for each in ORIGINALS if each.casefold() in text.casefold()] == []
    assert "values of people were replaced" in capsys.readouterr().err
    with MockHost(str(tmp_path / "r.yaml"), tls=False, control=False) as host:
        assert host.check().ok
        ask = Client(host.url("TARGET"), host.token("TARGET"))
        user = ask("GET", f"/Users/{seen[1].json()['id']}").json()  # type: ignore[index]
    assert user["userName"] == user["emails"][0]["value"]  # type: ignore[index]
    assert user["userName"].endswith("@people.invalid")  # type: ignore[index]


ECMA = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"


def test_attributes_of_an_ecma_host_and_values_of_filters_are_peoples(tmp_path: Path) -> None:
    """Whatever their names are, numbers too; a name of an attribute that is also a value is no leak."""
    user = {
        "schemas": [ECMA],
        "id": GUID,
        ECMA: {"Login": "canary1", "Numbers": [771204, "canary2"], "Born": "1971-12-04", "Kind": "Login"},
    }
    patch = {
        "Operations": [
            {"op": "replace", "path": f"{ECMA}:Numbers", "value": 771204},
            {"op": "add", "value": {'roles[value eq "canary3"].display': "x", f"{ECMA}:Login": "canary4"}},
            {"op": "remove", "path": 'members[value eq "canary5"]'},
        ]
    }
    found = {"totalResults": 771204, "Resources": [user]}
    exchanges = [
        Recorded("GET", "/Users", query, b"", 200, (), json.dumps(found).encode())
        for query in (
            f"filter={ECMA}:Numbers%20eq%20771204&count=771204",
            "filter=(kind%20co%20%22canary6%20x%22)%20and%20not%20(a%20eq%20%22canary2%22)",
            f'filter=id+eq+"{GUID}"',
        )
    ]
    exchanges.append(Recorded("PATCH", f"/Users/{GUID}", "", json.dumps(patch).encode(), 204, (), b""))
    search = {"filter": 'a sw "canary7" and b gt 771204'}
    exchanges.append(Recorded("POST", "/.search", "", json.dumps(search).encode(), 200, (), b"{}"))
    done, _ = people.scrubbed(exchanges)
    text = repr(done)
    assert [each for each in ("canary", "1971", GUID) if each in text] == []
    assert done[0].query.endswith("&count=771204")
    assert json.loads(done[0].answer)["totalResults"] == 771204
    made = json.loads(done[0].answer)["Resources"][0]
    assert f"%3ANumbers%20eq%20{made[ECMA]['Numbers'][0]}&" in done[0].query
    assert str(made[ECMA]["Numbers"][0]) in done[3].body.decode()
    assert made[ECMA]["Kind"] not in ("Login", made[ECMA]["Login"])
    assert "Login" in made[ECMA]
    assert made[ECMA]["Numbers"][1] in unquote(done[1].query)
    assert made["id"] == done[3].path.removeprefix("/Users/") != GUID
    write(exchanges, tmp_path / "r.yaml", "Recorded", "people")
    assert "canary" not in (tmp_path / "r.yaml").read_text("utf-8")


def test_letters_that_change_their_number_are_found() -> None:
    """Whole words in any case: ß is two letters in other foldings, and İ in lower case."""
    names = ("Straßer", "İnci", "+46 70 1", "Ann", "Ann Lee", "_x_")
    whole = people.Replacing({people.folded_case(name): f"<{name}>" for name in names}, {})
    for name in names:
        for text in (name, name.lower() if name != "İnci" else name, f'say "{name}", {name}!'):
            assert whole.is_in(text)
            assert not whole.is_in(whole.text(text).replace(f"<{name}>", "")), text
    assert (
        whole.text("annika Ann_ ANN LEE, Straßers %2B46%2070%201")
        == "annika Ann_ <Ann Lee>, Straßers %3C%2B46%2070%201%3E"
    )


def test_a_key_that_is_there_twice_hides_nothing() -> None:
    """Parsers keep the last one; the file would have both."""
    body = b'{"displayName": "canary one", "displayName": "x", "note": [{"a": "canary one", "a": 1}]}'
    done, report = people.scrubbed([Recorded("GET", "/Users", "", b"", 200, (), body)])
    assert b"canary" not in done[0].answer
    assert json.loads(done[0].answer)["note"] == [{"a": 1}]
    assert report.values == 1


@pytest.mark.parametrize("shown", ["Zo\u00eb Lind", "Zoe\u0308 Lind"])
def test_composed_and_decomposed_letters_are_the_same_person(shown: str) -> None:
    """One system writes ë as one letter, another as two (Unicode Annex 15), in URLs too."""
    body = json.dumps({"displayName": shown, "note": "Zo\u00eb Lind and Zoe\u0308 Lind"}, ensure_ascii=False)
    headers = (("Location", "/Users/Zo%C3%AB%20Lind"), ("X", "Zoe%CC%88%20Lind"))
    done, report = people.scrubbed([Recorded("GET", "/Users", "", b"", 200, headers, body.encode())])
    assert "Lind" not in repr(done)
    assert (report.values, report.places) == (1, 5)


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", gzip.compress(b'{"userName": "canary"}')),
        ("deflate", zlib.compress(b'{"userName": "canary"}')),
        ("br", b'{"userName": "canary"}'),
        ("gzip", b'{"userName": "canary"}'),
        ("br", b"\x8b\x0a\x80canary\xff"),
        ("gzip", gzip.compress(b"canary")[:-9]),
    ],
    ids=["gzip", "deflate", "not_brotli", "not_gzip", "brotli", "cut_off"],
)
def test_a_compressed_answer_is_recorded_as_what_it_is(encoding: str, data: bytes) -> None:
    """Else nothing could be removed from it; what can't be read is left out."""
    headers = (("Content-Encoding", encoding), ("ETag", "x"))
    exchange = Exchange(
        at=0.0, method="GET", target="/scim/Users", status=200, answer_headers=headers, answer_body=data
    )
    made = of_exchange(exchange, "/scim", Journal(key=b"x"))
    if made is None:
        assert b"{" not in data
        return
    assert (made.answer, made.headers) == (b'{"userName": "canary"}', (("ETag", "x"),))
    assert b"canary" not in people.scrubbed([made])[0][0].answer


def test_secrets_in_compressed_bodies_are_removed() -> None:
    body = gzip.compress(json.dumps({"password": PASSWORD}).encode())
    coded = (("Content-Encoding", "gzip"),)
    exchange = Exchange(at=0.0, method="POST", target="/scim/Users", headers=coded, body=body)
    exchange.status, exchange.answer_headers, exchange.answer_body = 200, coded, body
    made = of_exchange(exchange, "/scim", Journal(key=b"x"))
    assert made is not None
    assert b'"password"' in made.body
    assert b'"password"' in made.answer
    assert PASSWORD not in repr(made)


def test_a_reset_does_not_end_a_recording(target: MockHost) -> None:
    """The connector is made again, and still reads answers whole and uncompressed."""
    said = {"kind": "proxy", "target": target.url("App")}
    with MockHost({"format": 1, "connectors": {"TARGET": said}}, tls=False, control=False) as proxy:
        recorder = Recorder(proxy)
        ask = Client(proxy.url("TARGET"), TOKEN)
        ask("GET", "/Users")
        proxy.reset()
        ask("GET", "/Schemas")
        connector = proxy.runtime.state.served.find("TARGET")
        assert isinstance(connector, ProxyConnector)
        assert connector.reads_whole
    assert len(recorder.kept) == 2


def test_a_har_file_becomes_the_same(target: MockHost, tmp_path: Path) -> None:
    """Of the journal, which has hidden the secrets, or of a browser, which has not."""
    _, seen, journal = recorded(target)
    document = json.dumps(har(journal)).replace(journal[0].headers[0][1], TOKEN)
    (tmp_path / "traffic.har").write_text(document, "utf-8")
    out = tmp_path / "r.yaml"
    url = json.loads(document)["log"]["entries"][0]["request"]["url"]
    words = ["import", "har", str(tmp_path / "traffic.har"), "--out", str(out)]
    done = CliRunner().invoke(mockhost, [*words, "--base", url.partition("/Users")[0]])
    assert done.exit_code == 0, done.output
    assert [each.status for each in replayed(out)] == [each.status for each in seen]
    assert TOKEN not in out.read_text("utf-8")


@pytest.mark.parametrize(
    "text", ["", "[]", '{"log": {"entries": 1}}', '{"log": {"entries": []}}', '{"log":{"entries":[{}]}}']
)
def test_a_file_that_is_no_har(text: str, tmp_path: Path) -> None:
    """A message, and nothing is written."""
    (tmp_path / "x.har").write_text(text)
    done = CliRunner().invoke(
        mockhost, ["import", "har", str(tmp_path / "x.har"), "--out", str(tmp_path / "r.yaml")]
    )
    assert done.exit_code == 2
    assert not (tmp_path / "r.yaml").exists()


def test_what_was_not_recorded_says_so(target: MockHost, tmp_path: Path) -> None:
    kept, _, _ = recorded(target)
    write(kept, tmp_path / "r.yaml", "Recorded", None)
    with MockHost(str(tmp_path / "r.yaml"), tls=False, control=False) as host:
        ask = Client(host.url("TARGET"), host.token("TARGET"))
        for path in (
            "/Groups",
            "/Users",
            "/Users?count=1&startIndex=2",
            f"{FIND}&count=1",
            "/ServiceProviderConfig?a=b",
        ):
            assert "nothing was recorded" in ask("GET", path).text, path
        assert ask("GET", "/Users?count=1").status == 200
        assert Client(ask.url, "wrong")("GET", "/Groups").status == 401


def test_texts_that_mean_something_in_a_scenario_are_kept(tmp_path: Path) -> None:
    """`${…}`, `{{…}}`, and letters that YAML treats in a way of its own."""
    body = json.dumps({"id": "1", "displayName": "${home} {{now}} \u2028 \x85"}, ensure_ascii=False).encode()
    kept = [Recorded("GET", "/Users/${a}", "x=${b}", b"", 200, (("ETag", "${c}"),), body)]
    write(kept, tmp_path / "r.yaml", "${title}", None)
    with MockHost(str(tmp_path / "r.yaml"), tls=False, control=False) as host:
        seen = Client(host.url("TARGET"), host.token("TARGET"))("GET", "/Users/${a}?x=${b}")
    assert (seen.status, seen.body, seen.header("etag")) == (200, body, "${c}")


GOOD = {
    "request": {"method": "GET", "url": "https://a.example/scim/Users", "headers": []},
    "response": {"status": 200, "headers": [], "content": {"text": "{}"}},
}


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (None, "not a request with its answer"),
        ({}, "'request' is missing"),
        (GOOD | {"response": {"status": None}}, "not a request with its answer"),
        (GOOD | {"response": {"status": 0}}, "it has no answer"),
        (GOOD | {"response": {"status": 101}}, "no scenario answers with 101"),
        (GOOD | {"response": {"status": 999}}, "no scenario answers with 999"),
        (GOOD | {"response": {"status": -1}}, "no scenario answers with -1"),
        (GOOD | {"response": {"status": float("inf")}}, "not a request with its answer"),
        (GOOD | {"response": {"status": 200, "headers": [{"name": "x"}]}}, "'value' is missing"),
        (GOOD | {"request": {"method": "GET", "url": "https://[::1/Users"}}, "Invalid IPv6 URL"),
        (GOOD | {"response": {"status": 200, "content": {"text": "\ud800"}}}, "surrogates not allowed"),
        (
            GOOD | {"response": {"status": 200, "content": {"text": "a", "encoding": "base64"}}},
            "can't be read",
        ),
        (GOOD | {"request": {"method": "GET", "url": "https://a.example/"}}, "not below the server's"),
    ],
)
def test_an_entry_that_cannot_be_played_again_is_left_out(entry: object, why: str, tmp_path: Path) -> None:
    """With its number and the reason; the others are written. Browsers note status 0 and 101, and servers send 999."""
    har, out = tmp_path / "odd.har", tmp_path / "out.yaml"
    har.write_text(json.dumps({"log": {"entries": [entry, GOOD]}}), "utf-8")
    done = CliRunner().invoke(mockhost, ["import", "har", str(har), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "entry 1 is left out: " in done.stderr
    assert why in done.stderr
    loader.load(out)


def test_nothing_to_write(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no exchange was recorded"):
        write([], tmp_path / "r.yaml", "Recorded", None)
