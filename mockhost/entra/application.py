"""The enterprise application in the portal: credentials entered and saved, target attribute list, agents, and the job.

Sources: Microsoft Learn, "Develop and plan provisioning for a SCIM endpoint" (Schema discovery: asked for on saving and
on opening the page; attributes are only added), the attribute list of a real ECMA app (suryendub.github.io, pictures),
Microsoft Graph v1.0, synchronizationJob: start, pause, restart (resetScope; spellings from ECMA2HostTools 1.2.0).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mockhost.client.dialect import PROBE_ATTRIBUTE
from mockhost.client.observation import Observation
from mockhost.entra import defaults
from mockhost.entra.config import Credentials, Provisioning
from mockhost.entra.service import Service
from mockhost.entra.store import Store
from mockhost.errors import UsageError, did_you_mean
from mockhost.scim.messages import CORE_USER

RESET_SCOPES = (
    "Full",
    "Escrows",
    "QuarantineState",
    "Watermark",
    "ForceDeletes",
    "ConnectorDataStore",
    "None",
)
TOKEN_LIMIT = 1_024
"""Bytes that the credentials of an app may have together (Microsoft Learn, "Known issues": 1 KB)."""
NO_DISCOVERY = "an app without an agent has a fixed list"
"""Source: Microsoft Learn, "Develop and plan provisioning for a SCIM endpoint" and "On-premises SCIM app": /Schemas is
asked for gallery apps and on-premises ones, not for a custom non-gallery app."""
TOO_LONG = "Size of input ExternalSecret data is invalid."


class Attribute(NamedTuple):
    """A row of the target attribute list."""

    name: str
    type: str = "String"
    required: bool = False
    primary_key: bool = False
    anchor: bool = False


_TEMPLATE = (
    Attribute("id", "String", True, True),
    Attribute("active", "Boolean"),
    Attribute(PROBE_ATTRIBUTE, "String", True),
)


# -- credentials ---------------------------------------------------------------------------------------------


def saved(store: Store, env: Mapping[str, str]) -> Credentials | None:
    """The saved credentials; None where nothing was saved yet. A token of the environment is read again."""
    found = store.get("saved")
    return None if found is None else Credentials(*found).resolved(env)


def save(config: Provisioning, store: Store) -> None:
    """Save what is entered. Raises UsageError with the portal's text for a token that is too long."""
    entered = config.entered
    if len((entered.secret_token or "").encode()) + len(entered.tenant_url.encode()) > TOKEN_LIMIT:
        raise UsageError(
            f"{TOO_LONG} The credentials have more than 1 KB", hint="generate a shorter secret token"
        )
    kept = entered._replace(secret_token=None) if entered.token_source else entered
    store.set("saved", list(kept))


# -- target attributes ---------------------------------------------------------------------------------------


def discover(service: Service) -> Observation | None:
    """Ask for /Schemas and add what is new to the target attribute list; None where no agent asks."""
    if not service.config.through_agent or service.agent_problem() is not None:
        return None
    seen = service.send(service.composer.schemas())
    found = list(attributes_in(seen.json())) if seen.status == 200 and seen.complete else []
    old = target_attributes(service.store)
    known = {each.name.lower() for each in old}
    added = [each for each in found if each.name.lower() not in known]
    if added:
        service.store.set("attributes", [each._asdict() for each in _sorted([*old, *added])])
        service.forget_mappings()
    return seen


def target_attributes(store: Store) -> list[Attribute]:
    """The target attribute list as it was last refreshed."""
    return [Attribute(**each) for each in store.get("attributes", [])]


def shown_attributes(config: Provisioning, store: Store) -> list[Attribute]:
    """The list as the portal shows it: for an ECMA app with the rows of its template, if it was ever filled."""
    if not config.through_agent:
        return [Attribute("id", required=True, primary_key=True), *map(Attribute, defaults.SCIM)]
    found = target_attributes(store)
    return [*_TEMPLATE, *found] if config.is_ecma and found else found


