"""Configuration.xml: what the wizard saves for the service, and what it exports; read as a scenario, and written.

The live file is `Configuration.xml` in the folder `Service\\Configuration` of the host, the same document as an export
(PowerShell Gallery, module ECMA2HostTools). Its structure follows two published exports: "Configuration -
CSV.xml" of GitHub microsoft/MIMPowerShellConnectors (2023) and "Configuration - PowershellRestAPI(Okta).xml" of
SuryenduB/MIMPowerShellConnectors (2024). Secrets in it are encrypted for one machine (DPAPI, ECMA2HostTools), so those
of a copied file are of no use.

Assumed: TreatAsSoft is the flow that sets an attribute, TreatAsHard the one that deletes; the parameters of Generic SQL
have the names of the wizard's fields; an autosync timer of 0 means never; every attribute in the file was chosen on the
page Select Attributes, except the one that a flow sets.
"""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias
from xml.etree import ElementTree

from mockhost import elements, facts
from mockhost.connectors.ecma.config import EXPORT_PASSWORD, HOLDS, OBJECT_DN, PAGE_SIZE, ConnectorConfig
from mockhost.connectors.ecma.kinds import KINDS
from mockhost.elements import Element, short
from mockhost.errors import Problem, ScenarioError, UsageError

PATH: Final = "Program Files/Microsoft ECMA2Host/Service/Configuration/Configuration.xml"
"""Where the file is, below drive C:."""
PORT: Final = 8585
MOST_NOTES: Final = 200
LONGEST_NAME: Final = 200
"""Characters of a name of a connector or an attribute."""
PROFILES: Final[Mapping[str, str]] = {"FullImport": "full", "DeltaImport": "delta"}
"""Names of run configurations, and of `import.profiles`. DeltaImport: inferred from the other two."""
_SIZES: Final = {"Export": "export", "FullImport": "full_import", "DeltaImport": "delta_import"}
"""The same, and `page_sizes`."""

_LIBRARIES: Final = {kind.dll.removesuffix(".dll").lower(): name for name, kind in KINDS.items()}
_FLOWS: Final = {"none": "none", "treatashard": "delete", "treatassoft": "set"}
_GENERATED: Final = {"objectguid", "guid"}
"""Anchors that directories fill themselves (Generic LDAP connector reference: AD LDS, eDirectory)."""
_KNOWN_BESIDES: Final = frozenset({"IsQueryAttribute", "ProfileDescription"})
"""Elements of published exports that are not written here."""


class Imported(NamedTuple):
    """What a Configuration.xml becomes."""

    document: dict[str, Any]
    """the scenario"""
    port: int
    certificate: str
    """the thumbprint; the certificate itself is not in the file"""
    left: tuple[Problem, ...]
    """what the user has to fill in: secrets"""
    notes: tuple[Problem, ...]
    """what was not understood, or has no effect in a scenario"""


def read(data: bytes, file: str, people: int = 0) -> Imported:
    """The scenario that serves the connectors of a Configuration.xml.

    people: how many objects each connected system is filled with. Raises XmlError for what is not XML, ScenarioError
    for XML that is no configuration, or has no connector that can be served.
    """
    root = elements.read(data, file)
    if root.tag != "Configuration":
        raise ScenarioError([_foreign(root, file)], "the configuration")
    reading = _Notes(file)
    connectors = _connectors(root, reading, people)
    port = reading.number(root.first("Setting", "Port"), "Port", PORT, 65_535)
    reading.unknown(root)
    if not connectors:
        problems = reading.notes or [
            Problem(file, root.line, root.column, "Configuration", "has no connector",
                    "add one in the wizard, and export again")
        ]  # fmt: skip
        raise ScenarioError(problems, "the configuration")
    document = {
        "format": 1,
        "title": f"The connectors of {file.replace(chr(92), '/').rpartition('/')[2]}",
        "why": "Imported from the configuration of a host. Its secrets and its data are not in that file.",
        "tags": ["imported"],
        "vars": {_variable(name): _token(name) for name in connectors},
        "connectors": connectors,
        "expect": [
            {"send": "test_connection", "connector": name, "gets": {"status": 200, "totalResults": 0}}
            for name in connectors
        ],
    }
    notes = tuple(sorted(reading.notes, key=lambda note: (note.line, note.column)))
    return Imported(document, port, root.value("Setting", "Certificate"), tuple(reading.left), notes)


