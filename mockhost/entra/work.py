"""One user: found in the target, compared, created, updated or disabled, with every step noted.

Sources: Microsoft Learn, "How application provisioning works" (matching, soft delete, restore), "Customize user
provisioning attribute mappings" (flow types), and the provisioning log of a real ECMA app.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn, Protocol, TypeAlias

from mockhost.client.dialect import Request
from mockhost.client.observation import Observation
from mockhost.client.printing import hider
from mockhost.clock import Chance
from mockhost.entra import portal, records, targets, users
from mockhost.entra.config import AttributeMapping, Provisioning
from mockhost.entra.functions import Ignored, Scope
from mockhost.entra.portal import Failure
from mockhost.entra.records import REDACTED, Job, Trail
from mockhost.entra.store import Known
from mockhost.entra.targets import MANAGER, Change, Composer
from mockhost.entra.users import User
from mockhost.matching import ABSENT

Values: TypeAlias = "dict[AttributeMapping, object]"
"""The value of each mapping that takes part in the flow."""


class Ask(Protocol):
    """Sends a request and notes it."""

    def __call__(self, request: Request, trail: Trail) -> Observation: ...


class Failed(Exception):
    """An operation on a user failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


class Skipped(Exception):
    """Nothing is done for a user, and why."""

    def __init__(self, code: str, text: str, **changed: Any) -> None:
        """changed: what is known of the user from now on."""
        super().__init__(code)
        self.code = code
        self.text = text
        self.changed = changed


class Leave(Exception):
    """The user is to be disabled: at the end of the cycle, when it is known how many there are."""


