"""One company that Entra provisions to each kind of connected system, in the same chapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mockhost import MockHost
from mockhost.entra.users import Generated, GeneratedUsers

COUNT = 20
_NAMES = [user.name for user in GeneratedUsers(Generated(COUNT, seed=7))]
ANN, BEN, CAY, DAN, EVE, FAY, GUS, HAL, IVO = _NAMES[:9]
DOMAIN = "@contoso.example"
BASE = "ou=people,dc=lab"


def people() -> dict[str, dict[str, object]]:
    """The directory on the first day, as a scenario has it under `entra.users`."""
    wanted = {"givenname": "givenName", "surname": "surname", "displayname": "displayName", "mail": "mail",
              "mailnickname": "mailNickname"}  # fmt: skip
    return {
        user.name: {"objectId": user.id} | {name: user.attributes[key] for key, name in wanted.items()}
        for user in GeneratedUsers(Generated(COUNT, seed=7))
    }


def login(name: str) -> str:
    return name.removesuffix(DOMAIN)


class Page(NamedTuple):
    """A connector that all kinds of systems can stand behind, and how the story speaks of its objects."""

    name: str
    connector: dict[str, Any]
    mappings: dict[str, Any] | None
    row: Callable[[str, str, str], dict[str, object]]
    """login, given name and surname -> an object"""
    identifier: str

    def key(self, row: Mapping[str, object]) -> dict[str, object]:
        """What finds an object again."""
        return {self.identifier: row[self.identifier]}


def _row(name: str, given: str, surname: str) -> dict[str, object]:
    return {"ContosoLogin": name, "FirstName": given, "LastName": surname}


def _entry(name: str, given: str, surname: str) -> dict[str, object]:
    dn = f"cn={name},{BASE}"
    return {"-dn-": dn, "cn": name, "givenName": given, "sn": surname, "objectClass": "inetOrgPerson"}


TABLE = Page("SQL", {"import": {"every": "7d"}}, None, _row, "ContosoLogin")
"""The connector of Microsoft's tutorial for SQL."""
CONTAINER = Page(
    "LDAP",
    {
        "anchor": "dn",
        "selected_attributes": None,
        "import": {"every": "7d"},
        "deprovisioning": {"disable": "none"},
        "system": {
            "table": None,
            "columns": {
                **dict.fromkeys(
                    ("objectGUID", "userPrincipalName", "msDS-UserAccountDisabled", "displayName")
                ),
                "cn": {"type": "string", "required": True},
                "sn": {"type": "string", "required": True},
                "givenName": "string",
                "mail": "string",
                "employeeType": "string",
                "objectClass": {"type": "string", "multi_valued": False, "values": None},
            },
        },
    },
    {
        "-dn-": {
            "expression": f'Join("", "cn=", Word([userPrincipalName], 1, "@"), ",{BASE}")',
            "apply": "create",
        },
        "cn": {"expression": 'Word([userPrincipalName], 1, "@")', "matching": 1},
        "sn": "[surname]",
        "givenName": "[givenName]",
        "mail": "[mail]",
        "employeeType": 'Switch([IsSoftDeleted], , "False", "active", "True", "left")',
        "objectClass": {"constant": "inetOrgPerson"},
    },
    _entry,
    "-dn-",
)
"""A connector for a directory; its attributes have one value each, so that a table can hold them, too."""


def existing(page: Page) -> list[dict[str, object]]:
    """Who is in the application before the first cycle: two of the company's people, one of them under an old name."""
    first = people()
    ann, ben = first[ANN], first[BEN]
    return [
        page.row(login(BEN), str(ben["givenName"]), "Before-Marriage"),
        page.row("contractor", "Con", "Tractor"),
        page.row(login(ANN), str(ann["givenName"]), str(ann["surname"])),
    ]


def scenario(page: Page, system: Mapping[str, Any]) -> dict[str, Any]:
    """What is loaded: the healthy host with this connector alone."""
    other = {"SQL": "LDAP", "LDAP": "SQL"}[page.name]
    inner = {**page.connector.get("system", {}), "objects": existing(page), **system}
    entra: dict[str, Any] = {
        "connector": page.name,
        "users": people(),
        "settings": {"hard_delete_after": "1d", "start": "2026-01-01T00:00:00Z"},
    }
    if page.mappings is not None:
        entra["mappings"] = page.mappings
    return {
        "host": {"tls": "plain_http"},
        "connectors": {other: None, page.name: {**page.connector, "system": inner}},
        "entra": entra,
    }


# -- chapters -----------------------------------------------------------------------------------------------


class Teller:
    """Does the steps of a chapter. `another` gives the next host, after the one before has ended."""

    def __init__(self, another: Callable[[], MockHost], page: Page) -> None:
        self.another = another
        self.host, self.page = another(), page
        self.said: list[dict[str, Any]] = []

    def portal(self, step: str | dict[str, Any]) -> None:
        self.said.append(self.host.portal(step))

    def people(self, **by_name: Any) -> None:
        """Change the directory: attributes by user principal name; None takes a user away."""
        self.host.portal({"change": {"users": by_name}})

    def cycle(self, **changed: Any) -> None:
        """A cycle, after the directory was changed."""
        if changed:
            self.people(**changed)
        self.portal("cycle")

    def change(self, **changes: Any) -> None:
        """Change the application behind the host's back."""
        self.host.change({self.page.name: changes})

    def import_and_retry(self) -> None:
        """A full import, and the cycle after the first retry is due."""
        self.host.import_now(self.page.name)
        self.host.clock.advance(hours=7)
        self.cycle()