_PAGES: Final = (
    "anchor",
    "dn",
    "import",
    "page_sizes",
    "deprovisioning",
    "selected_attributes",
    "single_value",
)
"""What a file sets of a connector that there is. Its system, its token and its kind stay."""
_PLAIN: Final[Mapping[str, Any]] = {"dn": {"is_anchor": False}, "single_value": []}
"""What a file means that does not say it."""


def pages(data: bytes, file: str, besides: bytes | None = None) -> dict[str, dict[str, Any]]:
    """The pages of each connector in a Configuration.xml, as a scenario has them.

    besides: another file; only what is not the same in it is taken. Raises XmlError and ScenarioError.
    """
    same = {} if besides is None else pages(besides, file)
    return {
        name: {key: value for key, value in found.items() if value != same.get(name, {}).get(key)}
        for name, found in (
            (name, {key: _whole(key, page) for key in _PAGES if key in page or key in _PLAIN})
            for name, page in read(data, file).document["connectors"].items()
        )
    }


def _whole(key: str, page: Mapping[str, Any]) -> Any:
    plain, value = _PLAIN.get(key), page.get(key)
    if isinstance(plain, Mapping):
        return {**plain, **(value or {})}
    return plain if value is None else value


def _foreign(root: Element, file: str) -> Problem:
    hint = "take Configuration.xml of the service's folder, or a file that the wizard exported"
    if root.tag in {"saved-ma-configuration", "ma-data"}:
        hint = "this is a management agent of MIM; import it in the wizard of ECMA2Host, and export it there"
    elif root.tag == "configuration":
        hint = f"this looks like an .exe.config; {hint}"
    tag = short(root.tag)
    message = f"the root is <{tag}>, not <Configuration>"
    return Problem(file, root.line, root.column, tag, message, hint)


def _plain(text: str) -> str:
    """A text of the file as a scenario writes it: `${` is the beginning of a variable there."""
    return text.replace("${", "$${")


def _variable(name: str) -> str:
    return f"token_{name}"


def _token(name: str) -> dict[str, str]:
    return {"env": f"ECMA_TOKEN_{name.upper()}", "default": f"enter-the-token-of-{name}"}


