"""An enterprise application in the portal, with its directory, its agents and its provisioning job.

One object for `mockhost provision` and `mockhost portal`, for the steps of a scenario, and for the portal of a running
host. A step does one thing that an administrator or the provisioning service does; its result is a document of plain
data. Where the application's configuration comes from, and on whose clock it runs, is for its owner to say.

Sources: Microsoft Learn, "Develop and plan provisioning for a SCIM endpoint" (Schema discovery: asked for on saving and
on opening the page; attributes are only added), the attribute list of a real ECMA app (suryendub.github.io, pictures).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from mockhost.client.dialect import PROBE_ATTRIBUTE
from mockhost.client.observation import Observation
from mockhost.client.printing import hider
from mockhost.clock import iso
from mockhost.entra import agent, portal, records
from mockhost.entra.agent import SOUND, Agent, Machine
from mockhost.entra.config import Credentials, Provisioning, Way, default_mappings
from mockhost.entra.service import Clock, Execution, Service
from mockhost.entra.store import Store
from mockhost.entra.targets import Attribute, attributes_in, sorted_attributes
from mockhost.errors import CannotRun, UsageError, did_you_mean

MOST_RECORDS = 1_000
"""Records that a step shows at once."""
TOKEN_LIMIT = 1_024
"""Bytes that the credentials of an app may have together (Microsoft Learn, "Known issues": 1 KB)."""
NO_DISCOVERY = "an app without an agent has a fixed list"
"""Source: Microsoft Learn, "Develop and plan provisioning for a SCIM endpoint" and "On-premises SCIM app": /Schemas is
asked for gallery apps and on-premises ones, not for a custom non-gallery app."""
TOO_LONG = "Size of input ExternalSecret data is invalid."


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
        service.store.set("attributes", [each._asdict() for each in sorted_attributes([*old, *added])])
        service.forget_mappings()
    return seen


def target_attributes(store: Store) -> list[Attribute]:
    """The target attribute list as it was last refreshed."""
    return [Attribute(**each) for each in store.get("attributes", [])]


def shown_attributes(config: Provisioning, store: Store) -> list[Attribute]:
    """The list as the portal shows it: for an ECMA app with the rows of its template, if it was ever filled."""
    if not config.through_agent:
        return [Attribute("id", required=True, primary_key=True), *map(Attribute, default_mappings()["scim"])]
    found = target_attributes(store)
    return [*_TEMPLATE, *found] if config.is_ecma and found else found


class Source(Protocol):
    """Where the configuration of an application comes from, and what is around it."""

    def provisioning(self) -> Provisioning:
        """What is entered now."""

    def enter(self, values: Mapping[str, object]) -> None:
        """Enter another tenant URL or secret token. Raises UsageError."""

    def change(self, values: Mapping[str, object]) -> None:
        """Change users, scope, settings or mappings. Raises UsageError."""

    def reached(self, saved: Credentials) -> Credentials:
        """Saved credentials as they lead to the target now."""

    def machine(self) -> Machine | None:
        """The machine of the first agent; None: what each agent says of it."""

    def operate(self, action: str | Mapping[str, Any]) -> None:
        """Do on that machine what is done to the agent; values change the machine. Raises UsageError, CannotRun."""

    def way(self, config: Provisioning) -> Way:
        """The way to the target."""


class EnterpriseApp:
    """One application. Its state is in `store`; a caller with several threads brings a lock."""

    def __init__(
        self,
        source: Source,
        store: Store,
        clock: Clock,
        *,
        env: Mapping[str, str] | None = None,
        pause: Callable[[float], None] | None = None,
    ) -> None:
        """env: where a token that is in the environment is read again; pause: waits on the wall for a Retry-After."""
        self.source = source
        self.store = store
        self.clock = clock
        self._env = env or {}
        self._pause = pause

    def close(self) -> None:
        """Forget the state."""
        self.store.close()

    # -- the job ---------------------------------------------------------------------------------------------------

    @contextmanager
    def job(self, *, entered: bool = False) -> Iterator[Service]:
        """The provisioning job with the saved credentials, or with those that are entered.

        What is entered is saved if nothing was saved before; what was done is kept at the end, also after an error.
        """
        config = self.source.provisioning()
        first = self.saved() is None
        if not entered and not first:
            saved = self.saved()
            assert saved is not None
            config = config._replace(entered=self.source.reached(saved))
        way = self.source.way(config)
        pause = self._pause or (lambda seconds: None)
        job = Service(config, self.store, way, self.clock, pause=pause, machine=self._machine())
        if way.har is not None:
            token = config.entered.secret_token
            way.har.secrets = lambda: [*job.work.secrets, *([token] if token else [])]
        try:
            if first and not entered:
                save(config, self.store)
                self.store.commit()
            yield job
        finally:
            way.session.close()
            job.keep()

    def _machine(self) -> Machine | None:
        """The machine of the first agent. What an agent's service that was started there no longer is, is forgotten."""
        found = self.source.machine()
        if found is not None and found.agent_starts > self.store.get("agent_starts", 0):
            first, *others = self.store.get("agents", [SOUND]) or [None]
            if first is not None:
                fresh = Agent(*first)._replace(wedged=False, since=None, starts_at=None)
                self.store.set("agents", [list(fresh), *others])
            self.store.set("agent_starts", found.agent_starts)
        return found

    def saved(self) -> Credentials | None:
        """The saved credentials; None where nothing was saved yet."""
        return saved(self.store, self._env)

    def wait_for_cycle(self, job: Service) -> None:
        """Let the time pass until the next cycle is due, and prepare it."""
        due = self.store.get("next_run") or 0.0
        self.clock.advance(max(0.0, due - self.clock.now()))
        self._prepare(job)

    def _prepare(self, job: Service) -> None:
        """Ask for the target attributes where none are known: default mappings of an ECMA app follow from them."""
        if not target_attributes(self.store):
            discover(job)
            self.store.commit()

    # -- steps -----------------------------------------------------------------------------------------------------

    def perform(self, step: object) -> dict[str, Any]:
        """Do what a step says; its result. Raises UsageError for a step that is wrong."""
        verb, argument = verb_of(step)
        with self.job(entered=verb not in _SAVED) as job:
            return VERBS[verb](self, job, argument) or {}

    def _show(self, job: Service, argument: object) -> dict[str, Any]:
        saved, config = self.saved(), job.config
        shown = None if saved is None else self.source.reached(saved)
        now = self.clock.now()
        after = job.settings.agent_ready_after
        running: dict[str, Any] = {
            "app": config.app,
            "entered": _credentials(config.entered),
            "saved": None if shown is None else _credentials(shown),
            "saved_is_entered": shown == config.entered,
            "clock": iso(now),
            "agents": {each.name: each.describe(now, after) for each in job.agents}
            if config.through_agent
            else {},
            "machine": None if job.machine is None else _machine(job.machine),
            "status": self.store.get("status", "Active"),
            "next_run": _time(self.store.get("next_run")),
            "last": _with_times(self.store.get("last"), "began", "ended"),
            "quarantine": _quarantine(self.store.get("quarantine")),
            "mails": [_with_times(each, "at") for each in self.store.get("mails", [])],
            "attributes": len(shown_attributes(config, self.store)),
            "records": self.store.get("records", 0),
        }
        return running

    def _users(self, job: Service, argument: object) -> dict[str, Any]:
        """The users of the directory, and what the job knows of them."""
        found: dict[str, Any] = {}
        for user in job.config.users:
            if len(found) == MOST_RECORDS:
                break
            known = self.store.user(user.id)
            found[user.name] = {
                "id": user.id,
                "enabled": user.enabled,
                "assigned": user.assigned,
                "deleted": user.deleted,
                "target": known.target if known else "",
                "error": known.error if known else "",
            }
        return {"users": found}

    def _test_connection(self, job: Service, argument: object) -> dict[str, Any]:
        return _of_verdict(job)(job.probe())

    def _enter(self, job: Service, argument: object) -> dict[str, Any]:
        if not isinstance(argument, Mapping) or not argument:
            raise UsageError("entra: 'enter' has what is entered", hint="tenant_url, secret_token")
        self.source.enter(argument)
        entered = self.source.provisioning().entered
        saved = self.saved()
        return {
            "entered": _credentials(entered),
            "saved_is_entered": saved is not None and self.source.reached(saved) == entered,
        }

    def _save(self, job: Service, argument: object) -> dict[str, Any]:
        """Save what is entered; this asks for the target attributes."""
        try:
            save(job.config, self.store)
        except UsageError as error:
            return {"error": error.message, "hint": error.hint}
        return {"error": "", **self._refreshed(job)}

    def _attributes(self, job: Service, argument: object) -> dict[str, Any]:
        """The target attribute list, asked for again unless the argument is `shown`."""
        found = {} if argument == "shown" else self._refreshed(job)
        shown = shown_attributes(job.config, self.store)
        return {
            "names": [each.name.rpartition(":")[2] for each in shown],
            "attributes": [each._asdict() for each in shown],
            **found,
        }

    def _refreshed(self, job: Service) -> dict[str, Any]:
        before = len(target_attributes(self.store))
        seen = discover(job)
        now = len(target_attributes(self.store))
        if seen is None:
            problem = job.agent_problem()
            why = "no agent relays the request" if problem is not None else NO_DISCOVERY
        else:
            why = "" if seen.status == 200 else f"/Schemas: {seen.describe()}"
        return {"known": now, "new": now - before, "why": hider(job.config.entered.secret_token)(why)}

    def _cycle(self, job: Service, argument: object) -> dict[str, Any]:
        self.wait_for_cycle(job)
        before = self.store.get("records", 0)
        try:
            done = job.cycle(initial=argument == "initial")
        except CannotRun as error:
            return {"state": "NotRun", "error": error.message}
        new = self.store.get("records", 0) - before
        found = list(self.store.records(last=min(new, MOST_RECORDS))) if new else []
        return {
            "state": done.state,
            "initial": done.initial,
            "quarantine": None if done.quarantine is None else done.quarantine["reason"],
            "attempt": 0 if done.quarantine is None else done.quarantine["seriesCount"],
            "status": self.store.get("status", "Active"),
            "next": self.store.get("next_run") - self.clock.now(),
            "counts": done.counts,
            "users": {each["sourceIdentity"]["displayName"]: _of_record(each) for each in found},
            **(_of_verdict(job)(done.verdict) if done.verdict is not None else {}),
            "execution": of_execution(done, job),
        }

    def _on_demand(self, job: Service, argument: object) -> dict[str, Any]:
        if not isinstance(argument, str) or not argument:
            raise UsageError("entra: 'on_demand' has the user", hint="on_demand: ann@contoso.example")
        self._prepare(job)
        verdict, record = job.on_demand(argument)
        if record is None:
            return _of_verdict(job)(verdict)
        return {
            "result": _of_record(record),
            "steps": [each["name"] for each in record["provisioningSteps"]],
            "texts": " ".join(each["description"] for each in record["provisioningSteps"]),
            "modified": {
                each["displayName"].rpartition(":")[2]: each["newValue"]
                for each in record["modifiedProperties"]
            },
            "app": job.config.app,
            "record": record,
        }

    def _log(self, job: Service, argument: object) -> dict[str, Any]:
        """The newest records of the provisioning log, the newest last."""
        wanted = argument if isinstance(argument, Mapping) else {}
        if argument is not None and not isinstance(argument, Mapping):
            raise UsageError("entra: 'log' has which records", hint="user, status, action")
        for key in wanted:
            if key not in _LOG:
                raise UsageError(f"entra: the log knows no {key!r}", hint=did_you_mean(str(key), _LOG))
        texts = {key: str(wanted.get(key) or "") for key in _LOG}
        for key, known in (("status", records.STATUSES), ("action", records.ACTIONS)):
            if texts[key] and texts[key] not in known:
                hint = did_you_mean(texts[key], known) or f"known: {', '.join(known)}"
                raise UsageError(f"entra: {texts[key]!r} is not a {key}", hint=hint)
        return {"records": list(self.store.records(**texts, last=MOST_RECORDS))}

    def _act(self, job: Service, argument: object) -> dict[str, Any]:
        """Actions on agents by name; a map in the place of an action changes its machine."""
        if not isinstance(argument, Mapping):
            raise UsageError("entra: 'agent' has the agents' names and what is done to them")
        error = hint = ""
        for name, action in argument.items():
            before = job.agents
            try:
                changed = self._changed(before, str(name), action)
                if job.machine is not None and before and before[0].name == name:
                    self.source.operate(action if isinstance(action, Mapping) else str(action))
                    job.machine = self.source.machine()
                    self.store.set("agent_starts", job.machine.agent_starts if job.machine else 0)
                self.store.set("agents", [list(each) for each in changed])
            except CannotRun as failed:
                error, hint = failed.message, failed.hint
        now, after = self.clock.now(), job.settings.agent_ready_after
        agents = {each.name: each.describe(now, after) for each in job.agents}
        return {"error": error, "hint": hint, "agents": agents}

    def _changed(self, agents: tuple[Agent, ...], name: str, action: object) -> tuple[Agent, ...]:
        if not isinstance(action, Mapping):
            return agent.act(agents, str(action), name, self.clock.now())
        for key, value in action.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            agents = agent.change_machine(agents, name, str(key), text)
        return agents

    def _change(self, job: Service, argument: object) -> None:
        """Change users, scope, settings or mappings; null takes a user or a key away."""
        if not isinstance(argument, Mapping):
            raise UsageError("entra: 'change' has what is to be changed, such as users")
        self.source.change(argument)

    def _restart(self, job: Service, argument: object) -> None:
        scopes = [argument] if isinstance(argument, str) else [] if argument is None else argument
        if not isinstance(scopes, (list, tuple)):
            raise UsageError("entra: 'restart' has what is reset", hint="a list, such as [Watermark]")
        self.store.restart([str(each) for each in scopes])


