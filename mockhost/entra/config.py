"""What a provisioning.yaml says, as values: where to and on which way, whom, what, and by which rules of the service.

The numbers of `Settings` are Microsoft's unless they say otherwise; a lab sets smaller ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

from mockhost import facts
from mockhost.client.dialect import NEW_DIALECT, PROBE_ATTRIBUTE, Request, qualified
from mockhost.client.observation import Observation, Session, endpoint
from mockhost.clock import wall_now
from mockhost.entra.expressions import Expression, parse
from mockhost.entra.targets import Target
from mockhost.entra.targets import parse as target
from mockhost.entra.users import Scope, Users
from mockhost.scim.messages import ECMA_USER

if TYPE_CHECKING:
    from mockhost.client.har import HarWriter

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
ECMA_APP = "ScimOnPremises"
"""How the portal and the log call the target of an ECMA host's app (a provisioning log of a real one)."""
APPS = (ECMA_APP, "AgentBasedScim", "customappsso")
"""Kinds of application: ECMA host; the on-premises SCIM app; a non-gallery SCIM app without an agent."""
_ECMA_URL = re.compile(r"/ecma2host_[^/?#]+/scim/?(?:\?|$)")
DIALECTS = ("legacy", "tutorial", "scim062020")
"""How patches are written (Microsoft Learn, "Known issues … with SCIM 2.0 protocol compliance"): today's default;
booleans as booleans ("Develop and plan provisioning", Disable User); with the flag aadOptscim062020."""


class AttributeMapping(NamedTuple):
    """An attribute mapping."""

    target: Target
    expression: Expression | None = None
    constant: str | None = None
    matching: int = 0
    """matching precedence, from 1; 0 where it does not match"""
    create_only: bool = False
    """Apply this mapping: Only during object creation"""
    default: str | None = None
    """Default value if null; used on create only"""


class Quarantine(NamedTuple):
    """Thresholds and intervals (Microsoft Learn, "Application provisioning in quarantine status")."""

    failures: int = 5_000
    """evaluation starts at so many"""
    proportion: float = 0.4
    base: int = 40_000
    """failures without those of references"""
    total: int = 60_000
    intervals: tuple[float, ...] = (0.5 * HOUR, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, DAY)
    """Until the next attempt. "Falls gradually to once per day" is documented, the steps are from a forum's answer."""
    disable_after: float = 28 * DAY


class Settings(NamedTuple):
    """How the service works."""

    interval: float = 40 * MINUTE
    retries: tuple[float, ...] = (6 * HOUR, 12 * HOUR, DAY)
    """after a user's first failure; then every `retry_every`"""
    retry_every: float = DAY
    give_up_after: float = 28 * DAY
    quarantine: Quarantine = Quarantine()
    accidental_deletions: int | None = None
    """more disables and deletes in a cycle are held back; None: no threshold"""
    skip_out_of_scope_deletions: bool = False
    actions: frozenset[str] = frozenset({"create", "update", "delete"})
    """Target Object Actions"""
    hard_delete_after: float = 30 * DAY
    timeout: float = 100.0
    """seconds on the wall. Assumed: .NET's HttpClient; Microsoft publishes none"""
    honor_retry_after: bool = True
    retry_after_limit: float = 60.0
    """seconds on the wall that are waited for at most. Ours: a longer wait ends at the next cycle"""
    rematch_lost: bool = False
    """what happens to a user whose target vanished: matched again, or InvalidAnchor (documented)"""
    dialect: str | None = None
    """None: by the flag in the tenant URL"""
    agent_ready_after: float = 15 * MINUTE
    """of the documented 10 to 20 minutes"""
    log_limit: int = 10_000
    seed: int = 0
    start: float | None = None
    """where the virtual clock starts, in seconds since 1970; None: now"""


class Credentials(NamedTuple):
    """Admin Credentials of the portal: what is entered, or what was saved."""

    tenant_url: str
    token_source: str = ""
    """`env:NAME`, or '' where the token itself is kept; what is shown of it"""
    secret_token: str | None = None

    def resolved(self, env: Mapping[str, str]) -> Credentials:
        """With the token, where it stands in the environment."""
        if not self.token_source:
            return self
        return self._replace(secret_token=env.get(self.token_source.removeprefix("env:")))


