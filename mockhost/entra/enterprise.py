"""An enterprise application and its directory, as the steps of a scenario use them.

A step does one thing that an administrator or the provisioning service does, and what comes of it is a small document
that the step compares. The state of the job is kept in memory from step to step, on a virtual clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from mockhost.clock import VirtualClock
from mockhost.entra import agent, application, portal
from mockhost.entra.agent import Agent
from mockhost.entra.config import ECMA_APP, Credentials, Provisioning, Settings
from mockhost.entra.reading import Reader, Where
from mockhost.entra.service import Service
from mockhost.entra.store import Store
from mockhost.entra.way import Way
from mockhost.errors import CannotRun, UsageError, did_you_mean

_START = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""
_AGENT = ("registered", "running", "wedged", "assigned", "proxy", "execution_policy", "may_log_on")


class Target(Protocol):
    """What the application was told of the connector that it provisions to."""

    @property
    def url(self) -> str: ...
    @property
    def secret_token(self) -> str | None: ...
    @property
    def ca_file(self) -> str | None: ...
    @property
    def kind(self) -> str: ...


class _Mistakes(NamedTuple):
    """Raises the first mistake of a document."""

    def add(self, path: Where, message: str, hint: str = "", *, key: bool = False) -> None:
        where = ".".join(("entra", *map(str, path)))
        raise UsageError(f"{where}: {message}", hint=hint)


class EnterpriseApp:
    """One application of a scenario's `entra:`, with its users and its agents."""

    def __init__(self, said: Mapping[str, Any], timeout: float) -> None:
        """timeout: seconds on the wall that an answer may take."""
        self.said = dict(said)
        self.timeout = timeout
        self.clock = VirtualClock("frozen", start=_START)
        self.store = Store()
        agents = said.get("agents", {})
        if agents:
            self.store.set("agents", [list(self._agent(name, each)) for name, each in agents.items()])

    def close(self) -> None:
        """Forget the state."""
        self.store.close()

    def _agent(self, name: str, said: Mapping[str, Any]) -> Agent:
        values = dict(said)
        for key in values.keys() - set(_AGENT):
            raise UsageError(f"entra.agents.{name}: {key!r} is not known", hint=did_you_mean(key, _AGENT))
        if values.get("assigned") == "now":
            values |= {"assigned": True, "since": self.clock.now()}
        return Agent(name, **values)

    def perform(self, step: object, target: Target) -> dict[str, Any]:
        """Do what a step says, and what came of it. Raises UsageError for what it does not say rightly."""
        verb, argument = (
            next(iter(step.items())) if isinstance(step, Mapping) and len(step) == 1 else (step, None)
        )
        if verb not in _VERBS:
            known = ", ".join(_VERBS)
            raise UsageError(f"entra: {verb!r} is not known", hint=did_you_mean(str(verb), _VERBS) or known)
        config = self._config(target)
        way = Way(config)
        try:
            job = Service(config, self.store, way, self.clock)
            return _VERBS[str(verb)](self, job, argument)
        finally:
            way.session.close()
            self.store.commit()

    def _config(self, target: Target) -> Provisioning:
        reader = Reader(self.said, _Mistakes())
        app = "AgentBasedScim" if target.kind == "scim" else ECMA_APP
        entered = Credentials(target.url, "", target.secret_token)
        found = reader.users()
        assert found is not None
        bare = Provisioning(entered, found, app=app, trust=target.ca_file)
        settings = reader.settings()
        if settings.timeout == Settings().timeout:
            settings = settings._replace(timeout=self.timeout)
        return bare._replace(
            mappings=reader.mappings(bare.extension), scope=reader.scope(), settings=settings
        )

    # -- what steps do -----------------------------------------------------------------------------------------

    def _test_connection(self, job: Service, argument: object) -> dict[str, Any]:
        return _of_verdict(job.probe())

    def _attributes(self, job: Service, argument: object) -> dict[str, Any]:
        application.discover(job)
        found = application.shown_attributes(job.config, self.store)
        return {"names": [each.name.rpartition(":")[2] for each in found]}

    def _prepare(self, job: Service) -> None:
        """The default mappings of an ECMA app follow from its target attribute list, which saving asks for."""
        if not application.target_attributes(self.store):
            application.discover(job)

    def _cycle(self, job: Service, argument: object) -> dict[str, Any]:
        self.clock.advance(max(0.0, (self.store.get("next_run") or 0.0) - self.clock.now()))
        self._prepare(job)
        before = self.store.get("records", 0)
        try:
            done = job.cycle(initial=argument == "initial")
        except CannotRun as error:
            return {"state": "NotRun", "error": error.message}
        found = list(self.store.records())[before:] if before < self.store.get("records", 0) else []
        return {
            "state": done.state,
            "initial": done.initial,
            "quarantine": None if done.quarantine is None else done.quarantine["reason"],
            "attempt": 0 if done.quarantine is None else done.quarantine["seriesCount"],
            "status": self.store.get("status", "Active"),
            "next": self.store.get("next_run") - self.clock.now(),
            "counts": done.counts,
            "users": {each["sourceIdentity"]["displayName"]: _of_record(each) for each in found},
            **(_of_verdict(done.verdict) if done.verdict is not None else {}),
        }

    def _on_demand(self, job: Service, argument: object) -> dict[str, Any]:
        self._prepare(job)
        verdict, record = job.on_demand(str(argument))
        if record is None:
            return _of_verdict(verdict)
        return {
            "result": _of_record(record),
            "steps": [each["name"] for each in record["provisioningSteps"]],
            "texts": " ".join(each["description"] for each in record["provisioningSteps"]),
            "modified": {
                each["displayName"].rpartition(":")[2]: each["newValue"]
                for each in record["modifiedProperties"]
            },
        }

    def _act(self, job: Service, argument: object) -> dict[str, Any]:
        """Actions on agents by name; a map in the place of an action changes its machine."""
        if not isinstance(argument, Mapping):
            raise UsageError("entra: 'agent' has the agents' names and what is done to them")
        error = ""
        for name, action in argument.items():
            changed: tuple[Agent, ...] = job.agents
            try:
                if isinstance(action, Mapping):
                    for key, value in action.items():
                        text = str(value).lower() if isinstance(value, bool) else str(value)
                        changed = agent.change_machine(changed, str(name), str(key), text)
                else:
                    changed = agent.act(changed, str(action), str(name), self.clock.now())
            except CannotRun as failed:
                error = failed.message
            self.store.set("agents", [list(each) for each in changed])
        now, after = self.clock.now(), job.settings.agent_ready_after
        return {"error": error, "agents": {each.name: each.describe(now, after) for each in job.agents}}

    def _change(self, job: Service, argument: object) -> dict[str, Any]:
        """Change users, scope, settings or mappings; null takes a user or a key away."""
        if not isinstance(argument, Mapping):
            raise UsageError("entra: 'change' has what is to be changed, such as users")
        self.said = _merged(self.said, argument)
        return {}

    def _restart(self, job: Service, argument: object) -> dict[str, Any]:
        application.restart(
            self.store, [str(each) for each in argument] if isinstance(argument, list) else ()
        )
        return {}

    def _start(self, job: Service, argument: object) -> dict[str, Any]:
        application.start(self.store)
        return {}

    def _stop(self, job: Service, argument: object) -> dict[str, Any]:
        application.stop(self.store)
        return {}

    def _allow_deletes(self, job: Service, argument: object) -> dict[str, Any]:
        self.store.set("allow_deletes", True)
        self.store.set("next_run", None)
        return {}


_VERBS: dict[str, Callable[[EnterpriseApp, Service, object], dict[str, Any]]] = {
    "test_connection": EnterpriseApp._test_connection,
    "attributes": EnterpriseApp._attributes,
    "cycle": EnterpriseApp._cycle,
    "on_demand": EnterpriseApp._on_demand,
    "agent": EnterpriseApp._act,
    "change": EnterpriseApp._change,
    "restart": EnterpriseApp._restart,
    "start": EnterpriseApp._start,
    "stop": EnterpriseApp._stop,
    "allow_deletes": EnterpriseApp._allow_deletes,
}
"""What a step can do."""


def _of_verdict(verdict: portal.PortalVerdict) -> dict[str, Any]:
    return {"ok": verdict.ok, "code": verdict.code, "portal": verdict.words}


def _of_record(record: Mapping[str, Any]) -> str:
    """`create success`, `other failure: DuplicateTargetEntries`."""
    info = record["provisioningStatusInfo"]
    code = (info["errorInformation"] or {}).get("errorCode", "")
    return f"{record['provisioningAction']} {info['status']}" + (f": {code}" if code else "")


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(old)
    for key, value in new.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
            found[key] = _merged(found[key], value)
        else:
            found[key] = value
    return found