VERBS: Mapping[str, Callable[[EnterpriseApp, Service, object], dict[str, Any] | None]] = {
    "show": EnterpriseApp._show,
    "enter": EnterpriseApp._enter,
    "save": EnterpriseApp._save,
    "test_connection": EnterpriseApp._test_connection,
    "agent": EnterpriseApp._act,
    "attributes": EnterpriseApp._attributes,
    "users": EnterpriseApp._users,
    "change": EnterpriseApp._change,
    "cycle": EnterpriseApp._cycle,
    "on_demand": EnterpriseApp._on_demand,
    "start": lambda app, job, argument: app.store.start(),
    "stop": lambda app, job, argument: app.store.stop(),
    "restart": EnterpriseApp._restart,
    "allow_deletes": lambda app, job, argument: app.store.allow_deletes(),
    "log": EnterpriseApp._log,
}
"""What a step can do."""
_PLAIN = ("show", "save", "test_connection", "users", "start", "stop", "allow_deletes")
"""What takes no argument."""
_CHOICES = {"cycle": ("initial",), "attributes": ("shown", "refresh")}
_SAVED = ("cycle", "on_demand")
"""What works with the saved credentials."""
_LOG = ("user", "status", "action")


def verb_of(step: object) -> tuple[str, object]:
    """The verb of a step and its argument. Raises UsageError."""
    verb, argument = (
        next(iter(step.items())) if isinstance(step, Mapping) and len(step) == 1 else (step, None)
    )
    if not isinstance(verb, str) or verb not in VERBS:
        known = ", ".join(VERBS)
        raise UsageError(f"entra: {verb!r} is not known", hint=did_you_mean(str(verb), VERBS) or known)
    if argument is not None and verb in _PLAIN:
        raise UsageError(f"entra: {verb} takes nothing more", hint=f"write {verb} alone")
    choices = _CHOICES.get(verb)
    if argument is not None and choices is not None and argument not in choices:
        raise UsageError(f"entra: {verb} takes {' or '.join(choices)}, not {argument!r}")
    return verb, argument


