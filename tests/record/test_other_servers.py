"""Servers of others behind the proxy: they look the same, their recordings replay, and nothing secret is in a file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mockhost import MockHost
from mockhost.cli.proxy import Recorder, write
from mockhost.journal.renderings import har
from mockhost.record.comparing import READING, Server, compare, requests_of
from mockhost.record.recorded import Recorded, read_har
from tests.doctor.test_others import free_port
from tests.entra.story import tell
from tests.entra.test_other_servers import SERVERS

from .test_recording import ANN, ORIGINALS, PASSWORD, TOKEN, Client, talk

SECRETS = (TOKEN, PASSWORD, "canary-query-token", "canary-cookie")


def proxied(url: str) -> MockHost:
    connector = {"kind": "proxy", "target": url}
    return MockHost({"format": 1, "connectors": {"TARGET": connector}}, tls=False, control=False)


def recorded(url: str, folder: Path) -> list[Recorded]:
    """What passes of a client's session with secrets and people in it; its HAR file is written, too."""
    with proxied(url) as proxy:
        recorder = Recorder(proxy)
        through = proxy.url("TARGET")
        talk(Client(through, TOKEN), ANN)
        secretive = Client(through, TOKEN)
        secretive("GET", "/Users?count=1&access_token=canary-query-token")
        differing = [
            each for each in compare(Server(url), Server(through, TOKEN), READING) if each.differences
        ]
        assert differing == []
        (folder / "session.har").write_text(json.dumps(har(proxy.journal)), "utf-8")
        assert recorder.left_out == 0
        return recorder.kept


@pytest.mark.slow
@pytest.mark.parametrize("title", SERVERS)
def test_a_server_of_others_is_itself_behind_the_proxy_and_in_a_recording(
    title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A story ends the same, a fresh server and the replay answer the recorded requests alike, no canary is left."""
    if "npm" in title and not (shutil.which("npm") and shutil.which("node")):
        pytest.skip("needs npm and node")
    folder, files = tmp_path / "server", tmp_path / "files"
    folder.mkdir()
    files.mkdir()
    port = free_port()  # a recording has the server's URLs: the fresh server gets the same ones
    monkeypatch.setattr("tests.entra.test_other_servers.free_port", lambda: port)
    with SERVERS[title](folder) as url:
        direct = tell(url)
    with SERVERS[title](folder) as url, proxied(url) as proxy:
        assert tell(proxy.url("TARGET")) == direct
    with SERVERS[title](folder) as url:
        kept = recorded(url, files)
    write(kept, files / "recorded.yaml", "Recorded", None)
    write(kept, files / "scrubbed.yaml", "Recorded", "people")
    requests = requests_of(kept)
    assert len(read_har(files / "session.har", None)[0]) > 20
    with (
        SERVERS[title](folder) as fresh,
        MockHost(str(files / "recorded.yaml"), tls=False, control=False) as replay,
    ):
        found = list(compare(Server(fresh), Server(replay.url("TARGET"), replay.token("TARGET")), requests))
    assert [each for each in found if each.differences] == []
    for name in ("recorded.yaml", "scrubbed.yaml"):
        with MockHost(str(files / name), tls=False, control=False) as replay:
            assert replay.check().ok, replay.check().text
    for file in files.iterdir():
        text = file.read_text("utf-8").casefold()
        assert [each for each in SECRETS if each.casefold() in text] == [], file
    text = (files / "scrubbed.yaml").read_text("utf-8").casefold()
    assert [each for each in ORIGINALS if each.casefold() in text] == []