def initial_cycle(tell: Teller) -> None:
    tell.portal("test_connection")
    tell.cycle()


def nothing_changed(tell: Teller) -> None:
    tell.cycle()


def attributes(tell: Teller) -> None:
    """Texts that are special to SQL, to LDAP filters and to DNs; one that is cleared, one of other letters."""
    tell.cycle(
        **{
            ANN: {"surname": "O'Connor; DROP TABLE Employees --", "givenName": "Ann"},
            BEN: {"surname": "Müller*)(sn=*", "mail": None},
            CAY: {"surname": " two  blanks ", "givenName": "C\\ay"},
            DAN: {"givenName": "美咲 😀", "surname": "x" * 200},
        }
    )


def disabled(tell: Teller) -> None:
    tell.cycle(**{EVE: {"accountEnabled": False}, FAY: {"accountEnabled": False}})
    tell.cycle(**{FAY: {"accountEnabled": True}})


def out_of_scope(tell: Teller) -> None:
    tell.cycle(**{HAL: {"assigned": False}})


def soft_deleted_and_restored(tell: Teller) -> None:
    tell.cycle(**{CAY: {"deleted": True}, DAN: {"deleted": True}})
    tell.cycle(**{DAN: {"deleted": False}})


def deleted(tell: Teller) -> None:
    tell.host.clock.advance(days=1)
    tell.cycle()


def no_surname(tell: Teller) -> None:
    """A joiner without what the application requires, and what she gets when it is there."""
    tell.cycle(**{f"ina{DOMAIN}": {"givenName": "Ina", "mail": f"ina{DOMAIN}"}})
    tell.cycle(**{f"ina{DOMAIN}": {"surname": "Later"}})


def hired_behind_the_host(tell: Teller) -> None:
    """The application has her, the cache not until its import; the retry matches her."""
    tell.change(insert=[tell.page.row("joy", "Joy", "Early")])
    tell.cycle(**{f"joy{DOMAIN}": {"givenName": "Joy", "surname": "Early", "mail": f"joy{DOMAIN}"}})
    tell.import_and_retry()


def there_in_other_case(tell: Teller) -> None:
    """The same with a login in capital letters; then both sides forget her."""
    there = tell.page.row("KIM", "Kim", "Capital")
    tell.change(insert=[there])
    tell.cycle(**{f"kim{DOMAIN}": {"givenName": "Kim", "surname": "Capital", "mail": f"kim{DOMAIN}"}})
    tell.import_and_retry()
    tell.cycle(**{f"kim{DOMAIN}": None})
    tell.change(delete=[tell.page.key(there)])
    tell.host.import_now(tell.page.name)


def gone_behind_the_host(tell: Teller) -> None:
    """An administrator deletes an object of the application, and its user is changed."""
    tell.change(delete=[tell.page.key(tell.page.row(login(IVO), "", ""))])
    tell.cycle(**{IVO: {"surname": "Gone"}})


def service_restarted(tell: Teller) -> None:
    tell.host.service("restart")
    tell.portal({"cycle": "initial"})


def renamed(tell: Teller) -> None:
    """Another user principal name, of which the login is made, and the old one again."""
    new = f"gus.renamed{DOMAIN}"
    tell.people(**{GUS: None})
    tell.cycle(**{new: people()[GUS]})
    tell.people(**{new: None})
    tell.cycle(**{GUS: people()[GUS]})


def too_long(tell: Teller) -> None:
    """A login as long as a segment of a URL may be (http.sys: 260), the rest of a DN included, joins and leaves."""
    long = f"{'n' * (258 if tell.page is TABLE else 200)}{DOMAIN}"
    tell.cycle(**{long: {"objectId": "long", "surname": "Long", "givenName": "Very"}})
    tell.cycle(**{long: None})


def all_listed(tell: Teller) -> None:
    """Without a filter, in the order of the cache after an import."""
    tell.host.import_now(tell.page.name)
    users = tell.host.session(tell.page.name).get(f"{tell.host.url(tell.page.name)}/Users", timeout=60)
    assert users.json()["totalResults"] > COUNT


def another_host(tell: Teller) -> None:
    """The host ends, and another one finds what is there: everyone is matched again, and someone new is created."""
    tell.host = tell.another()
    tell.cycle(**{f"lea{DOMAIN}": {"givenName": "Lea", "surname": "Last", "mail": f"lea{DOMAIN}"}})


CHAPTERS: tuple[Callable[[Teller], None], ...] = (
    initial_cycle,
    nothing_changed,
    attributes,
    disabled,
    out_of_scope,
    soft_deleted_and_restored,
    deleted,
    no_surname,
    hired_behind_the_host,
    there_in_other_case,
    gone_behind_the_host,
    service_restarted,
    renamed,
    too_long,
    all_listed,
    another_host,
)
