"""A connected system that is a part of an LDAP directory: the entries of one object class below one base.

Exports are add, modify and delete; what is refused, the directory refuses. A rename is none of them: anchors and DNs
stay as they are.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Final

from mockhost.connectors.ecma import dn as dns
from mockhost.connectors.ecma.config import INTEGERS, OBJECT_DN, Column, ConnectorConfig, LdapConfig
from mockhost.connectors.ecma.kinds import CODES, ExportError
from mockhost.connectors.systems.described import Wanted
from mockhost.connectors.systems.directory import (
    NO_SUCH_OBJECT,
    OWN,
    PAGE,
    Directory,
    DirectoryError,
    Entry,
    Session,
    missing_package,
)
from mockhost.connectors.systems.memory import start_records
from mockhost.connectors.systems.outside import OutsideSystem, Refusal, Sharing, clean
from mockhost.connectors.systems.slapd import ADMINISTRATOR, Slapd
from mockhost.connectors.systems.system import NotThere, ReadError
from mockhost.connectors.tables import Base, Record, Table, Value
from mockhost.errors import UsageError, did_you_mean
from mockhost.slices import Pause, no_pause, paced

_CHANGED: Final = "modifyTimestamp"
"""The operational attribute by which a delta import knows what changed (RFC 4512 3.4.4)."""
_EVENTS: Final[Mapping[int, str]] = {
    68: "duplicate",
    **dict.fromkeys((17, 18, 19, 20, 21, 65), "bad_value"),
    **dict.fromkeys((34, 64), "invalid_dn"),
    **dict.fromkeys((8, 48, 50), "permission"),
}
"""Result code -> the event of `facts/kinds.json`. Source: RFC 4511, Appendix A."""
_MEANS: Final[Mapping[int, str]] = {
    3: "the search took longer than the server allows this account",
    4: "the base has more entries than the server gives this account; raise its limit, or use another account",
    NO_SUCH_OBJECT: "the base is not there, or the account may not see it",
}
"""What a result code of a search means, for servers that send no words of their own."""
_NEEDS: Final = "requires attribute '"
_NOT_UNIQUE: Final = ("some attributes not unique", "non-unique attributes found")
"""slapd's words for a missing attribute, and those of its unique overlay (2.4, 2.5)."""


