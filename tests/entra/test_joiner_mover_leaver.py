"""Joiners, movers and leavers: 50 users through portal, agent and host, checked in the connected system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.clock import VirtualClock
from mockhost.entra import agent, enterprise
from mockhost.entra.config import ECMA_APP, Credentials, Provisioning, Settings, Way
from mockhost.entra.service import Execution, Service
from mockhost.entra.store import Store
from mockhost.entra.users import Generated, GeneratedUsers, ListedUsers

COUNT, MOVERS, LEAVERS, UNASSIGNED = 50, 12, 10, 5
DAY = 86_400.0


class Company:
    """A directory, the job that provisions it, and the host that it is provisioned to."""

    def __init__(self, host: MockHost, store: Store) -> None:
        self.host, self.store = host, store
        self.people: list[dict[str, Any]] = [
            {**user.attributes, "userPrincipalName": user.name, "objectId": user.id}
            for user in GeneratedUsers(Generated(COUNT, seed=7))
        ]
        self.ids = {each["objectId"] for each in self.people}
        self.clock = VirtualClock("frozen")
        entered = Credentials(host.url("SQL"), "", host.token("SQL"))
        settings = Settings(honor_retry_after=False)
        self._config = Provisioning(
            entered, ListedUsers([]), settings=settings, app=ECMA_APP, trust=str(host.ca_file)
        )
        self.way = Way(self._config)
        enterprise.discover(self.service)

    @property
    def service(self) -> Service:
        config = self._config._replace(users=ListedUsers(self.people))
        return Service(config, self.store, self.way, self.clock)

    def cycle(self) -> Execution:
        """A cycle when it is due."""
        self.clock.advance(max(0.0, self.store.get("next_run", 0.0) - self.clock.now()))
        return self.service.cycle()

    def agent(self, action: str) -> None:
        changed = agent.act(self.service.agents, action, "agent-1", self.clock.now())
        self.store.set("agents", [list(each) for each in changed])

    def rows(self) -> dict[str, dict[str, Any]]:
        """The rows of the connected system that the job made, by the user's object ID."""
        found: list[dict[str, Any]] = self.host.objects("SQL")
        return {row["AzureID"]: row for row in found if row.get("AzureID") in self.ids}


@pytest.fixture
def company() -> Iterator[Company]:
    """The company on its first day: nobody has been provisioned."""
    with MockHost("basics/healthy") as host, Store() as store:
        made = Company(host, store)
        yield made
        made.way.session.close()


def test_fifty_users_from_their_first_day_to_their_last(company: Company) -> None:
    """Everything is checked in the connected system, not in what the service believes."""
    people = company.people
    first = company.cycle()
    assert (first.initial, first.counts["create"], first.counts.get("failure")) == (True, COUNT, None)
    rows = company.rows()
    assert len(rows) == COUNT
    for person in people:
        row = rows[person["objectId"]]
        assert (row["FirstName"], row["LastName"]) == (person["givenname"], person["surname"])
        assert row["IsActive"] is not False

    assert company.cycle().counts == {"imported": 0}
    for person in people[:MOVERS]:
        person["surname"] = f"{person['surname']}-Married"
    leavers = people[MOVERS : MOVERS + LEAVERS]
    for person in leavers:
        person["deleted"] = True
    unassigned = people[MOVERS + LEAVERS : MOVERS + LEAVERS + UNASSIGNED]
    for person in unassigned:
        person["assigned"] = False
    counts = company.cycle().counts
    assert (counts["update"], counts["disable"]) == (MOVERS, LEAVERS + UNASSIGNED)
    rows = company.rows()
    assert all(rows[each["objectId"]]["LastName"].endswith("-Married") for each in people[:MOVERS])
    disabled = {ident for ident, row in rows.items() if row["IsActive"] is False}
    assert disabled == {each["objectId"] for each in leavers + unassigned}

    back, purged = leavers[:3], leavers[3:]
    for person in back:
        person["deleted"] = False
    assert company.cycle().counts["update"] == len(back)
    rows = company.rows()
    assert all(rows[each["objectId"]]["IsActive"] is True for each in back)

    company.clock.advance(31 * DAY)
    assert company.cycle().counts["delete"] == len(purged)
    rows = company.rows()
    assert len(rows) == COUNT - len(purged)
    assert not rows.keys() & {each["objectId"] for each in purged}

    for person in unassigned:
        people.remove(person)
    counts = company.cycle().counts
    assert "delete" not in counts  # out of scope before: left alone
    assert all(company.rows()[each["objectId"]]["IsActive"] is False for each in unassigned)


def test_a_quarantine_begins_backs_off_and_heals(company: Company) -> None:
    """The host stops, then the agent: nothing is lost, and what changed in between arrives when both are back."""
    company.cycle()
    company.host.service("stop")
    company.people[0]["surname"] = "Later"
    waits = []
    for _ in range(3):
        done = company.cycle()
        assert done.state == "Failed"
        assert done.quarantine is not None
        waits.append(done.quarantine["nextAttempt"] - company.clock.now())
    assert waits == [1_800.0, 3_600.0, 7_200.0]
    company.host.service("start")
    company.agent("stop")
    stopped = company.cycle()
    assert stopped.quarantine is not None
    assert stopped.quarantine["error"]["code"] == "HybridIdentityServiceNoActiveAgents"
    company.agent("start")
    healed = company.cycle()
    assert (healed.state, healed.quarantine, healed.counts["update"]) == ("Succeeded", None, 1)
    assert company.rows()[company.people[0]["objectId"]]["LastName"] == "Later"


def test_users_that_fail_are_enough_for_a_quarantine(company: Company) -> None:
    """More than 40 % of them, from the number on that the settings say; the virtual clock heals it."""
    company._config = company._config._replace(
        settings=Settings(
            quarantine=company._config.settings.quarantine._replace(failures=5), honor_retry_after=False
        )
    )
    company.host.add_rule({"name": "full", "when": {"operation": "create_user"}, "reply": {"status": 500}})
    done = company.cycle()
    assert done.quarantine is not None
    assert (done.quarantine["reason"], done.counts["failure"]) == (
        "EncounteredEscrowProportionThreshold",
        COUNT,
    )
    assert company.rows() == {}
    company.host.clear_rules()
    assert company.cycle().counts["create"] == COUNT
    assert len(company.rows()) == COUNT