class _Notes:
    """What of a file is left to fill in, and what has no place in a scenario."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.left: list[Problem] = []
        self.notes: list[Problem] = []
        self.known = _KNOWN_BESIDES | {each.tag for each in _skeleton().iter()}
        self.places: set[str] = set()
        """paths of elements that are not known"""

    def note(self, element: Element, path: str, message: str, hint: str = "") -> None:
        if len(self.notes) == MOST_NOTES:
            message, hint = "more follows, which is not listed", ""
        if len(self.notes) <= MOST_NOTES:
            self.notes.append(Problem(self.file, element.line, element.column, path, message, hint))

    def number(self, element: Element | None, path: str, default: int, most: int) -> int:
        """A whole number from 0; the default where it is missing, or is no such number."""
        written = element.text.strip() if element else ""
        if re.fullmatch(r"[0-9]{1,9}", written) and int(written) <= most:
            return int(written)
        if element and written:
            message = f"{written[:40]!r} is not a number from 0 to {most}"
            self.note(element, path, message, f"{default} is taken")
        return default

    def unknown(self, element: Element, path: str = "") -> None:
        """Note elements that are not known; of several with the same path, the first."""
        for child in element.children:
            below = f"{path}/{short(child.tag)}".lstrip("/")
            if child.tag in self.known:
                self.unknown(child, below)
            elif below not in self.places:
                self.places.add(below)
                self.note(child, below, "is not known; it has no effect")


def _connectors(root: Element, notes: _Notes, people: int) -> dict[str, dict[str, Any]]:
    """Every connector that can be served, by its name."""
    found: dict[str, dict[str, Any]] = {}
    for element in root.all("Connectors", "Connector"):
        name = _name(element, found, notes)
        connector = _Reading(element, name, notes).connector(people) if name else None
        if name and connector:
            found[name] = connector
    return found


def _name(connector: Element, taken: Iterable[str], notes: _Notes) -> str:
    """The name in the URL: ASCII letters and digits, as the wizard takes them; empty where there is none."""
    element = connector.first("ECMAConfig", "ProfileName")
    written = element.text.strip() if element else ""
    name = re.sub("[^A-Za-z0-9]", "", written)
    place, hint = element or connector, "a name has ASCII letters and digits"
    if not name or len(name) > LONGEST_NAME:
        message = f"{written[:40]!r} is not a connector's name; the connector is left out"
        notes.note(place, "ProfileName", message, hint)
        return ""
    if name in taken:
        notes.note(place, "ProfileName", f"there is a connector {name!r} already; this one is left out")
        return ""
    if name != written:
        notes.note(place, "ProfileName", f"{written[:40]!r} is named {name!r} here", hint)
    return name


class _Reading:
    """Reads one connector of a file."""

    def __init__(self, element: Element, name: str, notes: _Notes) -> None:
        self.element = element
        self.name = name
        self.notes = notes
        self.settings = element.first("ECMAConfig") or element
        self.kind = self._kind()
        self.parameters = self._parameters()
        self.entry = self._entry()
        self.attributes = self._attributes(self.entry) if self.entry else {}

    def note(self, element: Element, what: str, message: str, hint: str = "") -> None:
        """Note something of the connector. what: the name of an element or an attribute."""
        self.notes.note(element, f"{self.name}/{what[:80]}", message, hint)

    def connector(self, people: int) -> dict[str, Any] | None:
        """The scenario's connector; None if it can't be served."""
        entry, attributes = self.entry, self.attributes
        anchor = next(
            (key for key, each in attributes.items() if _is(each, "IsAnchor") and key != EXPORT_PASSWORD), ""
        )
        if not entry or not anchor:
            message, hint = (
                "no attribute is the anchor; the connector is left out",
                "choose one on the page Object Types",
            )
            self.notes.note(entry or self.element, self.name, message, hint)
            return None
        self._token()
        flows = self._flows(entry)
        columns = {key: self._column(each) for key, each in attributes.items() if key != OBJECT_DN}
        columns.pop(EXPORT_PASSWORD, None)
        set_by_flows = {flow["set"] for flow in flows.values() if isinstance(flow, dict)}
        found: dict[str, Any] = {"kind": self.kind, "secret_token": f"${{{_variable(self.name)}}}"}
        found["anchor"] = _plain(anchor)
        if object_type := entry.value("ObjectType"):
            found["object_type"] = _plain(object_type)
        found["dn"] = self._dn(entry, anchor)
        found["import"], sizes = self._runs()
        if sizes:
            found["page_sizes"] = sizes
        found["deprovisioning"] = {
            key: {"set": _plain(flow["set"])} if isinstance(flow, dict) else flow
            for key, flow in flows.items()
        }
        found["selected_attributes"] = [_plain(key) for key in columns if key not in set_by_flows]
        if single := [key for key, each in attributes.items() if _is(each, "TreatAsSingleValue")]:
            found["single_value"] = [_plain(key) for key in single if key in columns]
        if export_type := self._export_type():
            found["export_type"] = export_type
        if not columns:  # only the DN is known, and a system has at least one column
            columns = {"cn": "string"}
        found["system"] = {"columns": columns}
        tables = (
            each.value("Value") for key, each in self.parameters.items() if key.endswith(":table/view/sp")
        )
        if table := next(tables, ""):
            found["system"]["table"] = _plain(table)
        if people:
            found["system"]["people"] = crowd(people, anchor, columns)
        return found

    def _kind(self) -> str:
        library = self.settings.first("LibraryName")
        written = library.text.strip() if library else ""
        kind = _LIBRARIES.get(written.lower().removesuffix(".dll"))
        if kind is None:
            message = f"{written[:80]!r} is a library of its own, served as 'custom'"
            self.note(library or self.settings, "LibraryName", message)
        return kind or "custom"

    def _token(self) -> None:
        """The token is empty in an export, and encrypted in the live file."""
        element = self.settings.first("SecretToken")
        is_there = element is not None and element.text.strip()
        state = "is encrypted for the machine that wrote it" if is_there else "is not in the file"
        place, variable = element or self.settings, _token(self.name)["env"]
        hint = f"set {variable}, or write the token into the scenario; the wizard shows the connector in red"
        message = f"the secret token {state}"
        self.notes.left.append(Problem(self.notes.file, place.line, place.column, self.name, message, hint))

    def _parameters(self) -> dict[str, Element]:
        """The connector's own parameters by name in lower case. Encrypted ones are reported."""
        found: dict[str, Element] = {}
        other: list[str] = []
        for parameter in self.element.all("ConnectorConfig", "Parameters", "Parameter"):
            label = parameter.value("Name")
            found.setdefault(label.lower(), parameter)
            is_secret = _is(parameter, "Encrypted") or parameter.value("Type").lower() == "encryptedstring"
            if is_secret and parameter.value("Value"):
                hint = "mockhost connects to nothing, so it is not needed here"
                self.note(parameter, label, "is encrypted for the machine that wrote it", hint)
            elif label.lower() not in _READ and not label.lower().endswith(":table/view/sp"):
                other.append(label)
        if other:
            shown = ", ".join(repr(label[:60]) for label in other[:5]) + (", …" if len(other) > 5 else "")
            count = "1 parameter has" if len(other) == 1 else f"{len(other)} parameters have"
            self.note(next(iter(found.values())), "Parameters", f"{count} no effect here: {shown}")
        return found

    def _entry(self) -> Element | None:
        """The object type. The host serves one."""
        entries = self.element.all("Schema", "EntriesSchema", "EntrySchema")
        for entry in entries[1:]:
            self.note(entry, "EntrySchema", "a second object type is left out; the host serves one")
        if entries and entries[0].value("ExternalName") not in ("User", ""):
            place = entries[0].first("ExternalName")
            assert place
            self.note(place, "ExternalName", f"{place.text.strip()[:40]!r}: clients see User here")
        return entries[0] if entries else None

    def _attributes(self, entry: Element) -> dict[str, Element]:
        found: dict[str, Element] = {}
        for element in entry.all("SchemaAttributes", "AttributeSchema"):
            key = element.value("Name")
            if not key or key in found or len(key) > LONGEST_NAME:
                is_long = f"{short(key)!r} is too long" if key not in found else f"{key!r} is there already"
                self.note(element, "AttributeSchema", f"{is_long if key else 'has no name'}, and is left out")
                continue
            found[key] = element
            if "." in key or "[" in key:
                self.note(element, key, "the host does not support names with '.' or '['")
        anchors = [element for element in found.values() if _is(element, "IsAnchor")]
        for element in anchors[1:]:
            self.note(element, element.value("Name"), "a second anchor; the first one is taken")
        return found

    def _column(self, attribute: Element) -> str | dict[str, Any]:
        name, written = attribute.value("Name"), attribute.value("DataType")
        data_type = written.lower() or "string"
        if data_type not in HOLDS:
            self.note(attribute, name, f"data type {written[:40]!r} is not known; string is taken")
            data_type = "string"
        more: dict[str, Any] = {}
        if _is(attribute, "Multivalued") and _is(attribute, "IsAnchor"):
            self.note(attribute, name, "an anchor has one value")
        elif _is(attribute, "Multivalued"):
            more["multi_valued"] = True
        if self.kind == "generic_ldap" and name.lower() in _GENERATED:
            more["generated"] = "guid"
        return {"type": data_type, **more} if more else data_type

    def _dn(self, entry: Element, anchor: str) -> dict[str, bool]:
        autogenerated = _is(entry, "IsDNAutogenerated")
        chosen = next((key for key, each in self.attributes.items() if _is(each, "IsDN")), OBJECT_DN)
        box = self.parameters.get("dn is anchor")
        is_anchor = _box(box) or (not autogenerated and chosen == anchor != OBJECT_DN)
        if anchor == OBJECT_DN and autogenerated:
            message = "the DN is the anchor, so it is not made from the anchor"
            self.note(entry, "IsDNAutogenerated", message)
            autogenerated = False
        if not autogenerated and not is_anchor and chosen not in {OBJECT_DN, anchor}:
            message = f"is the DN; here clients supply the DN in {OBJECT_DN}"
            self.note(self.attributes[chosen], chosen, message)
        return {"autogenerated": autogenerated, **({"is_anchor": True} if is_anchor else {})}

    def _runs(self) -> tuple[dict[str, Any], dict[str, int]]:
        """Autosync and import profiles, and the page sizes that are not the wizard's own."""
        timer, name = self.settings.first("AutosyncTimer"), self.name
        minutes = self.notes.number(timer, f"{name}/AutosyncTimer", 120, 10_000_000)
        profiles, sizes, has_export = [], {}, False
        for run in self.element.all("ConnectorConfig", "RunConfigurations", "RunConfiguration"):
            label = run.value("Name").replace(" ", "")
            steps = run.all("RunSteps", "RunStep")
            own = {p.value("Name").lower(): p for step in steps for p in step.all("Parameters", "Parameter")}
            size = own.get(f"pagesize{label.lower()}") or self.parameters.get(f"pagesize{label.lower()}")
            key = _SIZES.get(label)
            if key is None:
                message = f"run profile {label[:40]!r} is not known; left out"
                self.note(run, "RunConfiguration", message)
                continue
            has_export = has_export or label == "Export"
            if label in PROFILES and PROFILES[label] not in profiles:
                profiles.append(PROFILES[label])
            written = size.first("Value") if size else None
            count = self.notes.number(written, f"{name}/PageSize", PAGE_SIZE, 1_000_000)
            if count not in (PAGE_SIZE, 0):
                sizes[key] = count
            for partition in [step.value("Partition") for step in steps]:
                if partition not in ("", "default"):
                    self.note(run, "Partition", f"partition {partition[:40]!r} has no effect here")
        if not has_export:
            message = "there is no run profile Export; writes work here anyway"
            self.note(self.element, "RunConfigurations", message)
        if "full" not in profiles:
            hint = "so the cache is empty after a start, here as on the real host"
            self.note(self.element, "RunConfigurations", "there is no run profile Full Import", hint)
        return {"every": f"{minutes}m" if minutes else "never", "profiles": profiles}, sizes

    def _flows(self, entry: Element) -> dict[str, Any]:
        model = entry.first("DeprovisioningModel")
        if model is None:
            return {"disable": "none", "delete": "none"}
        found: dict[str, Any] = {}
        for key, tag in (("disable", "SoftDelete"), ("delete", "HardDelete")):
            written, attribute = model.value(tag), model.value(f"{tag}StatusAttribute")
            flow = _FLOWS.get(written.lower() or "none", "")
            found[key] = flow or "none"
            if not flow:
                self.note(model, tag, f"{written[:40]!r} is not known; none is taken")
            elif flow == "set":
                column = self.attributes.get(attribute)
                if column and column.value("DataType").lower() == "boolean" and not _is(column, "IsAnchor"):
                    found[key] = {"set": attribute}
                    continue
                found[key] = "none"
                message = f"{attribute[:80]!r} is not a boolean attribute; none is taken"
                self.note(model, f"{tag}StatusAttribute", message)
        return found

    def _export_type(self) -> str:
        """The export type where it is not the kind's own."""
        parameter = self.parameters.get("export type")
        written = parameter.value("Value").lower() if parameter else ""
        if _box(self.parameters.get("export type:object replace")):
            written = "objectreplace"
        known = {"": "", "objectreplace": "object_replace", "attributeupdate": "attribute_update"}
        if parameter and written not in known:
            message = f"{parameter.value('Value')[:40]!r} is served as attribute_update"
            self.note(parameter, "Export Type", message)
        found = known.get(written, "attribute_update")
        return "" if found == KINDS[self.kind].export_type else found


