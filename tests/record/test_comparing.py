"""`mockhost compare`: what differs between two servers, in words, and an exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from mockhost import MockHost
from mockhost.cli.proxy import write
from mockhost.cli.verbs import mockhost
from mockhost.journal.renderings import har

from .test_recording import recorded, target

__all__ = ["target"]


def compare(one: MockHost, other: MockHost, *words: str) -> Result:
    tokens = ["--token-a", one.token(), "--token-b", other.token()]
    return CliRunner().invoke(mockhost, ["compare", one.url(), other.url(), *tokens, *words])


def served(scenario: Any, **rest: Any) -> MockHost:
    return MockHost(scenario, tls=False, control=False, **rest)


def test_two_alike(target: MockHost) -> None:
    """URLs are each server's own."""
    with served({"format": 1, "connectors": {"B": {"kind": "scim", "secret_token": "tok-b"}}}) as other:
        done = compare(target, other)
    assert done.exit_code == 1, done.output
    assert "answered differently" in done.output


def test_a_server_and_itself(target: MockHost) -> None:
    done = compare(target, target)
    assert (done.exit_code, done.output) == (0, "11 requests, 0 answered differently (A and B)\n")


def test_what_differs_is_said(target: MockHost) -> None:
    """Status, headers and values of the body, as text and as JSON."""
    with served("basics/healthy") as other:
        text, document = compare(target, other), compare(target, other, "--format", "json")
    assert (text.exit_code, document.exit_code) == (1, 1)
    assert "GET /ServiceProviderConfig\n  /bulk/supported: true and false" in text.output
    found = json.loads(document.output)
    assert found["requests"] == 11
    assert any("/bulk/" in each for each in found["different"][0]["differences"])


def test_a_recording_is_like_its_server(target: MockHost, tmp_path: Path) -> None:
    """The recorded requests to a fresh server and to the replay: nothing differs; ids may."""
    kept, _, journal = recorded(target)
    write(kept, tmp_path / "r.yaml", "Recorded", None)
    document = har(journal)
    (tmp_path / "t.har").write_text(json.dumps(document), "utf-8")
    url = document["log"]["entries"][0]["request"]["url"]  # type: ignore[index]
    base = url.partition("/Users")[0]
    target.reset()
    with served(str(tmp_path / "r.yaml")) as replay:
        done = compare(target, replay, "--requests", str(tmp_path / "t.har"), "--base", base)
    assert done.exit_code == 0, done.output


def test_recorded_ids_are_each_servers_own(target: MockHost, tmp_path: Path) -> None:
    """Requests of a recording go to servers that make other ids than those in it."""
    kept, _, journal = recorded(target)
    text = json.dumps(har(journal))
    made = next(json.loads(each.answer)["id"] for each in kept if each.status == 201)
    (tmp_path / "t.har").write_text(text.replace(made, "11112222-aaaa-4bbb-8ccc-ddddeeeeffff"), "utf-8")
    base = json.loads(text)["log"]["entries"][0]["request"]["url"].partition("/Users")[0]
    write(kept, tmp_path / "r.yaml", "Recorded", None)
    target.reset()
    with served(str(tmp_path / "r.yaml")) as replay:
        done = compare(target, replay, "--requests", str(tmp_path / "t.har"), "--base", base)
    assert done.exit_code == 0, done.output
    assert [entry.status for entry in target.journal] == [each.status for each in kept]


def test_a_url_that_is_none() -> None:
    done = CliRunner().invoke(mockhost, ["compare", "nonsense", "http://a"])
    assert done.exit_code == 2


def test_two_servers_that_do_not_answer_are_not_alike() -> None:
    """Nothing listens at either, or no certificate is accepted: nothing was compared."""
    done = CliRunner().invoke(mockhost, ["compare", "http://127.0.0.1:1/a", "http://127.0.0.1:1/b"])
    assert (done.exit_code, done.stdout) == (4, "")
    assert "neither server answers (A: no answer, refused" in done.stderr
    with MockHost("basics/scim", control=False) as host:
        done = CliRunner().invoke(mockhost, ["compare", host.url(), host.url()])
    assert (done.exit_code, done.stdout) == (4, "")
    assert "--ca-a" in done.stderr


def test_one_server_that_does_not_answer_differs(target: MockHost) -> None:
    done = CliRunner().invoke(mockhost, ["compare", "http://127.0.0.1:1/a", target.url()])
    assert done.exit_code == 1
