"""An initial cycle of N generated users into a target that remembers nothing; prints its times and its peak memory.

python -m tests.entra.initial_cycle N STATE
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from mockhost.client.dialect import Request
from mockhost.client.observation import Observation
from mockhost.clock import VirtualClock, monotonic, processor_seconds
from mockhost.entra.config import Credentials, Provisioning, scim_mappings
from mockhost.entra.service import Service
from mockhost.entra.store import Store
from mockhost.entra.users import Generated, GeneratedUsers
from mockhost.scim.messages import LIST_RESPONSE

EMPTY = json.dumps({"schemas": [LIST_RESPONSE], "totalResults": 0, "Resources": []}).encode()


class Target:
    """Answers as an empty SCIM server: nobody is found, everybody is created."""

    def __init__(self) -> None:
        self.created = 0

    def __call__(self, request: Request) -> Observation:
        status, body = 200, EMPTY
        if request.method == "POST":
            self.created += 1
            status, body = 201, b'{"schemas":[],"id":"%d"}' % self.created
        elif request.method == "PATCH":
            status, body = 204, b""
        return Observation(
            "https://x", request.method, request.target, status=status, body=body, complete=True
        )


def main(count: int, state: Path) -> None:
    target, began = Target(), monotonic()
    people = GeneratedUsers(Generated(count, managers=True))
    config = Provisioning(Credentials("https://x/scim"), people, scim_mappings(), app="customappsso")
    with Store(state) as store:
        done = Service(config, store, target, VirtualClock("frozen")).cycle()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "counts": done.counts,
                "created": target.created,
                "mib": peak,
                "seconds": monotonic() - began,
                "processor": processor_seconds(),
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