_READ: Final = {
    *("export type", "export type:object replace", "dn is anchor", "distinguished name style"),
    *("pagesizeexport", "pagesizefullimport", "pagesizedeltaimport"),
}
"""Parameters with a place in a scenario. The DN style is the kind's own."""


def _is(element: Element, tag: str) -> bool:
    return element.value(tag).lower() == "true"


def _box(parameter: Element | None) -> bool:
    return parameter is not None and parameter.value("Value").lower() in {"1", "true"}


def crowd(count: int, anchor: str, columns: Mapping[str, str | Mapping[str, Any]]) -> dict[str, Any]:
    """People for a connected system of which only the columns are known: values by type, and by a few names."""
    values: dict[str, Any] = {}
    for name, form in columns.items():
        data_type = form if isinstance(form, str) else form["type"]
        if isinstance(form, str) or "generated" not in form:
            value = _value(name, data_type, is_anchor=name == anchor)
            if value is not None and not (isinstance(form, Mapping) and form.get("multi_valued")):
                values[name] = value
    return {"count": count, "set": values}


def _value(name: str, data_type: str, *, is_anchor: bool) -> str | bool | None:
    low = name.lower()
    if data_type == "boolean":
        return "disabled" not in low and "locked" not in low
    if data_type == "integer":
        return "{n}"
    if data_type == "binary":
        return "{n:08d}"  # digits are base64
    if "guid" in low or "objectid" in low:
        return "00000000-0000-4000-8000-{n:012d}"
    if "mail" in low or "principalname" in low:
        return "user{n:07d}@contoso.example"
    if is_anchor or data_type == "reference" or low in {"cn", "uid", "login", "username"}:
        return "user{n:07d}"
    return _plain(name.replace("{", "{{").replace("}", "}}")) + " {n}"


