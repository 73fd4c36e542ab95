"""`mockhost calibrate` finds what a scenario set, for each behaviour that can be seen by reading."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from mockhost import MockHost
from mockhost.cli.endpoints import settable
from mockhost.clock import monotonic
from mockhost.connectors.ecma.behaviours import TABLE
from mockhost.doctor import calibrate
from mockhost.doctor.patient import Patient
from mockhost.scenario import loader
from tests.cli.conftest import Invoke
from tests.client.conftest import Peers
from tests.client.peers import Line

NEEDS: dict[str, dict[str, object]] = {
    "cache_closed_status": {"cache_access": "debug"},
    "method_not_allowed_body": {"options_status": 405},
}
"""What else has to be set for a value to show."""
SAMPLES = {"status": (418, 404), "int": (2,), "text": ("application/json",), "duration": ("5s",)}
TEXTS = {"unauthorized_challenge": ("Negotiate",), "scim_content_type": ("application/json",)}
ODD = {
    # A 2xx would let the client in, and the value itself decides what is seen.
    "unknown_connector_status": (400, 410),
    "unauthorized_status": (403, 400),
    "list_page_size": (2, 3),
    "list_page_max": (3, 4),
}


def values(name: str) -> list[object]:
    """Every value of a list, or samples of a type; those of a 200 where a body would have to come are left out."""
    row = TABLE[name]
    if name in ODD:
        return list(ODD[name])
    found = list(row.values())
    for kind in row.types():
        found += TEXTS.get(name, SAMPLES[kind])
    return [value for value in found if value not in ("duration",)]


VISIBLE = [name for name in TABLE if name not in calibrate.UNSEEN]


def calibrated(behaviours: dict[str, object], connector: str = "SQL") -> dict[str, object]:
    """What is seen of a host with these behaviours."""
    sets = [f"host.behaviours.{name}={json.dumps(value)}" for name, value in behaviours.items()]
    with MockHost("basics/healthy", clock="wall", sets=sets) as host:
        target = host.clients()[connector]
        patient = Patient(
            target.url, target.secret_token, target.ca_file, timeout=20.0, deadline=monotonic() + 200.0
        )
        found = {each.name: each.value for each in settable(list(calibrate.calibrate(patient)))}
        assert {each.method for each in host.journal} <= {"GET", "HEAD", "OPTIONS", "POST"}
        assert {each.target.rpartition("/")[2] for each in host.journal if each.method == "POST"} <= {
            ".search"
        }
        return found


def test_every_behaviour_is_seen_or_has_a_reason() -> None:
    assert set(calibrate.UNSEEN) <= set(TABLE)
    found = calibrated({})
    hidden = {
        "cache_closed_status",
        "list_page_size",
        "list_page_max",
    }  # not with few users, nor an open cache
    assert set(VISIBLE) - set(found) == hidden
    assert {name: value for name, value in found.items() if value != TABLE[name].default} == {}


def cases() -> Iterator[ParameterSet]:
    """Every value of every behaviour; one of each, not the default, in every run."""
    for name in VISIBLE:
        found = values(name)
        quick = next((value for value in found if value != TABLE[name].default), None)
        for value in found:
            marks = () if value == quick else pytest.mark.slow
            yield pytest.param(name, value, marks=marks, id=f"{name}-{value}")


@pytest.mark.parametrize(("name", "value"), list(cases()))
def test_a_value_that_is_set_is_found(name: str, value: object) -> None:
    assert calibrated({**NEEDS.get(name, {}), name: value}).get(name) == value


def test_the_file_is_a_scenario_without_anything_of_the_host(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "mine.yaml"
    with MockHost("basics/healthy", clock="wall", sets=["host.behaviours.filterless_list=405"]) as host:
        target = host.clients()["LDAP"]
        words = ("--secret-token", target.secret_token, "--ca", str(target.ca_file))
        result = invoke("calibrate", target.url, *words, "--out", str(out))
        assert result.exit_code == 0, result.output
        assert "1 of them other than mockhost's own" in result.stdout
        # the file was tried before, and the folder is gone by the time it is written
        monkeypatch.setattr("mockhost.cli.endpoints.try_out", lambda path: None)
        result = invoke("calibrate", target.url, *words, "--out", str(tmp_path / "gone" / "mine.yaml"))
        assert result.exit_code == 4, result.output
        assert "mine.yaml can't be written" in result.stderr
        assert "filterless_list: 405" in result.stdout
        text = out.read_text("utf-8")
        port = str(host.port)
    for secret in (target.secret_token, "localhost", port, "LDAP", "Contoso", "contoso"):
        assert secret not in text
    assert loader.load(str(out)).host.behaviours["filterless_list"] == 405


def test_a_host_that_lets_nobody_in_is_not_calibrated(invoke: Invoke, tmp_path: Path) -> None:
    with MockHost("documented/secret_token_mismatch", clock="wall") as host:
        target = host.clients()["SQL"]
        words = ("--secret-token", target.secret_token, "--ca", str(target.ca_file))
        result = invoke("calibrate", target.url, *words, "--out", str(tmp_path / "x.yaml"))
    assert result.exit_code == 4
    assert "401" in result.output
    assert not (tmp_path / "x.yaml").exists()


def test_what_the_server_says_reaches_the_file_as_known_words_only(peers: Peers) -> None:
    """A realm, a media type with parameters, and characters that end a comment of YAML stay out of it."""
    list_response = (
        b'{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"Resources":[]}'
    )

    def odd(line: Line) -> None:
        let_in = b"right-secret-token" in line.read_request()
        head = (
            b"HTTP/1.1 200 OK"
            if let_in
            else b'HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm="sql01.contoso.example"'
        )
        kind = b"application/scim+json; server=sql01.contoso.example\x85host: x"
        line.send(
            head + b"\r\nContent-Type: " + kind + b"\r\nContent-Length: %d\r\n\r\n" % len(list_response)
        )
        line.send(list_response)

    url = f"{peers(odd).url}/ecma2host_SQL/scim"
    patient = Patient(url, "right-secret-token", None, timeout=20.0, deadline=monotonic() + 200.0)
    text = calibrate.document(settable(list(calibrate.calibrate(patient))))
    assert "sql01" not in text
    assert text.isascii() or "\x85" not in text
    assert "unauthorized_challenge: Bearer\n" in text
