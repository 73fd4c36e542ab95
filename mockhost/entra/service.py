"""The provisioning service: cycles, on-demand provisioning, retries and quarantine, on a virtual clock.

Sources: Microsoft Learn, "How application provisioning works" (cycles, matching, scope, soft delete), "Application
provisioning in quarantine status", "Skip deletion of user accounts that go out of scope", "Enable accidental
deletions prevention", "On-demand provisioning". Numbers are in `config.Settings`.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from mockhost.client.dialect import PROBE_ATTRIBUTE, Request
from mockhost.client.observation import Observation
from mockhost.client.printing import hider
from mockhost.clock import Chance, fresh_guid, iso
from mockhost.entra import config, portal, records, users
from mockhost.entra.agent import SOUND, Agent, Machine, problem
from mockhost.entra.config import AttributeMapping, Provisioning, Quarantine, dialect_of
from mockhost.entra.portal import AgentError, Failure, agent_errors
from mockhost.entra.records import Trail
from mockhost.entra.store import Known, Store
from mockhost.entra.targets import Composer
from mockhost.entra.users import User
from mockhost.entra.work import Failed, Leave, Skipped, Work
from mockhost.errors import CannotRun, UsageError

_BATCH = 200
"""Users after which what was done is kept."""
_GONE = -1
"""The cycle that a user was seen in whose time in the recycle bin is over."""


class Clock(Protocol):
    """Virtual time: that of the job alone, or that of the host it provisions to."""

    def now(self) -> float:
        """Seconds since 1970."""

    def advance(self, seconds: float) -> object:
        """Let so much time pass."""


class Send(Protocol):
    """Sends a request to the target, with the token of the app."""

    def __call__(self, request: Request) -> Observation: ...


class Execution(NamedTuple):
    """One run, in the words of Graph's synchronizationTaskExecution."""

    cycle: str
    initial: bool
    state: str
    """Succeeded | EntryLevelErrors | Failed"""
    began: float
    counts: dict[str, int]
    """records by status and by action; `imported`: users that were looked at"""
    quarantine: dict[str, Any] | None
    verdict: portal.PortalVerdict | None = None
    """why it failed, where the probe did"""


def quarantine_reason(failed: int, of_references: int, events: int, limits: Quarantine) -> str | None:
    """Why a job with so many failures is put in quarantine, in Graph's words; None if it is not.

    failed: all that failed, of_references among them; events: all that happened, failures included.
    """
    if failed < limits.failures:
        return None
    base = failed - of_references
    if base > limits.base:
        return "EncounteredBaseEscrowThreshold"
    if failed > limits.total:
        return "EncounteredTotalEscrowThreshold"
    if base >= limits.failures and base > limits.proportion * max(events - of_references, 1):
        return "EncounteredEscrowProportionThreshold"
    return None


