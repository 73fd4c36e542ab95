"""The scenario files that the rows serve: a crowd of any size with three unique attributes to find people by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SECRET_TOKEN = "bench-secret-token"
UNIQUE = {"ContosoLogin": "user{n:07d}", "Email": "user{n:07d}@contoso.com", "EmployeeNumber": "E{n:08d}"}
FILLED = {"FirstName": "first_name", "LastName": "last_name"}


def value(attribute: str, n: int) -> str:
    """What person `n` has in one of the unique attributes."""
    return UNIQUE[attribute].format(n=n)


def crowd(folder: Path, count: int, *, rules: int = 0) -> str:
    """Write a scenario of `count` people and `rules` rules of which none applies to a find; the file's path.

    JSON is YAML: one writer, no quoting to get wrong.
    """
    columns = [*UNIQUE, *FILLED]
    system: dict[str, Any] = {"columns": {name: "string" for name in columns}}
    connector = {
        "kind": "generic_sql",
        "secret_token": SECRET_TOKEN,
        "anchor": "ContosoLogin",
        "selected_attributes": columns,
        "system": system,
    }
    crowded = system | {"people": {"count": count, "set": UNIQUE, "fill": FILLED}}
    document: dict[str, Any] = {
        "format": 1,
        "title": f"A crowd of {count} for the benchmark",
        "connectors": {"SQL": connector | {"system": crowded}, "LDAP": connector},
    }
    if rules:
        # Half of them fail on the operation, half only on the connector.
        whens = [{"operation": "create_user"}, {"operation": "find_users", "connector": "LDAP"}]
        document["rules"] = [
            {"name": f"rule {number}", "when": whens[number % 2], "reply": {"status": 503}}
            for number in range(rules)
        ]
    return _write(folder / f"crowd-{count}-{rules}.json", document)


def behind(path: Path, count: int, outside: dict[str, Any], is_directory: bool) -> str:
    """Write a scenario of `count` people in a system outside of the process; without `outside`, in memory."""
    if is_directory:
        columns: dict[str, Any] = dict.fromkeys(("cn", "sn", "mail", "givenName"), "string")
        columns["objectClass"] = "string"
        given = {
            "-dn-": "cn=user{n:07d},ou=people,dc=lab",
            "objectClass": "inetOrgPerson",
            "cn": "user{n:07d}",
        }
        given |= {"sn": "Person{n}", "mail": UNIQUE["ContosoLogin"] + "@contoso.com"}
        connector: dict[str, Any] = {"kind": "generic_ldap", "anchor": "dn"}
    else:
        columns, given = dict.fromkeys((*UNIQUE, *FILLED), "string"), {**UNIQUE, "LastName": "Person{n}"}
        connector = {"kind": "generic_sql", "anchor": "ContosoLogin"}
    connector |= {
        "secret_token": SECRET_TOKEN,
        "selected_attributes": list(columns),
        "system": {"columns": columns, "people": {"count": count, "set": given, "fill": {}}, **outside},
    }
    document = {"format": 1, "title": "A crowd in a connected system", "connectors": {"SQL": connector}}
    return _write(path, document)


def faulty(folder: Path, count: int) -> str:
    """Write a scenario of `count` people, for each request of which something goes wrong; the file's path.

    A rule passes on what its draw does not choose; the last one takes the rest.
    """
    faults: list[tuple[Any, float]] = [
        ("malformed_json", 0.5),
        ("connection_reset", 0.1),
        ({"truncated_body": {"at_fraction": 0.5}}, 0.1),
        ({"http_error": 503}, 1.0),
    ]
    document = json.loads(Path(crowd(folder, count)).read_text("utf-8"))
    document["title"] = f"A crowd of {count} behind a host that fails, for the benchmark"
    document["rules"] = [
        {"name": f"fault {number}", "probability": chance, "fault": fault, "delay": "0s"}
        for number, (fault, chance) in enumerate(faults)
    ]
    return _write(folder / f"faulty-{count}.json", document)


def unshipped(folder: Path) -> str:
    """Write a small file of a user's own, such as most tests would have; its path."""
    document = {"format": 1, "extends": "basics/healthy", "title": "Somebody's own file", "seed": 7}
    return _write(folder / "own.json", document)


def proxy(folder: Path, target: str) -> str:
    """Write a scenario of one proxy without a rule; its path."""
    connectors = {"SQL": {"kind": "proxy", "target": target}}
    return _write(folder / "proxy.json", {"format": 1, "title": "A proxy", "connectors": connectors})


def people(folder: Path, count: int) -> str:
    """Write a scenario of a SCIM connector with `count` people, the same as the other SCIM servers have; its path."""
    crowded = {
        "count": count,
        "set": {
            "userName": "user{n:07d}@contoso.example",
            "displayName": "User {n}",
            "name.givenName": "User",
            "name.familyName": "{n}",
            'emails[type eq "work"].value': "user{n:07d}@contoso.example",
        },
    }
    document = {
        "format": 1,
        "extends": "basics/scim_people",
        "title": f"A crowd of {count} users of a SCIM connector for the benchmark",
        "connectors": {"SCIM": {"secret_token": SECRET_TOKEN, "system": {"people": crowded}}},
    }
    return _write(folder / f"people-{count}.json", document)


def _write(path: Path, document: dict[str, Any]) -> str:
    path.write_text(json.dumps(document, indent=1), "utf-8")
    return str(path)
