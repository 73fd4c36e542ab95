"""Records of the provisioning log, in the shape of Microsoft Graph's provisioningObjectSummary.

Sources: Microsoft Graph v1.0, provisioningObjectSummary and provisioningStep; texts of the steps from the provisioning
log of a real ECMA app (suryendub.github.io, post of 2024-03-01, pictures).
"""

from __future__ import annotations

import csv
import functools
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mockhost.clock import Chance, iso
from mockhost.entra.portal import Failure
from mockhost.entra.targets import Change
from mockhost.entra.users import Evaluation, User
from mockhost.matching import ABSENT
from mockhost.scim.messages import ENTERPRISE_USER

SOURCE = "Microsoft Entra ID"
REDACTED = "[Redact]"
ACTIONS = ("create", "update", "delete", "disable", "stageddelete", "other")
STATUSES = ("success", "failure", "skipped", "warning")
_NAMES = {
    "userprincipalname": "UserPrincipalName", "displayname": "DisplayName", "givenname": "GivenName",
    "jobtitle": "JobTitle", "mailnickname": "MailNickname", "preferredlanguage": "PreferredLanguage",
    "employeeid": "EmployeeId", "telephonenumber": "TelephoneNumber", "usertype": "UserType",
}  # fmt: skip
"""Source attributes as the step of the import names them."""


class Job(NamedTuple):
    """Who wrote a record: ids that stay the same for a tenant URL."""

    id: str
    tenant: str
    principal: str
    app: str

    @classmethod
    def of(cls, tenant_url: str, app: str) -> Job:
        chance = Chance(0)
        tenant = chance.guid("tenant", 0)
        job = f"scim.{tenant.replace('-', '')}.{chance.guid(tenant_url, 1)}"
        return cls(job, tenant, chance.guid(tenant_url, 2), app)


class Trail:
    """The steps of one user's processing, as they happen."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.steps: list[dict[str, Any]] = []
        self.changes: list[Change] = []
        """what was set in the target, as it may be shown"""
        self.took = 0.0
        """seconds on the wall that its requests took"""
        self.requests: list[str] = []
        """request lines and statuses, by which the journal of a host has them, too"""

    def step(
        self,
        name: str,
        kind: str,
        description: str,
        details: Mapping[str, object] | None = None,
        status: str = "success",
    ) -> None:
        """Add a step. kind: import | scoping | matching | processing | referenceResolution | export."""
        texts = {
            key: value if isinstance(value, str) else str(value) for key, value in (details or {}).items()
        }
        self.steps.append(
            {
                "name": name,
                "provisioningStepType": kind,
                "status": status,
                "description": description,
                "details": texts,
            }
        )

    def failed(self, name: str, kind: str, text: str, failure: Failure) -> None:
        """Add a step that failed, with the reason."""
        details = {"ErrorCode": failure.code}
        self.step(name, kind, f"{text}; {failure.reason}", details, "failure")

    def skipped(self, code: str, text: str) -> None:
        """Add the step of a user for whom nothing is done."""
        self.step("EntrySynchronizationSkip", "export", text, {"SkipReason": code}, "skipped")

    def exported(self, name: str, how: str, target: str) -> None:
        """Add the step of an export that went well. how: such as `updated in ScimOnPremises`."""
        details = {"ReportableIdentifier": target}
        self.step(f"EntryExport{name}", "export", f"User '{self.user.name}' was {how}", details)

    def imported(self, change: str, hidden: frozenset[str]) -> None:
        """The step of the import. change: Add, Update or Delete; hidden: attributes that are redacted."""
        user = self.user
        details: dict[str, object] = {"ObjectId": user.id, "AccountEnabled": user.enabled}
        for name, value in sorted(user.attributes.items()):
            shown = REDACTED if name in hidden else value
            details[_NAMES.get(name, name[:1].upper() + name[1:])] = shown
        details["UserPrincipalName"] = REDACTED if "userprincipalname" in hidden else user.name
        details["IsSoftDeleted"] = user.deleted
        text = f"Received User '{user.name}' change of type ({change}) from {SOURCE}"
        self.step(f"EntryImport{change}", "import", text, details)

    def scoped(self, found: Evaluation) -> None:
        """The step of the scoping."""
        self.step(
            "EntrySynchronizationScoping",
            "scoping",
            "Determine if User in scope by evaluating against each scoping filter",
            {
                "Active in the source system": found.active,
                "Assigned to the application": found.assigned,
                "User has the required role": True,
                "Scoping filter evaluation passed": found.passed,
                "ScopeEvaluationResult": "{}",
            },
        )


def record(
    job: Job,
    trail: Trail,
    *,
    at: float,
    number: int,
    cycle: str,
    action: str,
    status: str,
    target: str = "",
    failed: Failure | None = None,
    skip_reason: str = "",
    initiated_by: str = "system",
) -> dict[str, Any]:
    """A record; `number` makes its ids."""
    chance, user = Chance(0), trail.user
    information: dict[str, Any] | None = None
    if failed is not None or skip_reason:
        information = {
            "errorCode": failed.code if failed else skip_reason,
            "reason": failed.reason if failed else "",
            "additionalDetails": None,
            "errorCategory": "nonServiceFailure" if failed else "success",
            "recommendedAction": failed.advice if failed else None,
        }
    systems = {"ApplicationId": _fixed(job.principal, 0), "ServicePrincipalId": job.principal,
               "ServicePrincipalDisplayName": job.app}  # fmt: skip
    return {
        "id": chance.guid(f"{job.id} record", number),
        "activityDateTime": iso(at),
        "tenantId": job.tenant,
        "jobId": job.id,
        "cycleId": cycle,
        "changeId": chance.guid(f"{job.id} change", number),
        "provisioningAction": action,
        "durationInMilliseconds": round(trail.took * 1_000),
        "provisioningStatusInfo": {"status": status, "errorInformation": information},
        "provisioningSteps": trail.steps,
        "modifiedProperties": [
            {"displayName": each.target.text, "oldValue": _text(each.old), "newValue": _text(each.new)}
            for each in trail.changes
        ],
        "servicePrincipal": {"id": job.principal, "displayName": job.app},
        "sourceSystem": {"id": _fixed("source", 0), "displayName": SOURCE, "details": {}},
        "targetSystem": {"id": _fixed(job.principal, 1), "displayName": job.app, "details": systems},
        "initiatedBy": {
            "id": "",
            "displayName": "Azure AD Provisioning Service",
            "initiatorType": initiated_by,
        },
        "sourceIdentity": {"id": user.id, "displayName": user.name, "identityType": "User", "details": {}},
        "targetIdentity": {"id": target, "displayName": "", "identityType": ENTERPRISE_USER, "details": {}},
        "mockhost": {"requests": trail.requests},
    }


def scrubbed(value: Any, secrets: Sequence[str]) -> Any:
    """JSON data without secrets, wherever a target quoted them."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, REDACTED)
        return value
    if isinstance(value, dict):
        return {key: scrubbed(item, secrets) for key, item in value.items()}
    return [scrubbed(item, secrets) for item in value] if isinstance(value, list) else value


