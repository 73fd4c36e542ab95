"""The walk of one request through the package: how many calls it takes, through how many files, and how often it
changes from one to another. Run as a program, because it has to watch all threads from their start."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import urllib.parse
from pathlib import Path
from types import FrameType

from mockhost import MockHost

URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
PACKAGE = str(Path(sys.modules["mockhost"].__file__ or "").parent)
SHARED = tuple(f"{PACKAGE}/{name}" for name in ("server/", "scim/", "clock.py", "connectors/tables.py"))
"""What stays as it is, whatever is done to the way of an exchange."""


class Walk:
    """The files of the package whose functions are called, in order, while `watching`."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.watching = False

    def profile(self, frame: FrameType, event: str, _: object) -> None:
        """For `sys.setprofile`."""
        if self.watching and event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            self.files.append(frame.f_code.co_filename)

    def figures(self) -> dict[str, int]:
        moves = sum(1 for before, after in zip(self.files, self.files[1:], strict=False) if before != after)
        own = sum(1 for file in self.files if not file.startswith(SHARED))
        return {"calls": len(self.files), "files": len(set(self.files)), "moves": moves, "own": own}


def main() -> None:
    """Print the figures of the second find, for another value than the first."""
    walk = Walk()
    threading.setprofile(walk.profile)
    with MockHost(tls=False, control=False) as host:
        target = host.truth("SQL")
        path = urllib.parse.urlsplit(target.url).path
        client = http.client.HTTPConnection("127.0.0.1", host.port, timeout=60)
        for login in ("dmartin", "ljacobson"):
            walk.files.clear()
            walk.watching = True
            query = urllib.parse.quote(f'{URN}:ContosoLogin eq "{login}"')
            client.request(
                "GET",
                f"{path}/Users?filter={query}",
                headers={"Authorization": f"Bearer {target.secret_token}"},
            )
            answer = client.getresponse()
            body = answer.read()
            walk.watching = False
            assert json.loads(body)["totalResults"] == 1, body
        client.close()
        print(json.dumps(walk.figures()))


if __name__ == "__main__":
    main()