class ControlUrl(NamedTuple):
    """Where a mock's control plane is."""

    url: str
    token: str | None = None


class Provisioning(NamedTuple):
    """A provisioning.yaml, checked."""

    entered: Credentials
    users: Users
    mappings: tuple[AttributeMapping, ...] | None = None
    """None: the default ones of the app"""
    scope: Scope = Scope()
    settings: Settings = Settings()
    app: str = ""
    """one of APPS"""
    trust: str | None = None
    control: ControlUrl | None = None
    """the control plane that tells of the agents' machine; None: the machine is sound"""

    @property
    def is_ecma(self) -> bool:
        return self.app == ECMA_APP

    @property
    def extension(self) -> str:
        """The schema of target attributes without a URN."""
        return ECMA_USER if self.is_ecma else ""

    @property
    def through_agent(self) -> bool:
        return self.app != "customappsso"


class Way:
    """Sends requests of the service to a target, as its agent does; and writes them to a HAR file."""

    def __init__(
        self,
        config: Provisioning,
        har: HarWriter | None = None,
        *,
        reach: Callable[[str], str] = lambda url: "",
    ) -> None:
        """reach: why a URL is not tried at all, in a word of `observation.ENDS`; '' if it is."""
        self._reach = reach
        self.session: Session = Session(
            config.entered.tenant_url, ca_file=config.trust, timeout=config.settings.timeout
        )
        self.har = har
        token = config.entered.secret_token
        self._headers = () if token is None else (("Authorization", f"Bearer {token}"),)

    def __call__(self, request: Request) -> Observation:
        sent = request._replace(headers=(*self._headers, *request.headers))
        if stopped := self._reach(self.session.url):
            why = "from this portal only the host itself can be reached"
            seen = Observation(self.session.url, sent.method, sent.target, ends=stopped, error=why)
        else:
            seen = self.session.exchange(sent.method, sent.target, sent.headers, sent.body)
        if self.har is not None:
            try:
                where = endpoint(self.session.url)
                base = f"{'https' if where.secure else 'http'}://{where.authority}"
            except ValueError:
                base = ""
            self.har.add(wall_now(), base, sent, seen)
        return seen


def app_of(tenant_url: str) -> str:
    """The kind of application that a tenant URL is for: an ECMA host by its path, else one without an agent."""
    return ECMA_APP if _ECMA_URL.search(tenant_url) else "customappsso"


def dialect_of(tenant_url: str, settings: Settings) -> str:
    """How patches are written."""
    return settings.dialect or ("scim062020" if NEW_DIALECT.lower() in tenant_url.lower() else "legacy")


_MATCHING = ("ContosoLogin", "userPrincipalName", "cn")
"""Attributes of an ECMA host by which users are matched: the first of them that the host has."""


def default_mappings() -> Mapping[str, Mapping[str, str]]:
    """Expressions by target attribute, of the apps `scim` and `ecma`: `default_mappings.toml`."""
    return facts.beside(__file__, "default_mappings.toml")


def scim_mappings() -> tuple[AttributeMapping, ...]:
    """The default mappings of a SCIM app: users are matched by userName."""
    return tuple(
        AttributeMapping(target(name), parse(text), matching=int(name == "userName"))
        for name, text in default_mappings()["scim"].items()
    )


def ecma_mappings(discovered: Collection[str]) -> tuple[AttributeMapping, ...]:
    """The default mappings of an ECMA host's app, by the target attributes that the host offers."""
    mappings = default_mappings()["ecma"]
    offered = {name for name in mappings if qualified(name, ECMA_USER) in discovered}
    # A host with autogenerated DNs offers -dn-, too; only a directory needs one.
    names = [name for name in mappings if name in offered and (name != "-dn-" or "cn" in offered)]
    if not any(name in names for name in _MATCHING):
        return (AttributeMapping(target(PROBE_ATTRIBUTE), parse("[userPrincipalName]"), matching=1),)
    first = next(name for name in _MATCHING if name in names)
    return tuple(
        AttributeMapping(
            target(qualified(name, ECMA_USER)), parse(mappings[name]), matching=int(name == first)
        )
        for name in names
    )
