"""Recordings: what passed a proxy, or stands in a HAR file, as a scenario that answers the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mockhost import MockHost
from mockhost.cli.record import Recorder, write
from mockhost.cli.verbs import mockhost
from mockhost.client.observation import Observation, Session
from mockhost.errors import UsageError
from mockhost.journal.renderings import har
from mockhost.record.recorded import Recorded

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
        assert "nothing was recorded" in ask("GET", "/Groups").text
        assert Client(ask.url, "wrong")("GET", "/Groups").status == 401


def test_texts_that_mean_something_in_a_scenario_are_kept(tmp_path: Path) -> None:
    """`${…}`, `{{…}}`, and letters that YAML treats in a way of its own."""
    body = json.dumps({"id": "1", "displayName": "${home} {{now}} \u2028 \x85"}, ensure_ascii=False).encode()
    kept = [Recorded("GET", "/Users/${a}", "x=${b}", b"", 200, (("ETag", "${c}"),), body)]
    write(kept, tmp_path / "r.yaml", "${title}", None)
    with MockHost(str(tmp_path / "r.yaml"), tls=False, control=False) as host:
        seen = Client(host.url("TARGET"), host.token("TARGET"))("GET", "/Users/${a}?x=${b}")
    assert (seen.status, seen.body, seen.header("etag")) == (200, body, "${c}")


def test_nothing_to_write(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no exchange was recorded"):
        write([], tmp_path / "r.yaml", "Recorded", None)
