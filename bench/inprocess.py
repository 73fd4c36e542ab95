"""The rows that are measured inside one process, as a script of its own so that the installed mockhost is measured.

`python -P bench/inprocess.py another-host ROUNDS`, `… reset SCENARIO ROUNDS` or `… change-all SCENARIO FOLDER` prints
one JSON line. `-P` keeps the checkout off the import path.
"""

from __future__ import annotations

import json
import statistics
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from mockhost import MockHost

if TYPE_CHECKING:
    import requests


def another_host(rounds: int) -> dict[str, float]:
    """Milliseconds until a further host over TLS answers in a process that has had one; werkzeug's beside it."""
    ours, theirs = [], []
    with MockHost("basics/healthy"):
        pass
    for _ in range(rounds):
        began = time.perf_counter()
        with MockHost("basics/healthy"):
            ours.append(time.perf_counter() - began)
        theirs.append(_werkzeug())
    return {"ours": statistics.median(ours) * 1000, "reference": statistics.median(theirs[1:]) * 1000}


def _werkzeug() -> float:
    """A bare Flask application behind werkzeug's threaded server with a fresh certificate, as many suites do it."""
    from flask import Flask
    from werkzeug.serving import make_server

    began = time.perf_counter()
    server = make_server("127.0.0.1", 0, Flask(__name__), threaded=True, ssl_context="adhoc")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    took = time.perf_counter() - began
    server.shutdown()
    thread.join()
    server.server_close()
    return took


def reset(scenario: str, rounds: int) -> dict[str, float]:
    """Milliseconds of a reset after ten users were created and one was found (so that an index is there)."""
    took = []
    with MockHost(scenario) as host:
        for round_ in range(rounds + 1):
            with host.session("SQL") as session:
                for number in range(10):
                    _create(session, host.url("SQL"), f"new{round_}x{number}")
            began = time.perf_counter()
            host.reset()
            took.append(time.perf_counter() - began)
    return {"ours": statistics.median(took[1:]) * 1000}


def _create(session: requests.Session, url: str, login: str) -> None:
    urn = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
    values = {"ContosoLogin": login, "Email": login + "@contoso.com", "EmployeeNumber": login}
    user: dict[str, Any] = {"schemas": [urn], urn: values}
    session.post(url + "/Users", json=user, timeout=10).raise_for_status()


def change_all(scenario: str, folder: str) -> dict[str, float]:
    """Change every object behind the host's back, and keep that in a folder; how many they are."""
    with MockHost(scenario, data=folder) as host:
        everybody: dict[str, Any] = {"where": {}, "set": {"LastName": "Changed"}}
        return {"ours": host.change({"SQL": {"update": [everybody]}})}


if __name__ == "__main__":
    which, *rest = sys.argv[1:]
    if which == "change-all":
        figures = change_all(*rest)
    else:
        figures = another_host(int(rest[0])) if which == "another-host" else reset(rest[0], int(rest[1]))
    print(json.dumps(figures))
