"""Golden transcripts: each request as a page, a capture or Microsoft's own composer has it; one file each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockhost.client.dialect import Request
from mockhost.entra import targets
from mockhost.entra.targets import Change, Composer

FOLDER = Path(__file__).with_name("transcripts")
TRANSCRIPTS = {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.json"))}


def compose(given: dict[str, Any], call: str, arguments: Any) -> Request:
    composer = Composer(given.pop("tenant_url"), **given)
    if call == "create_user":
        return composer.create_user(
            Change(targets.parse(path), None, value) for path, value in arguments.items()
        )
    if call == "patch_user":
        ident, changes = arguments
        return composer.patch_user(
            ident, [Change(targets.parse(path), old, new) for path, old, new in changes]
        )
    made: Request = getattr(composer, call)(*arguments)
    return made


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_a_request_is_as_its_source_has_it(name: str) -> None:
    """Line and headers to the letter, the body as JSON; in the body of a create also the order of the keys."""
    said = TRANSCRIPTS[name]
    request = compose(dict(said["given"]), said["call"], said["arguments"])
    wanted = said["request"]
    assert (request.method, request.target, dict(request.headers)) == (
        wanted["method"],
        wanted["target"],
        wanted["headers"],
    )
    body = json.loads(request.body) if request.body is not None else None
    assert body == wanted["body"]
    if request.method == "POST":
        assert request.body == json.dumps(wanted["body"], ensure_ascii=False, separators=(",", ":")).encode()


def test_every_request_of_the_composer_has_a_transcript() -> None:
    """With a source; a new kind of request needs one."""
    kinds = {name for name in vars(Composer) if not name.startswith("_")} - {"user", "operations"}
    assert {said["call"] for said in TRANSCRIPTS.values()} == kinds
    assert all(
        said["source"] and said["evidence"] in ("documented", "inferred", "assumed")
        for said in TRANSCRIPTS.values()
    )
