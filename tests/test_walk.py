"""The page that follows a request through the code, compared with a traced find."""

from __future__ import annotations

import http.client
import re
import threading
from pathlib import Path

from bench.walk import Walk, ask
from mockhost import MockHost

PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "how-a-request-lives.md"
PATIENCE = 60.0


def named_files() -> list[str]:
    """The files that the page's lists name, in order."""
    items = re.findall(r"^- (`[^`]+\.py`.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    return [file for item in items for file in re.findall(r"`([a-z0-9_/]+\.py)`", item)]


def traced_files() -> list[str]:
    """The files whose functions a find on a new connection calls, in order of first entry.

    The host has answered another find before: what is made when it is first needed is there.
    """
    walk = Walk()
    threading.setprofile(walk.profile)
    try:
        with MockHost(tls=False, control=False) as host:
            first = http.client.HTTPConnection("127.0.0.1", host.port, timeout=PATIENCE)
            ask(host, first, "dmartin")
            first.close()
            [connection] = host.journal.connections
            ended = threading.Event()
            while connection.closed_at is None:
                ended.wait(0.01)
            walk.watching = True
            second = http.client.HTTPConnection("127.0.0.1", host.port, timeout=PATIENCE)
            ask(host, second, "ljacobson")
            walk.watching = False
            second.close()
    finally:
        threading.setprofile(None)  # type: ignore[arg-type]  # nothing is traced any more
    return list(dict.fromkeys(file for file, _ in walk.calls))


def test_the_page_names_the_files_of_a_find_in_order() -> None:
    """A file that a request enters and the page leaves out is a way that nobody wrote down."""
    assert named_files() == traced_files()