def of_execution(done: Execution, job: Service) -> dict[str, Any]:
    """A cycle as JSON data, with the words that the portal has for a probe that failed."""
    return {
        "cycleId": done.cycle,
        "initial": done.initial,
        "state": done.state,
        "timeBegan": iso(done.began),
        "counts": done.counts,
        "quarantine": _quarantine(done.quarantine),
        "nextRun": _time(job.store.get("next_run")),
        "verdict": None if done.verdict is None else hidden(done.verdict, job)._asdict(),
    }


def hidden(verdict: portal.PortalVerdict, job: Service) -> portal.PortalVerdict:
    """The verdict without the secret token, which some servers send back."""
    hide = hider(job.config.entered.secret_token)
    return verdict._replace(text=hide(verdict.text), also=hide(verdict.also))


def _of_verdict(job: Service) -> Callable[[portal.PortalVerdict], dict[str, Any]]:
    def document(found: portal.PortalVerdict) -> dict[str, Any]:
        verdict = hidden(found, job)
        return {
            "ok": verdict.ok,
            "code": verdict.code,
            "portal": verdict.words,
            "app": job.config.app,
            "verdict": verdict._asdict(),
        }

    return document


def _credentials(said: Credentials) -> dict[str, Any]:
    """Credentials as the portal shows them: of the secret token only whether there is one."""
    return {"tenant_url": said.tenant_url, "secret_token": "(set)" if said.secret_token else ""}


def _machine(said: Machine) -> dict[str, Any]:
    return {key: value for key, value in said._asdict().items() if key != "agent_starts"}


def _time(moment: float | None) -> str | None:
    return None if moment is None else iso(moment)


def _with_times(said: Mapping[str, Any] | None, *keys: str) -> dict[str, Any] | None:
    return None if said is None else {**said, **{key: iso(said[key]) for key in keys}}


def _quarantine(said: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return _with_times(said, "currentBegan", "seriesBegan", "nextAttempt")


def _of_record(record: Mapping[str, Any]) -> str:
    """`create success`, `other failure: DuplicateTargetEntries`."""
    info = record["provisioningStatusInfo"]
    code = (info["errorInformation"] or {}).get("errorCode", "")
    return f"{record['provisioningAction']} {info['status']}" + (f": {code}" if code else "")
