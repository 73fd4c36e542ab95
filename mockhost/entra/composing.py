"""Requests of the provisioning service: which line, headers and body each step of a flow sends.

The words of single requests are in `client/dialect`, with their sources; which headers go with them: an access log
in OneUptime/oneuptime#2134 and a Rails log in MicrosoftDocs/azure-docs#94189 (GETs carry neither a media type nor a
User-Agent), MicrosoftDocs/azure-docs#12728 (POST and PATCH).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mockhost.client import dialect
from mockhost.client.dialect import Base, Request
from mockhost.entra import targets
from mockhost.entra.targets import MANAGER, Target
from mockhost.scim.messages import CORE_USER, ECMA_USER, ENTERPRISE_USER

_JSON = (("Content-Type", dialect.CONTENT_TYPE),)


class Change(NamedTuple):
    """An attribute that differs in the target. `new` is None for one whose source was cleared."""

    target: Target
    old: object
    new: object


class Composer:
    """Composes requests for one tenant URL."""

    def __init__(self, tenant_url: str, *, patches: str = "legacy", extension: str = "") -> None:
        self.base: Base = dialect.base_of(tenant_url, extension)
        self.patches = patches
        """one of config.DIALECTS"""
        self.extension = extension

    # -- queries ---------------------------------------------------------------------------------------------

    def probe(self, attribute: str, guid: str) -> Request:
        """A search for a user that does not exist."""
        return Request("GET", self.base.target("/Users", dialect.probe(guid, attribute)))

    def find_user(self, attribute: str, value: object) -> Request:
        """A search by a matching attribute."""
        keys = dialect.query(equals={attribute: value}, extension=self.extension)
        return Request("GET", self.base.target("/Users", keys))

    def get_user(self, ident: str) -> Request:
        return Request("GET", self.base.target(dialect.user_path(ident)))

    def schemas(self) -> Request:
        return Request("GET", self.base.target("/Schemas"))

    def find_group(self, name: str) -> Request:
        keys = dialect.query(excluded=["members"], equals={"displayName": name}, extension="")
        return Request("GET", self.base.target("/Groups", keys))

    # -- writes ----------------------------------------------------------------------------------------------

    def create_user(self, values: Mapping[Target, object]) -> Request:
        """A create with the values that are there: nulls are not provisioned."""
        return Request("POST", self.base.target("/Users"), _JSON, dialect.as_json(self.user(values)))

    def user(self, values: Mapping[Target, object]) -> dict[str, Any]:
        """The body of a create."""
        if self.extension == ECMA_USER:
            own = {target.text: targets.typed(target, value) for target, value in values.items()}
            return dialect.resource(own, self.extension)
        document: dict[str, Any] = {"schemas": [CORE_USER, ENTERPRISE_USER], "meta": {"resourceType": "User"}}
        for target, value in values.items():
            targets.put(document, target, value)
        document.setdefault("active", True)
        document.setdefault("roles", [])
        return targets.ordered(document)

    def patch_user(self, ident: str, changes: Sequence[Change]) -> Request:
        body = dialect.as_json(dialect.patch_body(list(self.operations(changes))))
        return Request("PATCH", self.base.target(dialect.user_path(ident)), _JSON, body)

    def operations(self, changes: Sequence[Change]) -> Iterable[dict[str, object]]:
        """The operations of a patch, in the dialect of the app."""
        if self.patches != "scim062020":
            return [self._operation(change, self.patches == "tutorial") for change in changes]
        replaced = [each for each in changes if _op(each) == "Replace" and not each.target.key]
        if len(replaced) < 2:
            return [self._modern(change) for change in changes]
        alone = [self._modern(each) for each in changes if each not in replaced]
        merged = {each.target.text: targets.typed(each.target, each.new) for each in replaced}
        return [*alone, {"op": "replace", "value": merged}]

    def _operation(self, change: Change, real_booleans: bool) -> dict[str, object]:
        """Capitalised, with a path; booleans are texts but in the newer page's example."""
        operation: dict[str, object] = {"op": _op(change), "path": change.target.text}
        if change.new is not None:
            value = targets.typed(change.target, change.new)
            operation["value"] = str(value) if isinstance(value, bool) and not real_booleans else value
        return operation

    def _modern(self, change: Change) -> dict[str, object]:
        operation: dict[str, object] = {"op": _op(change).lower(), "path": change.target.text}
        if change.new is not None:
            operation["value"] = targets.typed(change.target, change.new)
        return operation

    def set_manager(self, ident: str, manager: str | None, old: str | None = None) -> Request:
        """A reference, once both objects are there; its bare id as the value (SCIM-SDK#686, a capture)."""
        return self.patch_user(ident, [Change(targets.parse(MANAGER), old, manager)])

    def delete_user(self, ident: str) -> Request:
        return Request("DELETE", self.base.target(dialect.user_path(ident)))


def _op(change: Change) -> str:
    """Add where the target had no value, Replace where it had one, Remove where the source was cleared."""
    if change.new is None:
        return "Remove"
    return "Add" if targets.is_empty(change.old) else "Replace"