class Service:
    """The job of one app. `send` goes through the agent's machine; `pause` waits on the wall for a Retry-After.

    machine: the agents' machine as a mock's control plane tells it; None: what each agent says of it.
    """

    def __init__(
        self,
        config: Provisioning,
        store: Store,
        send: Send,
        clock: Clock,
        *,
        pause: Callable[[float], None] = lambda seconds: None,
        machine: Machine | None = None,
    ) -> None:
        self.machine = machine
        self.config = config
        self.settings = config.settings
        self.store = store
        self.clock = clock
        self._send = send
        self._pause = pause
        url = config.entered.tenant_url
        self.job = records.Job.of(url, config.app)
        self.composer = Composer(url, patches=dialect_of(url, self.settings), extension=config.extension)
        self._mappings: tuple[AttributeMapping, ...] | None = config.mappings
        self._counts: dict[str, int] = {}
        self._cycle = ""
        self._records: int = store.get("records", 0)

    # -- what the app is configured to do --------------------------------------------------------------------

    @property
    def mappings(self) -> tuple[AttributeMapping, ...]:
        """The attribute mappings; the default ones of an ECMA app follow from its target attribute list."""
        if self._mappings is None:
            known = {each["name"] for each in self.store.get("attributes", [])}
            self._mappings = config.ecma_mappings(known) if self.config.is_ecma else config.scim_mappings()
        return self._mappings

    def forget_mappings(self) -> None:
        """Have default mappings follow the target attribute list as it is now."""
        self._mappings = self.config.mappings
        self.__dict__.pop("work", None)

    @functools.cached_property
    def work(self) -> Work:
        """What is done for single users."""
        return Work(self.config, self.job, self.composer, self.mappings, self.send)

    @property
    def agents(self) -> tuple[Agent, ...]:
        """The agents of the app; by default one that is sound. The first one is on the machine."""
        found = tuple(Agent(*each) for each in self.store.get("agents", [SOUND]))
        return found if self.machine is None else (*(each.on(self.machine) for each in found[:1]), *found[1:])

    def agent_problem(self) -> AgentError | None:
        """Why the target cannot be reached through the agents, where the app has any."""
        if not self.config.through_agent:
            return None
        return problem(self.agents, self.clock.now(), self.settings.agent_ready_after)

    # -- the wire --------------------------------------------------------------------------------------------

    def send(self, request: Request, trail: Trail | None = None) -> Observation:
        """Send a request; a Retry-After is waited for once, where it is honored and short enough."""
        seen = self._send(request)
        self._note(request, seen, trail)
        if seen.ends == "no_answer_within" and self.config.through_agent:
            self.clock.advance(agent_errors()["hang"].takes)
        if seen.status == 429 and self.settings.honor_retry_after:
            wait = portal.failure_of(seen).retry_after
            if wait is not None and wait <= self.settings.retry_after_limit:
                self.clock.advance(wait)
                self._pause(wait)
                seen = self._send(request)
                self._note(request, seen, trail)
        return seen

    @staticmethod
    def _note(request: Request, seen: Observation, trail: Trail | None) -> None:
        if trail is not None:
            answer = str(seen.status) if seen.status is not None else seen.ends
            trail.requests.append(f"{request.method} {request.target} {answer}")
            trail.took += seen.took

    def probe(self) -> portal.PortalVerdict:
        """Ask for a user that does not exist; the portal's verdict."""
        failed = self.agent_problem()
        if failed is not None:
            self.clock.advance(failed.takes)
            return portal.from_agent(failed)
        matching = self.work.matching
        attribute = matching[0].target.text if matching else PROBE_ATTRIBUTE
        seen = self.send(self.composer.probe(attribute, fresh_guid()))
        return portal.judge(seen.hidden(hider(self.config.entered.secret_token)), self.config.app)

    # -- a cycle ---------------------------------------------------------------------------------------------

    def cycle(
        self, *, initial: bool = False, progress: Callable[[int], None] = lambda done: None
    ) -> Execution:
        """Run one cycle. Raises CannotRun where the job is paused or disabled, UsageError for unusable users."""
        store = self.store
        status = store.get("status", "Active")
        if status != "Active":
            hint = (
                "start it: mockhost portal start"
                if status == "Paused"
                else "restart it: mockhost portal restart"
            )
            raise CannotRun(f"the provisioning job is {status.lower()}", hint=hint)
        number = store.get("cycles", 0) + 1
        store.set("cycles", number)
        initial = initial or store.get("watermark") is None
        self._cycle = Chance(0).guid(f"{self.job.id} cycle", number)
        self._counts = {"imported": 0}
        began = self.clock.now()
        verdict = self.probe()
        if not verdict.ok:
            quarantine = self._quarantine(
                "EncounteredQuarantineException", verdict.code, verdict.text or verdict.words
            )
            return self._end(
                Execution(self._cycle, initial, "Failed", began, self._counts, quarantine, verdict)
            )
        store.unstage()
        self._import(number, initial, store.get("quarantine") is not None, progress)
        self._gone(number)
        held_back = self._staged()
        self._references(number)
        store.set("watermark", self.clock.now())
        judged = self._judge(held_back)
        failed = self._counts.get("failure", 0)
        state = "EntryLevelErrors" if failed else "Succeeded"
        return self._end(Execution(self._cycle, initial, state, began, self._counts, judged))

    def _end(self, done: Execution) -> Execution:
        wait = self.settings.interval
        if done.quarantine is not None:
            wait = done.quarantine["nextAttempt"] - self.clock.now()
        self.store.set("next_run", self.clock.now() + max(wait, 0.0))
        self.store.set("last", {"cycle": done.cycle, "state": done.state, "initial": done.initial, "began": done.began,
                                "ended": self.clock.now(), "counts": done.counts})  # fmt: skip
        self.keep()
        return done

    def keep(self) -> None:
        """Keep what was done so far."""
        self.store.set("now", self.clock.now())
        self.store.set("records", self._records)
        self.store.trim(self.settings.log_limit)
        self.store.commit()

    def _import(self, number: int, initial: bool, quarantined: bool, progress: Callable[[int], None]) -> None:
        """Go through the users of the source; those that changed, or are to be tried again, are worked on."""
        index = 0
        for index, user in enumerate(self.config.users, 1):
            known = self.store.user(user.id)
            digest = _digest(user)
            if known is not None and self._is_purged(user, known):
                self.store.put(known._replace(seen=_GONE))
            elif known is None or initial or known.digest != digest or self._is_due(known, quarantined):
                self._counts["imported"] += 1
                self._work(user, known or Known(user.id, user.name), digest, number)
            else:
                self.store.see(user.id, number)
            if index % _BATCH == 0:
                self.keep()
                progress(index)
        progress(index)

    def _is_due(self, known: Known, quarantined: bool) -> bool:
        """Whether a user that failed is to be tried again. Assumed: a job in quarantine tries all of them."""
        return known.next_try is not None and (quarantined or known.next_try <= self.clock.now())

    def _is_purged(self, user: User, known: Known) -> bool:
        """Whether a soft-deleted user has been in the recycle bin for its 30 days."""
        return (
            user.deleted
            and known.deleted_at is not None
            and self.clock.now() - known.deleted_at >= self.settings.hard_delete_after
            and known.seen != _GONE
        )

    # -- one user --------------------------------------------------------------------------------------------

    def _work(self, user: User, known: Known, digest: bytes, number: int) -> dict[str, Any]:
        """Bring the target in line with a user; the record of it."""
        trail = Trail(user)
        deleted_at = (known.deleted_at or self.clock.now()) if user.deleted else None
        known = known._replace(
            name=user.name, digest=digest, seen=number, worked=number, deleted_at=deleted_at
        )

        def synchronize() -> tuple[str, str, Known]:
            action, status, after = self.work.synchronize(known, trail)
            return action, status, _healed(after)

        try:
            return self._settle(known, trail, synchronize)
        except Leave:
            scope = users.evaluate_scope(user, self.config.scope).in_scope
            self.store.stage(user.id, {"disable": _as_json(user), "scope": scope})
            self.store.put(known)
            return {}  # its result is known at the end of the cycle

    def _settle(
        self,
        known: Known,
        trail: Trail,
        operate: Callable[[], tuple[str, str, Known | None]],
        tried: str = "",
        *,
        reference: bool = False,
    ) -> dict[str, Any]:
        """Do something for a user, keep what is known of it then, and log what came of it; the record.

        operate: gives action, status and what is known, None for a user to be forgotten. tried: the action of a record
        of a failure, '' for that of the last step. reference: whether it is about a reference.
        """
        after: Known | None
        try:
            action, status, after = operate()
            result = self._record(trail, action, status, (after or known).target)
        except Skipped as skipped:
            after = _healed(known)._replace(**skipped.changed)
            trail.skipped(skipped.code, skipped.text)
            result = self._record(trail, "other", "skipped", after.target, skip=skipped.code)
        except Failed as failed:
            after, failure = self._escrowed(known, failed.failure, reference)
            result = self._record(trail, tried or _tried(trail), "failure", after.target, failed=failure)
        except UsageError as error:
            # A mapping or a filter that cannot be evaluated for this user.
            after, failure = self._escrowed(known, portal.failure("mapping_failed", str(error)), reference)
            details = {"ErrorCode": failure.code}
            trail.step("EntrySynchronizationError", "processing", str(error), details, "failure")
            result = self._record(trail, "other", "failure", after.target, failed=failure)
        if after is None:
            self.store.forget(known.id)
        else:
            self.store.put(after)
        return result

    # -- the end of a cycle ----------------------------------------------------------------------------------

    def _gone(self, number: int) -> None:
        """Users that are gone from the source: in scope they are deleted in the target, else forgotten.

        A user that fell out of scope before gets no delete (Microsoft Learn, "How application provisioning works").
        """
        for known in self.store.select("seen <> ?", number):
            if not (known.target and known.scope and "delete" in self.settings.actions):
                self.store.forget(known.id)
            elif known.next_try is None or known.next_try <= self.clock.now():
                self.store.stage(known.id, {"delete": known.name})

    def _staged(self) -> bool:
        """Disable and delete what was noted, unless there is too much of it; whether it was held back."""
        threshold, count = self.settings.accidental_deletions, self.store.staged_count()
        if threshold is not None and count > threshold and not self.store.get("allow_deletes", False):
            for ident, said in self.store.staged():
                self._hold_back(ident, said)
            return True
        self.store.set("allow_deletes", False)
        for index, (ident, said) in enumerate(self.store.staged(), 1):
            known = self.store.user(ident)
            if known is not None:
                self._finish(known, said)
            if index % _BATCH == 0:
                self.keep()
        self.store.unstage()
        return False

    def _hold_back(self, ident: str, said: dict[str, Any]) -> None:
        known = self.store.user(ident)
        if known is None:
            return
        trail = Trail(_from_json(said["disable"]) if "disable" in said else User(ident, known.name, {}))
        trail.step(
            "StagedAction", "processing", f"The deletion of User '{known.name}' is staged", None, "warning"
        )
        # Nothing was done for it: the next cycle looks at it again.
        self.store.put(known._replace(digest=b""))
        self._record(trail, "stageddelete", "warning", known.target)

    def _finish(self, known: Known, said: dict[str, Any]) -> None:
        """Do what was noted for a user."""
        if "delete" in said:
            gone = Trail(User(known.id, known.name, {}, deleted=True))
            self._settle(known, gone, lambda: self.work.delete(known, gone), "delete")
            return
        user = _from_json(said["disable"])
        trail = Trail(user)
        trail.imported("Delete" if user.deleted else "Update", self.work.hidden())
        trail.scoped(users.evaluate_scope(user, self.config.scope))
        self._settle(
            known, trail, lambda: self.work.disable(_healed(known), bool(said["scope"]), trail), "disable"
        )

    def _references(self, number: int) -> None:
        """Send managers, after all objects, of the users that were worked on: only where both are in the target.

        A manager who comes into scope later is not noticed until a restart (Microsoft Learn, "Known issues").
        """
        due = "worked = ? AND manager <> manager_sent AND target <> '' AND active"
        for known in self.store.select(due, number):
            manager = self.store.user(known.manager) if known.manager else None
            if not known.manager or (manager is not None and manager.target):
                self._refer(known, manager)

    def _refer(self, known: Known, manager: Known | None) -> None:
        trail = Trail(User(known.id, known.name, {}))
        healed = _healed(known) if known.reference_failed else known
        self._settle(known, trail, lambda: self.work.refer(healed, manager, trail), "update", reference=True)

    # -- failures --------------------------------------------------------------------------------------------

    def _escrowed(self, known: Known, failure: Failure, reference: bool) -> tuple[Known, Failure]:
        """A user that failed, and when it is tried again."""
        now, settings = self.clock.now(), self.settings
        began = now if known.failed_at is None else known.failed_at
        if now - began >= settings.give_up_after:
            gone = known._replace(failures=known.failures + 1, next_try=None, error=failure.code)
            return (gone._replace(reference_failed=True) if reference else gone), failure
        if failure.ends_with_cycle:
            due = now + settings.interval
        elif known.failures < len(settings.retries):
            due = began + settings.retries[known.failures]
        else:
            due = now + settings.retry_every
        times = f"This operation was retried {known.failures} times."
        text = f"{failure.reason} {times} It will be retried again after this date: {iso(due)} UTC"
        changed = known._replace(failures=known.failures + 1, failed_at=began, next_try=max(due, now))
        changed = changed._replace(error=failure.code, reference_failed=reference)
        return changed, failure._replace(reason=text)

    def _judge(self, held_back: bool) -> dict[str, Any] | None:
        """Whether the job is in quarantine after a cycle that got through."""
        if held_back:
            text = "More users than the accidental deletions threshold would be disabled or deleted."
            return self._quarantine("TooManyDeletes", "TooManyDeletes", text)
        failed = self.store.count("next_try IS NOT NULL")
        references = self.store.count("next_try IS NOT NULL AND reference_failed")
        events = self.store.count("1") or 1
        reason = quarantine_reason(failed, references, events, self.settings.quarantine)
        if reason is None:
            self.store.set("quarantine", None)
            return None
        return self._quarantine(reason, reason, f"{failed} of {events} users could not be provisioned.")

    def _quarantine(self, reason: str, code: str, message: str) -> dict[str, Any]:
        """Put the job in quarantine, or keep it there: the next attempt is further off each time."""
        limits, now = self.settings.quarantine, self.clock.now()
        old = self.store.get("quarantine")
        series = 0 if old is None else old["seriesCount"]
        waits = limits.intervals
        quarantine: dict[str, Any] = {
            "reason": reason,
            "currentBegan": now if old is None or old["reason"] != reason else old["currentBegan"],
            "seriesBegan": now if old is None else old["seriesBegan"],
            "seriesCount": series + 1,
            "nextAttempt": now + waits[min(series, len(waits) - 1)],
            "error": {"code": code, "message": message},
        }
        if old is None or old["reason"] != reason:
            self.store.set("mails", [*self.store.get("mails", [])[-99:], {"at": now, "reason": reason}])
        if now - quarantine["seriesBegan"] >= limits.disable_after:
            self.store.set("status", "Disabled")
        self.store.set("quarantine", quarantine)
        return quarantine

    def _record(
        self,
        trail: Trail,
        action: str,
        status: str,
        target: str,
        *,
        failed: Failure | None = None,
        skip: str = "",
    ) -> dict[str, Any]:
        self._records += 1
        found = records.record(
            self.job,
            trail,
            at=self.clock.now(),
            number=self._records,
            cycle=self._cycle,
            action=action,
            status=status,
            target=target,
            failed=failed,
            skip_reason=skip,
            initiated_by="user" if self.work.on_demand else "system",
        )
        hidden = {*self.work.secrets, self.config.entered.secret_token} - {None, ""}
        if failed is not None or self.work.secrets:
            found = records.scrubbed(found, [str(text) for text in hidden])
        self.store.log(trail.user.name, status, action, found)
        for key in (status, action):
            self._counts[key] = self._counts.get(key, 0) + 1
        return found

    # -- on demand -------------------------------------------------------------------------------------------

    def on_demand(self, name: str) -> tuple[portal.PortalVerdict, dict[str, Any] | None]:
        """Provision one user now: the verdict of the test, and the record of it where that passed.

        The flag for newer patches does not work on demand (Microsoft Learn, "Known issues … with SCIM 2.0"). A user who
        is unassigned is disabled; one that is disabled or deleted in the source is left alone. Raises UsageError for
        an unknown user.
        """
        user = self.config.users.find(name)
        if user is None:
            hint = "give the user principal name or the object ID"
            raise UsageError(f"there is no user {name!r} in the source", hint=hint)
        verdict = self.probe()
        if not verdict.ok:
            return verdict, None
        self._cycle, self._counts = Chance(0).guid(f"{self.job.id} on demand", self._records), {}
        patches, self.composer.patches = self.composer.patches, self.settings.dialect or "legacy"
        self.work.on_demand = True
        try:
            known = self.store.user(user.id) or Known(user.id, user.name)
            found = self._work(user, known, _digest(user), known.seen)
        finally:
            self.work.on_demand, self.composer.patches = False, patches
        self.keep()
        return verdict, found


def _healed(known: Known) -> Known:
    """A user that no longer fails."""
    return known._replace(failures=0, failed_at=None, next_try=None, error="", reference_failed=False)


def _digest(user: User) -> bytes:
    """A fingerprint of everything about a user that the service looks at."""
    return hashlib.blake2b(
        json.dumps(_as_json(user), sort_keys=True, default=str).encode(), digest_size=16
    ).digest()


def _from_json(said: list[Any]) -> User:
    return User(*said)


def _as_json(user: User) -> list[Any]:
    return [user.id, user.name, dict(user.attributes), user.enabled, user.assigned, user.deleted]


def _tried(trail: Trail) -> str:
    """What was tried last, of an operation that failed."""
    names = {"EntryExportAdd": "create", "EntryExportUpdate": "update", "EntryExportDelete": "delete",
             "EntryExportDisable": "disable"}  # fmt: skip
    return names.get(trail.steps[-1]["name"], "other") if trail.steps else "other"