class LdapSystem(OutsideSystem):
    """The entries behind one connector."""

    own_word = "directory's"
    _own: Slapd | None = None

    def _connect(self, page: ConnectorConfig) -> None:
        outside = page.system.outside
        assert isinstance(outside, LdapConfig)
        if (problem := missing_package()) is not None:
            raise problem
        self.ldap = outside
        self._secrets = [outside.password] if outside.password else []
        self._own = Slapd() if outside.url == OWN else None
        self.directory = _directory(outside, self._own)

    @property
    def may_write(self) -> bool:
        return not self.copied or self._own is not None

    def _map(self, page: ConnectorConfig) -> None:
        self._held = [(at, each) for at, each in enumerate(self.columns) if each.name != OBJECT_DN]
        self._names = [each.name for _, each in self._held] + [_CHANGED]
        self._filter = f"(objectClass={self.ldap.object_class})"

    def _reach(self) -> None:
        if self._own is not None:
            self._own.start()

    def separate(self) -> None:
        self.copied = True
        if self._own is not None:
            self._own = Slapd(self._own)
            self._own.start()
        self.directory = _directory(self.ldap, self._own)

    def close(self) -> None:
        if self._own is not None:
            self._own.close()

    # -- the scenario's objects ---------------------------------------------------------------------------

    def _make(self) -> None:
        try:
            with self.directory.session() as session:
                found = [each.dn for each in session.search(self.ldap.base, self._filter, ["1.1"])] if (
                    session.exists(self.ldap.base)
                ) else []  # fmt: skip
                for name in sorted(found, key=lambda each: -_depth(each)):
                    session.delete(name)
                known: set[str] = set()
                for container in (self.ldap.base, *(self.config.containers or ())):
                    _make_container(session, dns.parse(container), known)
                self._count = 0
                for record in start_records(self.page, self.columns, self.forms, self.chance):
                    name = str(record[self.position[OBJECT_DN]])
                    if self.config.containers is None and (parent := dns.parse(name).parent()) is not None:
                        _make_container(session, parent, known)
                    session.add(name, self._attributes(self.values(record)))
                    self._count += 1
        except DirectoryError as error:
            if error.result is None:
                raise self._unread(error) from None
            raise UsageError(
                f"{self.name}: the scenario's objects can't be put into the directory: {self._words(error)}"
            ) from None

    # -- entries and records ------------------------------------------------------------------------------

    def _record(self, entry: Entry) -> Record:
        values: list[Value] = [None] * len(self.columns)
        for at, column in self._held:
            found = entry.attributes.get(column.name.lower())
            if found:
                read = tuple(_read(column, each) for each in found)
                values[at] = read if column.multi_valued else read[0]
        values[self.position[OBJECT_DN]] = entry.dn
        return tuple(values)

    def _imported(self, entries: Iterator[Entry]) -> Iterator[Record]:
        """The records of entries. The newest change is noted: what an export reads back says nothing of others."""
        for entry in entries:
            for octets in entry.attributes.get(_CHANGED.lower(), ())[:1]:
                changed = octets.decode(errors="replace")
                self._seen = changed if self._seen is None else max(self._seen, changed)
            yield self._record(entry)

    def _attributes(self, values: Mapping[str, Value]) -> dict[str, list[bytes]]:
        """What is written of an object; what the directory itself gives is not."""
        return {
            column.name: _written(column, values[column.name])
            for _, column in self._held
            if column.generated != "system" and values.get(column.name) not in (None, ())
        }

    def _search(self, session: Session, wanted: Wanted) -> Iterator[Entry]:
        """The entries in which columns have values, as the directory compares."""
        base, scope, terms = self.ldap.base, "SUBTREE", [self._filter]
        for at, value in wanted:
            column = self.columns[at]
            if column.name == OBJECT_DN:
                base, scope = str(value), "BASE"
                if not dns.is_ldap_style(base) or not _is_below(base, self.ldap.base):
                    return
            else:
                terms.append(_term(column, value))
        try:
            yield from session.search(
                base, f"(&{''.join(terms)})" if len(terms) > 1 else terms[0], self._names, scope
            )
        except DirectoryError as error:
            if error.result != NO_SUCH_OBJECT or scope != "BASE":
                raise

    # -- what an import reads -----------------------------------------------------------------------------

    @contextmanager
    def _importing(self) -> Iterator[Session]:
        self._fill_to_read()
        try:
            with self.directory.session(unavailable=self.config.trouble == "unavailable") as session:
                yield session
        except DirectoryError as error:
            raise self._unread(error) from None

    def _unread(self, error: DirectoryError) -> ReadError:
        words, meaning = self._words(error), _MEANS.get(error.result or 0)
        if not error.words and meaning is not None:
            words += f" ({meaning})"
        return ReadError(f"{self.name}: the directory can't be read: {words}")

    def _words(self, error: DirectoryError) -> str:
        return clean(str(error), self._secrets)

    def snapshot(self, pause: Pause = no_pause, known: Sequence[Record] = ()) -> Table:
        """All entries, which are read in pages. Raises ReadError."""
        share = Sharing(self.columns, known).of
        with self._importing() as session:
            records = list(map(share, paced(self._imported(self._search(session, [])), PAGE, pause)))
        self._count = len(records)
        return Table(Base(records, forms=self.forms))

    def changes(self, since: object) -> list[Value] | None:
        """The anchors of the entries that changed since; those that are gone are not among them. Raises ReadError."""
        later = "" if since is None else f"({_CHANGED}>={since})"
        with self._importing() as session:
            found = session.search(self.ldap.base, f"(&{self._filter}{later})", self._names)
            anchors = [record[self.anchor_position] for record in self._imported(found)]
        return [anchor for anchor in anchors if anchor is not None]

    def find(self, column: str, value: object) -> list[Record]:
        """The entries in which an attribute equals a value, as the directory compares. Raises ReadError."""
        wanted: Any = value
        with self._importing() as session:
            return [self._record(each) for each in self._search(session, [(self.position[column], wanted)])]

    def objects(self, where: Mapping[str, object] | None = None) -> Iterator[dict[str, Value]]:
        """The entries as they are now. Raises UsageError."""
        wanted = self.wanted(where or {})
        try:
            with self._importing() as session:
                found = [self._record(entry) for entry in self._search(session, wanted)]
        except ReadError as error:
            raise UsageError(error.message) from None
        return map(self.values, found)

    # -- what a connector exports -------------------------------------------------------------------------

    def transaction(self) -> AbstractContextManager[None]:
        return self.directory.trial()

    @contextmanager
    def _exporting(self, operation: str, values: Mapping[str, Value]) -> Iterator[Session]:
        self.check_right(operation)
        trouble = self.config.trouble
        try:
            self._fill_to_read()
            with ExitStack() as stack:
                if trouble == "read_only" and self._own is not None:
                    stack.enter_context(self._own.read_only())
                yield stack.enter_context(self.directory.session(unavailable=trouble == "unavailable"))
        except ReadError as error:
            raise ExportError(CODES["other"], error.message, "other") from None
        except DirectoryError as error:
            raise self._refused(self._refusal(error, operation), values) from None

    def _refusal(self, error: DirectoryError, operation: str) -> Refusal:
        words = clean(error.words, self._secrets)
        event, column = _EVENTS.get(error.result or 0), ""
        if error.result == NO_SUCH_OBJECT:
            event = "missing_parent" if operation == "add" else "missing_object"
        elif _NEEDS in words:
            event, column = "null_value", words.partition(_NEEDS)[2].rstrip("'")
        elif words.startswith("objectClass: value #"):
            event = "unknown_object_class"
        elif words.startswith(_NOT_UNIQUE):
            event = "duplicate_value" if "duplicate_value" in self.kind.texts else "duplicate"
        elif error.name == "LDAPInvalidDnError":
            event = "invalid_dn"
        return Refusal(event, words, error.name, column)

    def add(self, values: dict[str, Value]) -> Record:
        """Add an entry. Raises ExportError."""
        self._give_guids(values)
        name = str(values.get(OBJECT_DN) or "")
        with self._exporting("add", values) as session:
            if not _is_below(name, self.ldap.base):
                raise self.kind.missing_parent(name)
            session.add(name, self._attributes(values))
            record = self._one(session, name) or self.record(values)
            self._count_on(not self.directory.on_trial)
        return record

    def _one(self, session: Session, name: str) -> Record | None:
        found = next(self._search(session, [(self.position[OBJECT_DN], name)]), None)
        return None if found is None else self._record(found)

    def _named(self, session: Session, anchor: Value) -> list[str]:
        """The DNs of the entries with this anchor. Raises ExportError if there is none."""
        if self.page.anchor_column == OBJECT_DN:
            return [str(anchor)]
        found = [each.dn for each in self._search(session, [(self.anchor_position, anchor)])]
        if not found:
            raise self.kind.missing_object(str(anchor), self.table_name)
        return found

    def modify(self, anchor: Value, changed: Mapping[str, Value]) -> Record:
        """Replace attributes of the entries with this anchor. Raises ExportError."""
        with self._exporting("modify", changed) as session:
            names = self._named(session, anchor)
            for name in names:
                session.modify(name, self._replaced(changed))
            record = self._one(session, names[0])
            if record is None:
                raise self.kind.missing_object(str(anchor), self.table_name)
        return record

    def _replaced(self, new: Mapping[str, Value]) -> dict[str, list[bytes]]:
        return {
            column.name: _written(column, new[column.name]) for _, column in self._held if column.name in new
        }

    def remove(self, anchor: Value) -> None:
        """Delete the entries with this anchor. Raises ExportError."""
        with self._exporting("delete", {}) as session:
            for name in self._named(session, anchor):
                session.delete(name)
                self._count_on(-(not self.directory.on_trial))

    def set_password(self, anchor: Value, password: str) -> None:
        """Replace `userPassword` (the wizard's Password Attribute). Raises ExportError."""
        if self.directory.on_trial:
            return  # the entry may be on trial, too
        with self._exporting("modify", {}) as session:
            for name in self._named(session, anchor):
                session.modify(name, {"userPassword": [password.encode()]})

    def change(self, changes: Mapping[str, object]) -> int:
        """Add, modify and delete, one after the other; how many. Raises UsageError: what came before it stays."""
        inserts, updates, deletes = self.read_changes(changes)
        count = 0
        try:
            self._fill()
            with self.directory.session() as session:
                for values in inserts:
                    self._give_guids(values)
                    session.add(str(values.get(OBJECT_DN) or ""), self._attributes(values))
                    self._count_on(1)
                    count += 1
                for wanted, new in updates:
                    for entry in list(self._search(session, wanted)):
                        session.modify(entry.dn, self._replaced(new))
                        count += 1
                for wanted in deletes:
                    for entry in list(self._search(session, wanted)):
                        session.delete(entry.dn)
                        self._count_on(-1)
                        count += 1
        except ReadError as error:
            raise UsageError(error.message) from None
        except DirectoryError as error:
            raise UsageError(
                f"{self.name}: {self._words(error)}", hint=f"{count} were changed before it"
            ) from None
        return count

    def check_change(self, changes: Mapping[str, object]) -> None:
        inserts, updates, _ = self.read_changes(changes)
        for values in inserts:
            if not dns.is_ldap_style(str(values.get(OBJECT_DN) or "")):
                raise UsageError(f"{self.name}: a new entry needs {OBJECT_DN}, its DN")
        if any(OBJECT_DN in new for _, new in updates):
            raise UsageError(
                f"{self.name}: {OBJECT_DN} can't be changed", hint="delete the entry and insert another"
            )


