"""Hosts without sockets: the connector half alone, on a frozen clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mockhost.clock import VirtualClock
from mockhost.connectors.ecma.host import Host
from mockhost.scenario import loader

URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"


def make_host(**overrides: Any) -> Host:
    """basics/healthy with overrides, started."""
    scenario = loader.load("basics/healthy", overrides=overrides or None)
    host = Host(scenario.host, scenario.connectors, VirtualClock("frozen"), scenario.seed)
    host.start(first=True)
    return host


@pytest.fixture
def hosts() -> Callable[..., Host]:
    """Makes hosts: `hosts(connectors={"SQL": {...}})`."""
    return make_host


def page_on(url: str, **sql: object) -> dict[str, Any]:
    """A connector on the table `staff` of a database, whose columns are read from it."""
    return {
        "selected_attributes": None,
        "deprovisioning": {"disable": "none"},
        "import": {"profiles": ["full", "delta"]},
        "system": {
            "columns": None,
            "objects": None,
            "table": None,
            "sql": {"url": url, "table": "staff", **sql},
        },
    }


def user(**attributes: object) -> dict[str, object]:
    """A resource with these attributes of the extension."""
    return {"schemas": [URN], URN: attributes}
