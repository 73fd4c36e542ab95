"""Writes docs/provisioning-scenarios.md: each documented scenario and each fault, met by test connection and one cycle.

It starts a host for each, asks as the portal does, and provisions three users; so it takes minutes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mockhost import MockHost
from mockhost.client.dialect import Request
from mockhost.client.observation import Observation
from mockhost.clock import VirtualClock
from mockhost.entra import agent, config, enterprise, portal
from mockhost.entra.config import Credentials, Provisioning, Settings, Way
from mockhost.entra.service import Service
from mockhost.entra.store import Store
from mockhost.entra.users import ListedUsers
from mockhost.scenario import shelves
from tools.docs import ROOT, File, anchor, side_by_side, table

PAGE = ROOT / "docs" / "provisioning-scenarios.md"
PATIENCE = 3.0
"""Seconds that an answer may take here."""
_PREFIX = "SystemForCrossDomainIdentityManagement"
_BLOCK = re.compile(r"Received response from Web resource.*?Response Status Code: (\w+) .*?Response Content:")
HEAD = """\
# Scenarios met by the provisioning service

<!-- Written by python -m tools.docs provisioned, which plays each scenario; don't edit. -->

What an administrator sees when each scenario is the target: the portal's words after Test connection, and what becomes
of three users in two cycles, by the error codes of the provisioning log; one of the users is in the target already.
Codes are shown without `SystemForCrossDomainIdentityManagement`, and of a quoted answer its status and content.
How sure the words are, and where they come from, is said by `mockhost portal test`.
[How to provision users](how-to/provision-users.md) shows how to run it; here an answer may take 3 seconds.
Scenarios with `entra:` are met by the application, the users and the agents that they have themselves.

"""
SHELVES = {"documented": "Documented failures", "faults": "Faults"}


class Met(NamedTuple):
    """What happened to a scenario's target."""

    verdict: portal.PortalVerdict
    initial: str
    incremental: str


def meet(name: str) -> Met:
    """Have the portal and the service meet a scenario, at the moment at which it is played."""
    with MockHost(name, clock="frozen") as host:
        return _by_its_own(host) if host.scenario.entra else _by_three_users(host)


def _by_its_own(host: MockHost) -> Met:
    """The application of the scenario itself, with its users and agents."""
    _prepare(host)
    verdict = portal.PortalVerdict(**host.portal("test_connection", timeout=PATIENCE)["verdict"])
    done = []
    for again in (False, True):
        if again:
            host.portal(
                {"change": {"users": {each: {"surname": "Smith"} for each in host.portal("users")["users"]}}}
            )
        before = host.portal("show")["records"]
        came = host.portal("cycle", timeout=PATIENCE)
        records = host.portal("log")["records"][before:]
        quarantine = came["quarantine"] if came["state"] != "Failed" else None
        done.append("quarantined" if came["state"] == "Failed" else outcome(records, quarantine))
    return Met(verdict, *done)


def _by_three_users(host: MockHost) -> Met:
    with Store() as store:
        connector = _prepare(host)
        kind = host.scenario.connectors[connector].kind if connector in host.scenario.connectors else ""
        url = host.url(connector)
        app = "AgentBasedScim" if kind == "scim" else config.ECMA_APP
        entered = Credentials(url, "", host.token(connector))
        settings = Settings(timeout=PATIENCE, honor_retry_after=False)
        said = Provisioning(entered, people(""), settings=settings, app=app, trust=str(host.ca_file))
        way, clock = OneByOne(said), VirtualClock("frozen")
        server = agent.read(host) if host.scenario.machine is not None else None
        service = Service(said, store, way, clock, machine=server)
        try:
            verdict = service.probe()
            enterprise.discover(service)
            initial = _cycle(service, store, 0)
            before = store.get("records", 0)
            clock.advance(store.get("next_run") - clock.now())
            changed = Service(said._replace(users=people("-Smith")), store, way, clock, machine=server)
            return Met(verdict, initial, _cycle(changed, store, before))
        finally:
            way.session.close()


def _cycle(service: Service, store: Store, before: int) -> str:
    done = service.cycle()
    if done.state == "Failed":
        return "quarantined"
    reason = None if done.quarantine is None else str(done.quarantine["reason"])
    return outcome(list(store.records())[before:], reason)


class OneByOne(Way):
    """A connection for each request: whether a kept one ends before it is used again is a matter of luck."""

    def __call__(self, request: Request) -> Observation:
        seen = super().__call__(request)
        self.session.close()
        return seen


def people(more: str) -> ListedUsers:
    """One who is in the healthy host already, and two who are not; with something more after their surnames."""
    names = (("ljacobson", "Lisa", "Jacobson"), ("bkelly", "Bob", "Kelly"), ("zmüller", "Zoë", "Müller"))
    return ListedUsers(
        [
            {"userPrincipalName": f"{name}@contoso.example", "mail": f"{name}@contoso.example", "givenName": given,
             "surname": surname + more, "displayName": f"{given} {surname}{more}", "mailNickname": name}
            for name, given, surname in names
        ]
    )  # fmt: skip


def _prepare(host: MockHost) -> str:
    """Bring a host to where its first request is sent; the connector that it is for."""
    for step in host.scenario.expect:
        if "send" in step or "entra" in step:
            return str(step.get("connector") or next(iter(host.scenario.connectors)))
        _perform(host, step)
    return next(iter(host.scenario.connectors))


def _perform(host: MockHost, step: Mapping[str, Any]) -> None:
    if "advance" in step:
        host.clock.advance(step["advance"])
    elif "import" in step:
        host.import_now(step["import"])
    elif "service" in step:
        host.service(step["service"])
    elif "change" in step:
        host.change(step["change"])
    elif "set" in step:
        for path, value in step["set"].items():
            host.set(path, value)


def words(verdict: portal.PortalVerdict) -> str:
    """The portal's words, without what is the same each time."""
    if verdict.ok:
        return "✓ " + verdict.title
    text = _BLOCK.sub(r"… \1: ", " ".join(verdict.text.split()))
    code = f"`{verdict.code.removeprefix(_PREFIX)}`: " if verdict.code else ""
    return code + (text if len(text) <= 230 else f"{text[:230]}…")


def outcome(records: Sequence[Mapping[str, Any]], quarantine: str | None) -> str:
    """What happened to a cycle."""
    shown = Counter(
        f"{each['provisioningAction']} {each['provisioningStatusInfo']['status']}" for each in records
    )
    found = (each["provisioningStatusInfo"]["errorInformation"] for each in records)
    codes = dict.fromkeys(each["errorCode"].removeprefix(_PREFIX) for each in found if each)
    counted = ", ".join(f"{number} {what}" for what, number in shown.items())
    held = [f"quarantined: {quarantine}"] if quarantine else []
    return "; ".join([counted or "nothing", *(f"`{code}`" for code in codes), *held])


def rows(shelf: str) -> Iterator[tuple[str, ...]]:
    """A row for each scenario of a shelf."""
    for name, met in side_by_side(meet, shelves.names(shelf, env={})).items():
        link = f"[{name.partition('/')[2]}](reference/scenarios.md#{anchor(name)})"
        yield link, words(met.verdict), met.initial, met.incremental


def page() -> str:
    """The whole page, ending with a newline."""
    head = ("scenario", "Test connection", "initial cycle", "next cycle, all users changed")
    parts = [f"## {title}\n\n{table(head, rows(shelf))}" for shelf, title in SHELVES.items()]
    return HEAD + "\n".join(parts)


FILES = (File(PAGE, page),)