def _directory(config: LdapConfig, own: Slapd | None) -> Directory:
    if own is not None:
        return Directory(own.url, ADMINISTRATOR, own.password, config.timeout)
    return Directory(config.url, config.user, config.password, config.timeout)


def _depth(name: str) -> int:
    """How many parts a DN has; of one that can't be read, none: it is the directory's to refuse."""
    try:
        return len(dns.parse(name).rdns)
    except dns.InvalidDN:
        return 0


def _is_below(name: str, base: str) -> bool:
    """Whether a DN is that of the base, or one below it."""
    try:
        rdns = dns.parse(name).rdns
    except dns.InvalidDN:
        return True  # the directory's to refuse
    above = dns.parse(base)
    return dns.DN(rdns[-len(above.rdns) :]).key() == above.key()


_CONTAINERS: Final = {
    "dc": "domain",
    "ou": "organizationalUnit",
    "o": "organization",
    "c": "country",
    "l": "locality",
}
"""The object class of a container, by what names it (RFC 4519); another is an organizationalRole or extensible."""


def _make_container(session: Session, name: dns.DN, known: set[str]) -> None:
    """Add the entries of a container and of those above it that are not there."""
    key = name.key()
    if key in known or session.exists(str(name)):
        known.add(key)
        return
    if (parent := name.parent()) is not None:
        _make_container(session, parent, known)
    kind = name.rdns[0][0][0].lower()
    classes = [_CONTAINERS.get(kind, "organizationalRole")]
    if kind not in _CONTAINERS and kind != "cn":
        raise UsageError(f"no container can be made with the name {name}", hint="use ou=, dc=, o= or cn=")
    pairs = {attribute: [str(value).encode()] for attribute, value in name.rdns[0]}
    session.add(str(name), {"objectClass": [each.encode() for each in classes], **pairs})
    known.add(key)


