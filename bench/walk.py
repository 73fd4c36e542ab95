"""The walk of a request through the package: how many calls it takes, through how many files, and how often it
changes from one to another. Run as a program, because it has to watch all threads from their start."""

from __future__ import annotations

import http.client
import itertools
import json
import sys
import threading
import urllib.parse
from pathlib import Path
from types import FrameType

from mockhost import MockHost

URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
PACKAGE = str(Path(sys.modules["mockhost"].__file__ or "").parent)
SHARED = ("server/", "scim/", "clock.py", "connectors/tables.py")
"""What stays as it is, whatever is done to the way of an exchange."""


class Walk:
    """The calls of the package's functions, in order, while `watching`: the file and the name of each.

    Without those of the thread that looks again and again whether another has taken too long.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.watching = False

    def profile(self, frame: FrameType, event: str, _: object) -> None:
        """For `threading.setprofile`."""
        code = frame.f_code
        if not (self.watching and event == "call" and code.co_filename.startswith(PACKAGE)):
            return
        if not threading.current_thread().name.endswith("-watch"):
            self.calls.append((code.co_filename[len(PACKAGE) + 1 :], code.co_qualname))

    def has(self, name: str) -> bool:
        """Whether a function of this name was called."""
        return any(called == name for _, called in self.calls.copy())

    def figures(self, last: str) -> dict[str, int]:
        """How long the way is of a request on a connection that was there, from its head to the call of `last`."""
        names = [name for _, name in self.calls]
        calls = self.calls[names.index("HeadReader.parse") : names.index(last) + 1]
        files = [file for file, _ in calls]
        moves = sum(1 for before, after in itertools.pairwise(files) if before != after)
        own = sum(1 for file in files if not file.startswith(SHARED))
        return {"calls": len(files), "files": len(set(files)), "moves": moves, "own": own}


def ask(host: MockHost, client: http.client.HTTPConnection, login: str) -> None:
    """Find one user of the host's connector SQL."""
    target = host.truth("SQL")
    path = urllib.parse.urlsplit(target.url).path
    query = urllib.parse.quote(f'{URN}:ContosoLogin eq "{login}"')
    client.request(
        "GET", f"{path}/Users?filter={query}", headers={"Authorization": f"Bearer {target.secret_token}"}
    )
    body = client.getresponse().read()
    assert json.loads(body)["totalResults"] == 1, body


def figures_of_a_find(walk: Walk, host: MockHost) -> dict[str, int]:
    """The figures of the second find on a connection, for another value than the first."""
    client = http.client.HTTPConnection("127.0.0.1", host.port, timeout=60)
    ask(host, client, "dmartin")
    walk.watching = True
    ask(host, client, "ljacobson")
    walk.watching = False
    client.close()
    return walk.figures("Connection.write")


def figures_of_a_reset(walk: Walk) -> dict[str, int]:
    """The figures of the second create of a user whose connection is reset by a rule, each user another."""
    rules = [{"when": {"operation": "create_user"}, "fault": "connection_reset"}]
    walk.calls.clear()
    ended = threading.Event()
    with MockHost({"extends": "basics/healthy", "rules": rules}, tls=False, control=False) as host:
        target = host.truth("SQL")
        path = urllib.parse.urlsplit(target.url).path
        headers = {
            "Authorization": f"Bearer {target.secret_token}",
            "Content-Type": "application/scim+json",
        }
        for login in ("first", "second"):
            names = {name: login for name in ("ContosoLogin", "AzureID", "FirstName", "LastName")}
            user = {"schemas": [URN], URN: {**names, "Email": f"{login}@contoso.example"}}
            client = http.client.HTTPConnection("127.0.0.1", host.port, timeout=60)
            client.request("GET", f"{path}/Users", headers=headers)
            client.getresponse().read()
            walk.watching = login == "second"
            client.request("POST", f"{path}/Users", body=json.dumps(user), headers=headers)
            try:
                client.getresponse()
            except ConnectionResetError:
                client.close()
            else:
                raise SystemExit("a create that should be reset was answered")
        while not walk.has("reset"):
            ended.wait(0.01)
        walk.watching = False
    return walk.figures("reset")


def files_of_a_find(walk: Walk, host: MockHost) -> list[str]:
    """The files that a find on a new connection enters until its thread waits again, in order of first entry.

    The host has answered another find before: what is made when it is first needed is there.
    """
    ended = threading.Event()
    first = http.client.HTTPConnection("127.0.0.1", host.port, timeout=60)
    ask(host, first, "dmartin")
    first.close()
    while host.journal.connections[0].closed_at is None:
        ended.wait(0.01)
    walk.watching = True
    second = http.client.HTTPConnection("127.0.0.1", host.port, timeout=60)
    ask(host, second, "ljacobson")
    while not walk.has("relieved_by"):
        ended.wait(0.01)
    walk.watching = False
    second.close()
    return list(dict.fromkeys(file for file, _ in walk.calls))


def main() -> None:
    """Print one JSON line: the figures of both requests, or with `--files` the files of a find."""
    walk = Walk()
    threading.setprofile(walk.profile)
    with MockHost(tls=False, control=False) as host:
        if "--files" in sys.argv:
            print(json.dumps(files_of_a_find(walk, host)))
            return
        find = figures_of_a_find(walk, host)
    print(json.dumps({"find": find, "reset": figures_of_a_reset(walk)}))


if __name__ == "__main__":
    main()
