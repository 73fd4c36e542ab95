"""A story of joiners, movers and leavers for any SCIM server, and what became of each chapter.

python -m tests.entra.story URL
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

from mockhost.clock import VirtualClock
from mockhost.entra import config
from mockhost.entra.config import Credentials, Provisioning, Settings, Way
from mockhost.entra.service import Service
from mockhost.entra.store import Store
from mockhost.entra.users import ListedUsers

DAY = 86_400.0
CHAPTERS = (
    "Test connection",
    "create",
    "nothing changed",
    "change a name",
    "clear a title",
    "disable",
    "enable again",
    "set a manager",
    "delete",
)


def people() -> list[dict[str, Any]]:
    """Three users; the last one has a name with letters beyond ASCII."""
    return [
        {"userPrincipalName": f"{nick}@contoso.example", "objectId": nick, "mailNickname": nick, "givenName": given,
         "surname": surname, "displayName": f"{given} {surname}", "mail": f"{nick}@contoso.example",
         "jobTitle": "Engineer", "department": "Sales"}
        for nick, given, surname in (("ann", "Ann", "Lee"), ("bob", "Bob", "Kelly"), ("zoe", "Zoë", "Müller"))
    ]  # fmt: skip


def tell(url: str, token: str = "any-secret-token") -> dict[str, str]:
    """Each chapter with what became of it: the records of the log, and the targets' answers to what failed."""
    directory, clock, found = people(), VirtualClock("frozen"), {}
    with Store() as store:
        bare = Provisioning(Credentials(url, "", token), ListedUsers([]), config.scim_mappings(),
                            settings=Settings(honor_retry_after=False), app="customappsso")  # fmt: skip
        way = Way(bare)

        def cycle() -> str:
            clock.advance(max(0.0, (store.get("next_run") or 0.0) - clock.now()))
            before = store.get("records", 0)
            job = Service(bare._replace(users=ListedUsers(directory)), store, way, clock)
            done = job.cycle()
            if done.verdict is not None:
                return f"quarantine: {done.verdict.code}"
            return _shown(list(store.records())[before:])

        try:
            verdict = Service(bare, store, way, clock).probe()
            found["Test connection"] = "fine" if verdict.ok else f"{verdict.code}: {verdict.text[:200]}"
            found["create"], found["nothing changed"] = cycle(), cycle()
            directory[2]["surname"] = "Møller-Ødegård"
            found["change a name"] = cycle()
            directory[2].pop("jobTitle")
            found["clear a title"] = cycle()
            directory[1]["assigned"] = False
            found["disable"] = cycle()
            directory[1]["assigned"] = True
            found["enable again"] = cycle()
            directory[1]["manager"] = "ann"
            found["set a manager"] = cycle()
            directory[2]["deleted"] = True
            cycle()
            clock.advance(31 * DAY)
            found["delete"] = cycle()
        finally:
            way.session.close()
    return found


def _shown(records: list[dict[str, Any]]) -> str:
    counted: Counter[str] = Counter()
    for each in records:
        info = each["provisioningStatusInfo"]
        text = f"{each['provisioningAction']} {info['status']}"
        if info["status"] == "failure":
            failed = each["mockhost"]["requests"][-1].split()
            said = info["errorInformation"]["reason"].partition("Web Response: ")[2]
            said = said.partition(" This operation was retried")[0] if said.startswith("{") else ""
            try:
                detail = f": {json.loads(said)['detail']}"
            except (ValueError, LookupError):
                detail = ""
            text += f" ({failed[0]} is answered with {failed[-1]}{detail})"
        counted[text] += 1
    return ", ".join(f"{number} {text}" for text, number in counted.items()) or "nothing sent"


if __name__ == "__main__":
    print(json.dumps(tell(sys.argv[1]), indent=1, ensure_ascii=False))