# -- values -----------------------------------------------------------------------------------------------


_INTEGER: Final = re.compile("-?[0-9]{1,19}")


def _read(column: Column, octets: bytes) -> str | bool | int:
    if column.type == "binary":
        return base64.b64encode(octets).decode()
    text = octets.decode(errors="replace")
    if column.type == "boolean":
        return text.upper() == "TRUE"
    if column.type == "integer" and _INTEGER.fullmatch(text) and (number := int(text)) in INTEGERS:
        return number
    return text


def _written(column: Column, value: Value) -> list[bytes]:
    items = value if isinstance(value, tuple) else () if value is None else (value,)
    return [_octets(column, item) for item in items]


def _octets(column: Column, item: object) -> bytes:
    if isinstance(item, bool):
        return b"TRUE" if item else b"FALSE"
    return base64.b64decode(str(item)) if column.type == "binary" else str(item).encode()


def _term(column: Column, value: Value) -> str:
    """A term of a filter (RFC 4515); every octet that could mean something there is escaped."""
    if value is None or value == ():
        return f"(!({column.name}=*))"
    octets = [_octets(column, item) for item in (value if isinstance(value, tuple) else (value,))]
    escaped = (
        "".join(
            f"\\{octet:02x}" if octet < 48 or octet > 126 or octet == 92 else chr(octet) for octet in each
        )
        for each in octets
    )
    return "".join(f"({column.name}={each})" for each in escaped)