# -- writing ----------------------------------------------------------------------------------------------------


def write(
    connectors: Sequence[ConnectorConfig], moment: float, *, port: int = PORT, certificate: str = ""
) -> str:
    """A Configuration.xml with these connectors, as the wizard exports it: without secrets.

    moment: the time of creation, in seconds since 1970. Raises UsageError for a name that XML can't hold.
    """
    when = datetime.fromtimestamp(moment, UTC)
    root = copy.deepcopy(_skeleton())
    for name, namespace in (("xsd", "XMLSchema"), ("xsi", "XMLSchema-instance")):
        root.set(f"xmlns:{name}", f"http://www.w3.org/2001/{namespace}")
    _repeat(root, "Connectors", [_connector(connector, when) for connector in connectors])
    _fill(root, {"Setting/Port": str(port), "Setting/Certificate": certificate})
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode").replace("\r", "&#xD;")
    return f'<?xml version="1.0"?>\n{text}\n'


def of(scenario: Any, at: float) -> bytes:
    """The live Configuration.xml: the wizard's pages of the host's own connectors, without their secrets."""
    pages = [page for page in scenario.connectors.values() if page.kind in KINDS]
    return write(pages, at).encode()


def not_written(connector: ConnectorConfig) -> list[str]:
    """What of a connector has no place in a Configuration.xml, in words."""
    shown = {*connector.selected_attributes, connector.anchor, *_set_by_flows(connector)}
    hidden = [column.name for column in connector.system.columns if column.name not in shown]
    rules = [c.name for c in connector.system.columns if c.required or c.generated or c.values]
    found = ["the secret token, which is encrypted for one machine", "the objects of the connected system"]
    found += [f"columns that are not selected: {', '.join(hidden)}"] if hidden else []
    found += [f"what the system demands of: {', '.join(rules)}"] if rules else []
    if connector.imports.full_takes or connector.imports.delta_takes:
        found.append("how long imports take")
    if connector.imports.every is not None and connector.imports.every % 60:
        found.append("an autosync timer of less than whole minutes; it is rounded up")
    return found