@functools.lru_cache(maxsize=64)
def _fixed(name: str, ordinal: int) -> str:
    """An ID that is the same in all records of a job."""
    return Chance(0).guid(name, ordinal)


@functools.lru_cache(maxsize=1_000)
def reported(path: str) -> str:
    """A target attribute as the step of an export names it: only letters and digits, the first one raised."""
    letters = re.sub("[^A-Za-z0-9]", "", path)
    return letters[:1].upper() + letters[1:]


def _text(value: object) -> str | None:
    if value is ABSENT or value is None or value == "":
        return None
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)


# -- files and tables ----------------------------------------------------------------------------------------

COLUMNS = ("Date", "Identity", "Action", "Source System", "Target System", "Status", "Error")


def row(found: Mapping[str, Any]) -> tuple[str, ...]:
    """A record as a row of the portal's list."""
    info = found["provisioningStatusInfo"]
    error = (info["errorInformation"] or {}).get("errorCode") or ""
    return (
        found["activityDateTime"],
        found["sourceIdentity"]["displayName"],
        found["provisioningAction"],
        found["sourceSystem"]["displayName"],
        found["targetSystem"]["displayName"],
        info["status"],
        error,
    )


def csv_files(records: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The three files of the portal's CSV download, which are joined by the change ID."""
    logs: list[Sequence[object]] = [("changeId", "id", *COLUMNS, "jobId", "cycleId", "Target ID", "Reason")]
    steps: list[Sequence[object]] = [("changeId", "number", "name", "type", "status", "description")]
    modified: list[Sequence[object]] = [("changeId", "displayName", "oldValue", "newValue")]
    for each in records:
        change = each["changeId"]
        reason = (each["provisioningStatusInfo"]["errorInformation"] or {}).get("reason") or ""
        logs.append(
            (
                change,
                each["id"],
                *row(each),
                each["jobId"],
                each["cycleId"],
                each["targetIdentity"]["id"],
                reason,
            )
        )
        for i, step in enumerate(each["provisioningSteps"], 1):
            steps.append(
                (change, i, step["name"], step["provisioningStepType"], step["status"], step["description"])
            )
        for one in each["modifiedProperties"]:
            modified.append((change, one["displayName"], one["oldValue"] or "", one["newValue"] or ""))
    return {
        "ProvisioningLogs.csv": _csv(logs),
        "ProvisioningLogs_ProvisioningSteps.csv": _csv(steps),
        "ProvisioningLogs_ModifiedProperties.csv": _csv(modified),
    }


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[_cell(str(cell)) for cell in each] for each in rows])
    return text.getvalue()


def _cell(text: str) -> str:
    """A value that a spreadsheet would take for a formula is made a text."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text