# -- the wizard's look at a schema ------------------------------------------------------------------------

_TYPES: Final[Mapping[str, str]] = {
    "7": "boolean",
    "27": "integer",
    "12": "reference",
    **dict.fromkeys(("4", "5", "8", "9", "10", "23", "28", "40"), "binary"),
}
"""The last number of a syntax (RFC 4517 3.3) -> type of ECMA 2; others are texts."""
_SYNTAXES: Final = "1.3.6.1.4.1.1466.115.121.1."
_PASSWORD: Final = "userPassword"


def discover(config: LdapConfig) -> dict[str, Column]:
    """The attributes that entries of an object class may have, as the wizard finds them in the schema.

    Raises UsageError for a directory that can't be reached, and for an object class that it does not have.
    """
    if (problem := missing_package()) is not None:
        raise problem
    try:
        with _directory(config, None).session(schema=True) as session:
            schema = session.schema
            if schema is None:
                raise UsageError("the directory shows no schema", hint="write 'columns'")
            return _columns(schema, config)
    except DirectoryError as error:
        words = clean(str(error), [config.password] if config.password else [])
        raise UsageError(f"the directory can't be read: {words}") from None


def _columns(schema: Any, config: LdapConfig) -> dict[str, Column]:
    classes, attributes = schema.object_classes, schema.attribute_types
    if config.object_class not in classes:
        hint = did_you_mean(config.object_class, [str(each) for each in classes])
        raise NotThere(
            "object_class", f"the directory has no object class {config.object_class!r}", hint=hint
        )
    must: list[str] = []
    may: list[str] = []
    pending, seen = [config.object_class, "top"], set()
    while pending:
        name = pending.pop(0)
        if name.lower() in seen or name not in classes:
            continue
        seen.add(name.lower())
        must += _several(classes[name].must_contain)
        may += _several(classes[name].may_contain)
        pending += _several(classes[name].superior)
    names = [*must, *may]
    if config.operational:
        names += [each.name[0] for each in attributes.values() if each.no_user_modification and each.name]
    found: dict[str, Column] = {}
    for name in names:
        if name in attributes and name != _PASSWORD and name not in found:
            found[name] = _column(attributes, name, required=name in must)
    return found


def _column(attributes: Any, name: str, *, required: bool) -> Column:
    definition = attributes[name]
    kind, above = definition.syntax, definition
    while not kind and above.superior and _several(above.superior)[0] in attributes:
        above = attributes[_several(above.superior)[0]]
        kind = above.syntax
    number = str(kind or "").partition("{")[0].removeprefix(_SYNTAXES)
    by_itself = bool(definition.no_user_modification)
    return Column(
        name,
        _TYPES.get(number, "string"),
        required=required and not by_itself,
        multi_valued=not definition.single_value,
        unique=name.lower() in ("entryuuid", "entrydn"),
        generated="system" if by_itself else None,
    )


def _several(names: Any) -> Sequence[str]:
    return [names] if isinstance(names, str) else list(names or ())