class Work:
    """Brings the target in line with users, one after the other."""

    def __init__(
        self,
        config: Provisioning,
        job: Job,
        composer: Composer,
        mappings: Sequence[AttributeMapping],
        ask: Ask,
    ) -> None:
        self.config = config
        self.settings = config.settings
        self.job = job
        self.composer = composer
        self.mappings = mappings
        self.matching = sorted((each for each in mappings if each.matching), key=lambda each: each.matching)
        """the mappings that match, by their precedence"""
        self.send = ask
        self.on_demand = False
        self.secrets: frozenset[str] = frozenset()
        """values of the last user that are redacted"""

    def hidden(self) -> frozenset[str]:
        """Source attributes that a mapping redacts, in lower case."""
        return frozenset(
            name.lower() for each in self.mappings if each.expression is not None and each.expression.redacts
            for name in each.expression.attributes
        )  # fmt: skip

    def synchronize(self, known: Known, trail: Trail) -> tuple[str, str, Known]:
        """Action, status, and what is known now. Raises Failed, Skipped and Leave."""
        user = trail.user
        change = "Delete" if user.deleted else "Update" if known.target else "Add"
        trail.imported(change, self.hidden())
        found = users.evaluate_scope(user, self.config.scope)
        trail.scoped(found)
        if not found.entitled:
            return self._leave(known, found, trail)
        values = self._values(user, soft_deleted=False)
        ident, current = self._find(known, values, trail)
        wanted = self._manager(user)
        if ident is None:
            if "create" not in self.settings.actions:
                raise Skipped("ActionNotEnabled", "Create is not among the target object actions.")
            return "create", "success", self._create(known, values, trail)._replace(manager=wanted)
        restoring = bool(known.target) and not known.active
        known = known._replace(target=ident, manager=wanted)
        changes = self._changes(values, current, known)
        if self.config.is_ecma and restoring and not any(each.target.text == "active" for each in changes):
            changes.insert(0, Change(targets.parse("active"), "False", "True"))
        return self._update(known, values, changes, trail, "update")

    def _manager(self, user: User) -> str:
        """The manager's object ID, where the reference is mapped and the target takes one."""
        if not any(each.target.text == MANAGER for each in self.mappings):
            return ""
        return str(user.attributes.get("manager", ""))

    def _leave(self, known: Known, found: users.Evaluation, trail: Trail) -> tuple[str, str, Known]:
        """A user that is to have no active account: disabled at the cycle's end if it has one, else skipped."""
        name, app = trail.user.name, self.job.app
        if not known.target:
            text = f"User '{name}' is not effectively entitled: it is not provisioned to {app}."
            raise Skipped("NotEffectivelyEntitled", text)
        if not known.active:
            raise Skipped("RedundantExport", f"User '{name}' is disabled in {app} already.")
        if not found.in_scope and self.settings.skip_out_of_scope_deletions:
            text = f"User '{name}' is out of scope and is left alone (SkipOutOfScopeDeletions)."
            raise Skipped("OutOfScope", text, scope=False)
        if not self.on_demand:
            raise Leave
        if not found.active:
            text = "On demand, a user that is disabled or deleted is left alone."
            raise Skipped("NotEffectivelyEntitled", text)
        return self.disable(known, found.in_scope, trail)

    def _find(self, known: Known, values: Values, trail: Trail) -> tuple[str | None, object]:
        """The id of the user in the target and what it is there; (None, …) for one that is not there."""
        if known.target and not self.on_demand:  # on demand it matches again: an access log of a real one
            seen = self.send(self.composer.get_user(known.target), trail)
            if seen.status == 200 and seen.complete:
                return known.target, self._retrieved(self._resource(seen, trail), trail)
            if not (seen.status == 404 and self.settings.rematch_lost):
                self._not_matched(self._failure_of(seen), trail)
        return self._match(values, trail)

    def _match(self, values: Values, trail: Trail) -> tuple[str | None, object]:
        asked = False
        for mapping in self.matching:
            value = values.get(mapping)
            if targets.is_empty(value):
                continue
            asked = True
            seen = self.send(self.composer.find_user(mapping.target.text, value), trail)
            failure = self._failure_of(seen, search=True)
            if seen.status != 200 or not seen.complete:
                self._not_matched(failure, trail)
            found = self._resource(seen, trail, search=True).get("Resources", [])
            if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
                self._not_matched(failure, trail)
            if len(found) > 1:
                self._not_matched(portal.failure("duplicate"), trail)
            if found:
                ident = found[0].get("id")
                if not isinstance(ident, str) or not ident:
                    self._not_matched(failure, trail)
                return str(ident), self._retrieved(found[0], trail)
        if not asked:
            self._not_matched(portal.failure("no_matching_value"), trail)
        return None, ABSENT

    def _retrieved(self, resource: object, trail: Trail) -> object:
        """Note that the user was found; the two spaces are in Graph's example."""
        trail.step("EntryImport", "matching", f"Retrieved  '{trail.user.name}' from {self.job.app}")
        return resource

    def _resource(self, seen: Observation, trail: Trail, *, search: bool = False) -> Any:
        """The document of an answer. Raises Failed for one that is not a resource of SCIM."""
        document = seen.json()
        if not isinstance(document, dict) or not (document.get("id") or document.get("schemas")):
            self._not_matched(self._failure_of(seen), trail)
        if not search and isinstance(document.get("Resources"), list):
            self._not_matched(portal.failure("several"), trail)
        if isinstance(targets.get(document, targets.parse(MANAGER)), str):
            # A manager as a bare text keeps the service from reading the whole user (Auth0's support).
            self._not_matched(self._failure_of(seen), trail)
        return document

    def _failure_of(self, seen: Observation, *, search: bool = False) -> Failure:
        """Why an operation failed; the answer, which the log quotes, may have our own token in it."""
        return portal.failure_of(seen.hidden(hider(self.config.entered.secret_token)), search=search)

    def _not_matched(self, failure: Failure, trail: Trail) -> NoReturn:
        text = "Failed to match an entry in the source and target systems"
        trail.failed("EntrySynchronizationError", "matching", f"{text} User '{trail.user.name}'", failure)
        raise Failed(failure)

    # -- values ----------------------------------------------------------------------------------------------

    def _values(self, user: User, *, soft_deleted: bool) -> Values:
        """The value of each mapping that takes part in the flow."""
        chance = Chance(self.settings.seed)
        values: Values = {}

        def attribute(name: str) -> object:
            return soft_deleted if name.lower() == "issoftdeleted" else user.attribute(name)

        self.secrets = frozenset()
        for mapping in self.mappings:
            if mapping.target.text == MANAGER:
                continue
            if mapping.expression is None:
                values[mapping] = mapping.constant
                continue
            name = f"{user.id} {mapping.target.text}"
            scope = Scope(attribute, lambda ordinal, name=name: chance.draw(name, ordinal))  # type: ignore[misc]
            value = mapping.expression.evaluate(scope)
            if mapping.expression.redacts and isinstance(value, str) and len(value) > 2:
                self.secrets |= {value}
            if not isinstance(value, Ignored):
                values[mapping] = None if targets.is_empty(value) or value == () else value
        return values

    def _changes(self, values: Values, current: object, known: Known) -> list[Change]:
        """What differs in the target; what was cleared in the source is removed only if it was sent before."""
        sent = set(json.loads(known.exported)) if known.exported else set()
        changes = []
        for mapping, value in values.items():
            if mapping.create_only or (mapping.expression is not None and mapping.expression.is_volatile):
                continue
            old = targets.get(current, mapping.target)
            if value is None:
                if mapping.target.text in sent and not targets.is_empty(old):
                    changes.append(Change(mapping.target, old, None))
            elif not targets.same(targets.typed(mapping.target, value), old):
                changes.append(Change(mapping.target, old, value))
        return changes

    def _shown(self, changes: Sequence[Change]) -> list[Change]:
        """The changes as the log shows them."""
        hidden = {
            each.target for each in self.mappings if each.expression is not None and each.expression.redacts
        }
        return [
            change._replace(old=REDACTED, new=REDACTED) if change.target in hidden else change
            for change in changes
        ]

    # -- exports ---------------------------------------------------------------------------------------------

    def _create(self, known: Known, values: Values, trail: Trail) -> Known:
        app, name = self.job.app, trail.user.name
        text = (
            f"User '{name}' will be created in {app} (User is active and assigned in {records.SOURCE}, but no "
            f"matching User was found in {app})"
        )
        trail.step("EntrySynchronizationAdd", "matching", text)
        full = {
            mapping.target: mapping.default if value is None else value for mapping, value in values.items()
        }
        changes = [Change(target, None, value) for target, value in full.items() if value is not None]
        seen = self.send(self.composer.create_user(changes), trail)
        document = seen.json() if seen.status in (200, 201) and seen.complete else None
        ident = document.get("id") if isinstance(document, dict) else None
        if not isinstance(ident, str) or not ident:
            missing = isinstance(document, dict)
            failure = portal.failure("no_id") if missing else self._failure_of(seen)
            self._not_exported("Add", "create", failure, trail)
        trail.changes = self._shown(changes)
        shown = {records.reported(each.target.text): each.new for each in trail.changes}
        matched = next((str(values[each]) for each in self.matching if values.get(each)), "")
        details = {"Active": True, **shown, "ReportableIdentifier": matched}
        trail.step("EntryExportAdd", "export", f"User '{name}' was created in {app}", details)
        return known._replace(
            target=str(ident), scope=True, active=True, exported=_names(values), manager_sent=""
        )

    def _update(
        self, known: Known, values: Values, changes: Sequence[Change], trail: Trail, action: str
    ) -> tuple[str, str, Known]:
        """Send what differs. action: update or disable."""
        name, app = trail.user.name, self.job.app
        known = known._replace(scope=action == "update" or known.scope, active=action == "update")
        if not changes:
            text = (
                "The state of the user in both the source and target systems already match. No change to the User "
                f"'{name}' currently needs to be made."
            )
            trail.skipped("RedundantExport", text)
            return "other", "skipped", known._replace(exported=_names(values))
        if "update" not in self.settings.actions:
            raise Skipped("ActionNotEnabled", "Update is not among the target object actions.")
        verb = f"{action.removesuffix('e')}ed"
        trail.step(
            f"EntrySynchronization{action.capitalize()}", "matching", f"User '{name}' will be {verb} in {app}"
        )
        seen = self.send(self.composer.patch_user(known.target, changes), trail)
        if seen.status not in (200, 202, 204) or not seen.complete:
            self._not_exported(action.capitalize(), action, self._failure_of(seen), trail)
        trail.changes = self._shown(changes)
        trail.exported(action.capitalize(), f"{verb} in {app}", known.target)
        return action, "success", known._replace(exported=_names(values))

    def _not_exported(self, name: str, verb: str, failure: Failure, trail: Trail) -> NoReturn:
        text = f"Failed to {verb} User '{trail.user.name}' in {self.job.app}"
        trail.failed(f"EntryExport{name}", "export", text, failure)
        raise Failed(failure)

    def disable(self, known: Known, scope: bool, trail: Trail) -> tuple[str, str, Known]:
        """Send what disables a user: the mappings of IsSoftDeleted. scope: whether the user is still in scope.

        An ECMA app also sends `active`, though it is not mapped (the provisioning log of a real one). Raises Failed
        and Skipped.
        """
        values = {
            mapping: value
            for mapping, value in self._values(trail.user, soft_deleted=True).items()
            if mapping.expression is not None
            and any(name.lower() == "issoftdeleted" for name in mapping.expression.attributes)
        }
        if not values and not self.config.is_ecma:
            text = "IsSoftDeleted is not mapped, so that nothing is sent."
            raise Skipped("RedundantExport", text, scope=scope, active=False)
        seen = self.send(self.composer.get_user(known.target), trail)
        if seen.status != 200 or not seen.complete:
            self._not_matched(self._failure_of(seen), trail)
        changes = self._changes(values, self._resource(seen, trail), known)
        if self.config.is_ecma and not any(each.target.text == "active" for each in changes):
            changes.insert(0, Change(targets.parse("active"), "True", "False"))
        _, _, after = self._update(known, values, changes, trail, "disable")
        return "disable", "success", after._replace(active=False, exported=known.exported, scope=scope)

    def delete(self, known: Known, trail: Trail) -> tuple[str, str, None]:
        """Delete a user that is gone from the source. Raises Failed."""
        name = trail.user.name
        text = f"Received User '{name}' change of type (Delete) from {records.SOURCE}"
        trail.step("EntryImportDelete", "import", text)
        seen = self.send(self.composer.delete_user(known.target), trail)
        # Assumed: a user that is gone already is as good as deleted.
        if seen.status not in (200, 202, 204, 404):
            self._not_exported("Delete", "delete", self._failure_of(seen), trail)
        trail.exported("Delete", f"deleted in {self.job.app}", known.target)
        return "delete", "success", None

    def refer(self, known: Known, manager: Known | None, trail: Trail) -> tuple[str, str, Known]:
        """Send a user's manager, or that there is none. Raises Failed."""
        wanted = None if manager is None else manager.target
        seen = self.send(self.composer.set_manager(known.target, wanted, known.manager_sent), trail)
        if seen.status not in (200, 202, 204) or not seen.complete:
            failure, whom = self._failure_of(seen), "nobody" if manager is None else manager.name
            text = f"We were unable to assign {whom} as the manager of {known.name}. {failure.reason}"
            details = {"ErrorCode": failure.code}
            trail.step("UnableToResolveReferenceAttributeValue", _REFERENCE, text, details, "failure")
            raise Failed(failure)
        trail.step("EntryExportUpdate", _REFERENCE, f"User '{known.name}' was updated in {self.job.app}")
        trail.changes = [Change(targets.parse(MANAGER), None, wanted)]
        return "update", "success", known._replace(manager_sent=known.manager)


_REFERENCE = "referenceResolution"


def _names(values: Values) -> str:
    """The target attributes that have a value, to know later what may be removed."""
    return json.dumps([mapping.target.text for mapping, value in values.items() if value is not None])