def _sorted(found: Iterable[Attribute]) -> list[Attribute]:
    """The anchor, `-dn-`, then by alphabet."""
    return sorted(
        found, key=lambda each: (not each.anchor, not each.name.endswith(":-dn-"), each.name.lower())
    )


def attributes_in(document: object) -> Iterator[Attribute]:
    """The target attributes that an answer to /Schemas offers, flattened to paths of mappings."""
    resources = document.get("Resources") if isinstance(document, dict) else None
    for resource in (resources if isinstance(resources, list) else [])[:100]:
        if not isinstance(resource, dict) or not isinstance(resource.get("attributes"), list):
            continue
        urn = str(resource.get("id", ""))
        if urn.lower().endswith((":group", ":schema", ":resourcetype", ":serviceproviderconfig")):
            continue
        for each in resource["attributes"][:1_000]:
            if isinstance(each, dict) and isinstance(each.get("name"), str):
                yield from _flattened(each, "" if urn.lower() == CORE_USER.lower() else f"{urn}:")


def _flattened(said: Mapping[str, Any], prefix: str) -> Iterator[Attribute]:
    name = f"{prefix}{said['name']}"
    inner = said.get("subAttributes")
    if not isinstance(inner, list) or not inner:
        anchor = bool(prefix) and said.get("uniqueness") == "server"
        yield Attribute(
            name, str(said.get("type", "string")).capitalize(), bool(said.get("required")), anchor=anchor
        )
        return
    for each in inner[:100]:
        sub = each.get("name") if isinstance(each, dict) else None
        if not isinstance(sub, str) or sub in ("type", "primary", "display", "$ref"):
            continue
        if not said.get("multiValued"):
            yield Attribute(f"{name}.{sub}", str(each.get("type", "string")).capitalize())
        for kind in said.get("canonicalValues") or _kinds(inner) if said.get("multiValued") else ():
            yield Attribute(f'{name}[type eq "{kind}"].{sub}', str(each.get("type", "string")).capitalize())


def _kinds(inner: Iterable[object]) -> list[str]:
    """The canonical types of a multi-valued attribute, `work` where none is named."""
    for each in inner:
        if (
            isinstance(each, dict)
            and each.get("name") == "type"
            and isinstance(each.get("canonicalValues"), list)
        ):
            return [str(kind) for kind in each["canonicalValues"][:20]] or ["work"]
    return ["work"]


# -- the job -------------------------------------------------------------------------------------------------


def start(store: Store) -> None:
    """Resume a paused job; this clears a quarantine (ECMA2HostTools)."""
    store.set("status", "Active")
    store.set("quarantine", None)
    store.set("next_run", None)


def stop(store: Store) -> None:
    """Pause the job after the cycle that runs."""
    store.set("status", "Paused")


def restart(store: Store, scopes: Iterable[str]) -> None:
    """Restart the job: the next cycle is an initial one where the watermark goes. Raises UsageError."""
    wanted = {scope.lower() for scope in scopes} or {"full"}
    known = {scope.lower(): scope for scope in RESET_SCOPES}
    for scope in wanted - known.keys():
        raise UsageError(f"{scope!r} is not a resetScope", hint=did_you_mean(scope, RESET_SCOPES))
    if "connectordatastore" in wanted:
        text = "ConnectorDataStore is not to be reset without guidance of Microsoft support"
        raise UsageError(text, hint="Full resets the rest")
    full = "full" in wanted
    if full or "escrows" in wanted:
        store.change("next_try = NULL, failures = 0, failed_at = NULL, error = '', digest = NULL")
    if full or "quarantinestate" in wanted:
        store.set("quarantine", None)
    if full or "watermark" in wanted:
        store.set("watermark", None)
    if full:
        store.change(
            "target = '', manager_sent = '', exported = '', active = 0, digest = NULL"
        )  # links are made again
    if full or "forcedeletes" in wanted:
        store.set("allow_deletes", not full)
    store.set("status", "Active")
    store.set("next_run", None)


def allow_deletes(store: Store) -> None:
    """Allow what the accidental deletions threshold held back; the next cycle does it, and is due at once."""
    store.set("allow_deletes", True)
    store.set("next_run", None)