def _set_by_flows(connector: ConnectorConfig) -> list[str]:
    flows = connector.deprovisioning
    return [name for name in (flows.disable_attribute, flows.delete_attribute) if name]


Content: TypeAlias = "dict[str, str | list[Content]]"
"""Texts by the paths of their elements; a list is one element of a kind for each of its items."""


def _connector(connector: ConnectorConfig, when: datetime) -> Content:
    profiles, every, flows = connector.imports.profiles, connector.imports.every, connector.deprovisioning
    words = {"none": "None", "delete": "TreatAsHard", "set": "TreatAsSoft"}
    runs = ["Export", *(name for name, key in PROFILES.items() if key in profiles)]
    entry = "Schema/EntriesSchema/EntrySchema"
    return {
        "ConnectorConfig/Parameters": [
            {"Name": name, "Type": kind, "Use": use, "Value": value}
            for name, kind, use, value in _parameters(connector)
        ],
        "ConnectorConfig/RunConfigurations": [_run(connector, name, when.isoformat()) for name in runs],
        "ConnectorConfig/IsFullImportSupported": _bool("full" in profiles),
        "ConnectorConfig/IsDeltaImportSupported": _bool("delta" in profiles),
        "ConnectorConfig/IsExportOnly": _bool(not profiles),
        f"{entry}/ObjectType": connector.object_type,
        f"{entry}/SchemaAttributes": [
            {"Name": name, "DataType": kind, **{tag: _bool(value) for tag, value in is_so.items()}}
            for name, is_so, kind in _attributes(connector)
        ],
        f"{entry}/IsDNAutogenerated": _bool(connector.dn.autogenerated and not connector.dn.is_anchor),
        f"{entry}/DeprovisioningModel/HardDeleteStatusAttribute": flows.delete_attribute or "",
        f"{entry}/DeprovisioningModel/SoftDeleteStatusAttribute": flows.disable_attribute or "",
        f"{entry}/DeprovisioningModel/HardDelete": words[flows.delete],
        f"{entry}/DeprovisioningModel/SoftDelete": words[flows.disable],
        "Schema/Partitions/Partition/Id": _id(connector, "default"),
        "ECMAConfig/LibraryName": KINDS[connector.kind].dll.removesuffix(".dll"),
        "ECMAConfig/AutosyncTimer": str(0 if every is None else -int(-every // 60)),
        "ECMAConfig/ProfileName": connector.name,
        "ECMAConfig/CreationDateTime": _long_date(when),
        "ECMAConfig/ModificationDateTime": _long_date(when),
    }


def _run(connector: ConnectorConfig, name: str, when: str) -> Content:
    step = "RunSteps/RunStep"
    return {
        "Id": _id(connector, name),
        "Name": name,
        "CreationTime": when,
        "LastModificationTime": when,
        f"{step}/Name": "Export" if name == "Export" else "Import",
        f"{step}/Parameters/Parameter/Name": f"PageSize{name}",
        f"{step}/Parameters/Parameter/Value": str(connector.page_sizes.get(_SIZES[name], PAGE_SIZE)),
    }


def _id(connector: ConnectorConfig, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mockhost:{connector.name}/{name}"))


def _parameters(connector: ConnectorConfig) -> Iterator[tuple[str, str, str, str]]:
    """(name, type, use, value) of the parameters that a scenario knows."""
    kind = KINDS[connector.kind]
    replaces = (connector.export_type or kind.export_type) == "object_replace"
    if connector.kind == "generic_sql":
        yield "DN is Anchor", "CheckBox", "Connectivity", str(int(connector.dn.is_anchor))
        yield "Export Type:Object Replace", "CheckBox", "Connectivity", str(int(replaces))
        yield "User:Table/View/SP", "String", "Connectivity", connector.system.table or kind.table
    else:
        style = {"ldap": "LDAP", "generic": "Generic"}.get(kind.dn_style, "None")
        yield "Distinguished Name Style", "DropDown", "Capabilities", style
        yield (
            "Export Type",
            "DropDown",
            "Capabilities",
            "ObjectReplace" if replaces else "AttributeUpdate",
        )


def _attributes(connector: ConnectorConfig) -> Iterator[tuple[str, dict[str, bool], str]]:
    """(name, what is true of it, data type): the anchor, the DN, what is selected, what flows set."""
    columns = {column.name: column for column in connector.system.columns}
    anchor = connector.anchor_column
    dn = anchor if connector.dn.is_anchor else OBJECT_DN
    flows = _set_by_flows(connector)
    for name in dict.fromkeys([anchor, dn, *connector.selected_attributes, *flows]):
        column = columns.get(name)
        is_so = {
            "IsAnchor": name == anchor,
            "IsDN": name == dn,
            "IsDeprovisioningAttribute": name in flows,
            "Multivalued": bool(column and column.multi_valued),
            "TreatAsSingleValue": name in connector.single_value,
        }
        yield name, is_so, (column.type if column else "string").capitalize()


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _long_date(when: datetime) -> str:
    """`Thursday, April 27, 2023 9:09:03 PM`: the invariant culture's long date with the time, in no locale."""
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    months = (
        *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
        *("October", "November", "December"),
    )
    hour = when.hour % 12 or 12
    half = "AM" if when.hour < 12 else "PM"
    date = f"{days[when.weekday()]}, {months[when.month - 1]} {when.day}, {when.year}"
    return f"{date} {hour}:{when:%M:%S} {half}"


_NOT_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _fill(element: ElementTree.Element, content: Content) -> None:
    for path, value in content.items():
        if isinstance(value, list):
            _repeat(element, path, value)
            continue
        if _NOT_XML.search(value):
            raise UsageError(
                f"{value!r} has a character that XML can't hold", hint="rename it in the scenario"
            )
        found = element.find(path)
        assert found is not None, path
        found.text = value or None


def _repeat(element: ElementTree.Element, path: str, contents: Sequence[Content]) -> None:
    """Have the one element at a path once for each of the contents."""
    found = element.find(path)
    assert found is not None, path
    model = found[0]
    found[:] = [copy.deepcopy(model) for _ in contents]
    for each, content in zip(found, contents, strict=True):
        _fill(each, content)


@cache
def _skeleton() -> ElementTree.Element:
    """A file with one element of each kind, and what never differs."""
    return ElementTree.fromstring(facts.file("Configuration.xml"))
