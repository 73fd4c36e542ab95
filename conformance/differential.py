"""The same random operations on mockhost and on scim2-server: every answer and, at the end, every resource compared.

Operations are drawn with a seed from a grammar of users, groups, PATCHes and queries, right and wrong ones. Where the
two disagree the operation is a difference, and its resource is deleted on both sides, so that one disagreement is not
found a second time in everything that follows from it. What is left at the end has to be equal, and scim2-models has to
take it for users and groups.

Of answers to a PATCH only the resource is compared: RFC 7644 3.5.2 leaves 200 and 204 to the provider.

Before a resource is deleted it is removed from the groups of scim2-server: RFC 7644 3.6 asks no more than that it is
not found any more, so it is the provider's choice whether a group still names it (mockhost removes it).
"""

from __future__ import annotations

import contextlib
import http.client
import importlib
import json
import random
import socket
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from conformance.checks import FAILED, PASSED, Check, one_line
from conformance.target import SAFE, Target

OPERATIONS, SEED = 10_000, 7644
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
WORDS = ("anna", "Bob", "cæsar", "d'Arc", "E 5", "f.g", "zoë")
TITLES = ("Tester", "tester", "Manager", "Chief")


class Side:
    """One of the two servers, over a connection that is kept as long as the server keeps it."""

    def __init__(self, target: Target) -> None:
        self.target, self.parts = target, urlsplit(target.url)
        self.connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _connect(self) -> http.client.HTTPConnection:
        if self.parts.scheme == "https":
            context = ssl.create_default_context(cafile=self.target.ca_file)
            return http.client.HTTPSConnection(
                self.parts.hostname or "", self.parts.port, timeout=30, context=context
            )
        return http.client.HTTPConnection(self.parts.hostname or "", self.parts.port, timeout=30)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.target.token}", "Content-Type": "application/scim+json"}
        self.connection = self.connection or self._connect()
        target = self.parts.path + quote(path, safe=SAFE)
        self.connection.request(
            method, target, json.dumps(body).encode() if body is not None else None, headers
        )
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.will_close:
            self.close()
        return answer.status, json.loads(text) if text else None


class Pair(NamedTuple):
    """A resource on both sides: its own id on each, and a name by which the two are compared."""

    name: str
    endpoint: str
    ids: tuple[str, str]


class Operation(NamedTuple):
    """`kind` groups what is counted together; `body` and `path` are made for a side, since ids differ."""

    kind: str
    method: str
    path: Callable[[int], str]
    body: Callable[[int], Any] = lambda side: None
    pair: Pair | None = None
    creates: str = ""


class Run:
    """The state of a run: both sides, the resources that are there, and what differed."""

    def __init__(self, ours: Target, theirs: Target, seed: int) -> None:
        self.sides = (Side(ours), Side(theirs))
        self.chance = random.Random(seed)
        self.pairs: list[Pair] = []
        self.made = 0
        self.asked: Counter[str] = Counter()
        self.differed: dict[str, list[str]] = {}

    # -- drawing -----------------------------------------------------------------------------------------------------

    def pick(self, endpoint: str) -> Pair | None:
        found = [pair for pair in self.pairs if pair.endpoint == endpoint]
        return self.chance.choice(found) if found else None

    def person(self) -> dict[str, Any]:
        chance = self.chance
        user: dict[str, Any] = {"schemas": [USER], "userName": self.login()}
        optional: dict[str, Any] = {
            "displayName": chance.choice(WORDS),
            "title": chance.choice(TITLES),
            "active": chance.random() < 0.5,
            "externalId": str(chance.randrange(9)),
            "name": {"givenName": chance.choice(WORDS), "familyName": chance.choice(WORDS)},
            "emails": self.emails(),
            "nickName": chance.choice(WORDS),
        }
        user |= {key: value for key, value in optional.items() if chance.random() < 0.5}
        if chance.random() < 0.3:
            user["schemas"].append(ENTERPRISE)
            user[ENTERPRISE] = {
                "department": chance.choice(TITLES),
                "employeeNumber": str(chance.randrange(99)),
            }
        if chance.random() < 0.05:
            wrong = chance.choice(("maybe", 3, [1], {"a": 1}))
            user[chance.choice(("active", "displayName", "emails", "name"))] = wrong
        return user

    def login(self) -> str:
        """A name from a small set, so that some are taken, also in other letters."""
        word = self.chance.choice(WORDS)
        spelling = word.swapcase() if word.isascii() and self.chance.random() < 0.2 else word
        return f"{spelling}{self.chance.randrange(60)}"

    def emails(self) -> list[dict[str, Any]]:
        kinds = self.chance.sample(("work", "home", "other"), self.chance.randint(1, 3))
        found: list[dict[str, Any]] = [
            {"value": f"{self.chance.choice('abc')}@{kind}.example", "type": kind} for kind in kinds
        ]
        if self.chance.random() < 0.5:
            found[0]["primary"] = True
        return found

    def draw(self) -> Operation:
        user, group = self.pick("/Users"), self.pick("/Groups")
        makers: list[tuple[int, Callable[[], Operation]]] = [(10, self.create_user), (3, self.create_group)]
        makers += [(8, self.query), (2, self.wrong)]
        if user:
            makers += [(4, lambda: self.plain("get user", "GET", user)), (5, lambda: self.replace(user))]
            makers += [
                (20, lambda: self.patch_user(user)),
                (5, lambda: self.plain("delete user", "DELETE", user)),
            ]
        if group:
            makers += [
                (8, lambda: self.patch_group(group)),
                (2, lambda: self.replace_group(group)),
                (2, lambda: self.plain("get group", "GET", group)),
            ]
            makers += [(1, lambda: self.plain("delete group", "DELETE", group))]
        weights = [weight for weight, _ in makers]
        return self.chance.choices([maker for _, maker in makers], weights)[0]()

    def plain(self, kind: str, method: str, pair: Pair) -> Operation:
        return Operation(kind, method, lambda side: f"{pair.endpoint}/{pair.ids[side]}", pair=pair)

    def create_user(self) -> Operation:
        body = self.person()
        return Operation("create user", "POST", lambda side: "/Users", lambda side: body, creates="/Users")

    def create_group(self) -> Operation:
        return Operation("create group", "POST", lambda side: "/Groups", self.group(), creates="/Groups")

    def replace_group(self, pair: Pair) -> Operation:
        return self.plain("replace group", "PUT", pair)._replace(body=self.group())

    def group(self) -> Callable[[int], Any]:
        """The body of a group with some members, made for a side."""
        name = f"group {self.made}"
        picked = (self.pick("/Users"), self.pick("/Users"), self.pick("/Groups"))
        members = {pair.name: pair for pair in picked if pair and self.chance.random() < 0.6}.values()

        def body(side: int) -> Any:
            stated = [{"value": member.ids[side]} for member in members]
            return {"schemas": [GROUP], "displayName": name} | ({"members": stated} if stated else {})

        return body

    def replace(self, pair: Pair) -> Operation:
        body = self.person()
        return self.plain("replace user", "PUT", pair)._replace(body=lambda side: body)

    def patch_user(self, pair: Pair) -> Operation:
        chosen = [self.user_change() for _ in range(self.chance.choice((1, 1, 1, 2, 3)))]
        kind = "patch user: " + (chosen[0][0] if len(chosen) == 1 else "several operations")
        body = {"schemas": [PATCH], "Operations": [operation for _, operation in chosen]}
        return self.plain(kind, "PATCH", pair)._replace(body=lambda side: body)

    def user_change(self) -> tuple[str, dict[str, Any]]:
        chance, word = self.chance, self.chance.choice(WORDS)
        single = chance.choice(
            ("displayName", "title", "nickName", "name.givenName", f"{ENTERPRISE}:department")
        )
        kind = chance.choice(("work", "home", "other"))
        value = f"{chance.choice('xyz')}@{kind}.example"
        changes: tuple[tuple[str, dict[str, Any]], ...] = (
            ("add a text", {"op": "add", "path": single, "value": word}),
            ("replace a text", {"op": "replace", "path": single, "value": word}),
            ("remove a text", {"op": "remove", "path": single}),
            ("rename", {"op": "replace", "path": "userName", "value": self.login()}),
            ("replace active", {"op": "replace", "path": "active", "value": chance.random() < 0.5}),
            ("add without a path", {"op": "add", "value": {"title": word, "name": {"familyName": word}}}),
            (
                "replace without a path",
                {"op": "replace", "value": {"displayName": word, "emails": self.emails()}},
            ),
            ("replace a part without a path", {"op": "replace", "value": {"name": {"givenName": word}}}),
            ("add values", {"op": "add", "path": "emails", "value": [{"value": value, "type": kind}]}),
            ("replace all values", {"op": "replace", "path": "emails", "value": self.emails()}),
            ("remove all values", {"op": "remove", "path": "emails"}),
            ("remove a value by filter", {"op": "remove", "path": f'emails[type eq "{kind}"]'}),
            (
                "replace a sub-attribute by filter",
                {"op": "replace", "path": f'emails[type eq "{kind}"].value', "value": value},
            ),
            ("remove a complex value", {"op": "remove", "path": "name"}),
            ("replace a complex value", {"op": "replace", "path": "name", "value": {"familyName": word}}),
            ("remove what is required", {"op": "remove", "path": "userName"}),
            ("replace what is read-only", {"op": "replace", "path": "id", "value": word}),
            ("an unknown path", {"op": "replace", "path": "nonsense", "value": word}),
            ("a wrong type", {"op": "replace", "path": "active", "value": [word]}),
            ("remove without a path", {"op": "remove"}),
            ("no such operation", {"op": "move", "path": "title", "value": word}),
        )
        return chance.choice(changes)

    def patch_group(self, pair: Pair) -> Operation:
        member = self.pick("/Users")
        choices = ["rename", "remove all"] + (
            ["add", "add", "add twice", "remove one", "replace"] if member else []
        )
        way = self.chance.choice(choices)
        name = f"renamed {self.chance.randrange(10_000)}"

        def body(side: int) -> Any:
            value = [{"value": member.ids[side]}] if member else []
            operation = {
                "rename": {"op": "replace", "path": "displayName", "value": name},
                "remove all": {"op": "remove", "path": "members"},
                "add": {"op": "add", "path": "members", "value": value},
                "add twice": {"op": "add", "path": "members", "value": value * 2},
                "replace": {"op": "replace", "path": "members", "value": value},
                "remove one": {
                    "op": "remove",
                    "path": f'members[value eq "{member.ids[side]}"]' if member else "",
                },
            }[way]
            return {"schemas": [PATCH], "Operations": [operation]}

        return self.plain(f"patch group: {way}", "PATCH", pair)._replace(body=body)

    def query(self) -> Operation:
        word, user = self.chance.choice(WORDS), self.pick("/Users")
        users = (
            f'userName eq "{self.login()}"',
            f'userName sw "{word}" and active eq true',
            f'displayName co "{word[:2]}" or title eq "Tester"',
            f'not (title eq "{self.chance.choice(TITLES)}")',
            'emails[type eq "work" and value sw "a"]',
            'emails.value ew "home.example"',
            'emails.type eq "other"',
            f'{ENTERPRISE}:department eq "Manager"',
            "title pr and not (emails pr)",
            f'name.familyName ge "{word}"',
            "active ne true",
            'meta.lastModified gt "2001-01-01T00:00:00Z"',
            'meta.resourceType eq "User" and userName ew "0"',
            f'nickName ne "{word}"',
            f'externalId eq "{self.chance.randrange(9)}"',
            'unknown eq "x"',
            "userName eq",
        )
        groups = ('displayName co "GROUP 1"', "members pr", 'members.value eq "{}"')
        number = self.chance.randrange(len(users) + len(groups))
        if number < len(users):
            return Operation(
                f"query {number + 1}", "GET", lambda side: f"/Users?count=1000&filter={users[number]}"
            )

        def path(side: int) -> str:
            wanted = groups[number - len(users)].format(user.ids[side] if user else "nobody")
            return f"/Groups?count=1000&filter={wanted}"

        return Operation(f"query {number + 1}", "GET", path)

    def wrong(self) -> Operation:
        way = self.chance.choice(
            ("no userName", "no schemas", "an unknown attribute", "a wrong type", "no such id")
        )
        body = {
            "no userName": {"schemas": [USER], "title": "x"},
            "no schemas": {"userName": "x"},
            "an unknown attribute": {"schemas": [USER], "userName": f"u{self.made}", "nonsense": 1},
            "a wrong type": {"schemas": [USER], "userName": f"w{self.made}", "name": "x"},
            "no such id": None,
        }[way]
        if body is None:
            return Operation("get: no such id", "GET", lambda side: "/Users/nobody")
        return Operation(f"create: {way}", "POST", lambda side: "/Users", lambda side: body, creates="/Users")

    # -- comparing ---------------------------------------------------------------------------------------------------

    def play(self, operation: Operation) -> None:
        """Send it to both; note a difference of status or of what the resource is afterwards."""
        self.asked[operation.kind] += 1
        if operation.method == "DELETE" and operation.pair:
            self.leave_groups(operation.pair)
        answers = [
            side.ask(operation.method, operation.path(number), operation.body(number))
            for number, side in enumerate(self.sides)
        ]
        pair, good = operation.pair, [200 <= status < 300 for status, _ in answers]
        if operation.creates and any(good):
            ids = tuple(body["id"] if fine else "" for fine, (_, body) in zip(good, answers, strict=True))
            self.made += 1
            pair = Pair(f"resource {self.made}", operation.creates, (ids[0], ids[1]))
            self.pairs.append(pair)
        same = good[0] == good[1] and (all(good) or answers[0][0] == answers[1][0])
        if same and operation.method == "GET" and all(good):
            same = self.plainly(0, answers[0][1]) == self.plainly(1, answers[1][1])
        elif same and operation.method == "DELETE" and pair:
            self.pairs.remove(pair)
        elif same and pair:
            answers = [
                side.ask("GET", f"{pair.endpoint}/{pair.ids[number]}")
                for number, side in enumerate(self.sides)
            ]
            same = self.plainly(0, answers[0][1]) == self.plainly(1, answers[1][1])
        if not same:
            self.differ(operation, answers, pair)

    def differ(self, operation: Operation, answers: list[tuple[int, Any]], pair: Pair | None) -> None:
        told = [
            f"{status} {json.dumps(self.plainly(number, body))}"
            for number, (status, body) in enumerate(answers)
        ]
        asked = json.dumps(operation.body(0))
        words = f"{operation.method} {operation.path(0)} {asked}: mockhost {told[0]}, scim2-server {told[1]}"
        self.differed.setdefault(operation.kind, []).append(one_line(words, 1500))
        if pair is not None and pair in self.pairs:
            self.pairs.remove(pair)
            self.leave_groups(pair)
            for number, side in enumerate(self.sides):
                if pair.ids[number]:
                    side.ask("DELETE", f"{pair.endpoint}/{pair.ids[number]}")

    def leave_groups(self, pair: Pair) -> None:
        """Take a resource out of the groups of scim2-server."""
        operation = {"op": "remove", "path": f'members[value eq "{pair.ids[1]}"]'}
        body = {"schemas": [PATCH], "Operations": [operation]}
        for each in self.pairs:
            if each.endpoint == "/Groups" and pair.ids[1]:
                self.sides[1].ask("PATCH", f"/Groups/{each.ids[1]}", body)

    def plainly(self, side: int, document: Any) -> Any:
        """Without what may differ: ids by the pair's name, no meta, no URLs, nothing empty, values in any order."""
        names = {pair.ids[side]: pair.name for pair in self.pairs}

        def plain(value: Any) -> Any:
            if isinstance(value, dict):
                kept = {key: plain(each) for key, each in value.items() if key not in LEFT_OUT}
                return {key: each for key, each in sorted(kept.items()) if each not in (None, [], {})}
            if isinstance(value, list):
                return sorted(
                    (plain(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True)
                )
            return names.get(value, value) if isinstance(value, str) else value

        return plain(document)

    def ends(self) -> list[str]:
        """What is not equal at the end, resource by resource, and resources that only one side has."""
        wrong = []
        for pair in self.pairs:
            found = [
                side.ask("GET", f"{pair.endpoint}/{pair.ids[n]}")[1] for n, side in enumerate(self.sides)
            ]
            plain = [self.plainly(number, document) for number, document in enumerate(found)]
            if plain[0] != plain[1]:
                wrong.append(one_line(f"mockhost {plain[0]}, scim2-server {plain[1]}", 600))
            if problem := refused_by_models(found[0]):
                wrong.append(one_line(f"scim2-models refuses {plain[0]}: {problem}", 600))
        for endpoint in ("/Users", "/Groups"):
            counts = [side.ask("GET", f"{endpoint}?count=0")[1]["totalResults"] for side in self.sides]
            if counts[0] != counts[1]:
                wrong.append(f"{endpoint}: {counts[0]} here, {counts[1]} at scim2-server")
        return wrong


def refused_by_models(resource: Any) -> str:
    """What scim2-models has against a resource of ours; empty if it takes it."""
    models = importlib.import_module("scim2_models")
    type_ = models.Group if GROUP in resource["schemas"] else models.User[models.EnterpriseUser]
    try:
        type_.model_validate(resource, scim_ctx=models.Context.RESOURCE_QUERY_RESPONSE)
    except ValueError as error:
        return str(error)
    return ""


LEFT_OUT = frozenset({"meta", "$ref", "groups", "display", "type", "schemas", "detail", "scimType"})
"""What a provider may add or leave out by itself (RFC 7643 3.1, 4.1.2, 4.2), and the words of errors."""


@contextlib.contextmanager
def scim2_server() -> Iterator[Target]:
    """scim2-server in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    command = [
        str(Path(sys.executable).parent / "scim2-server"),
        "--port",
        str(port),
        "--bearer-token",
        "secret",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={"PYTHONUNBUFFERED": "1"}
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()  # it says where it serves once it does
            yield Target(f"http://127.0.0.1:{port}", "secret", None)
        finally:
            process.terminate()


def run(target: Target, work: Path, operations: int = OPERATIONS) -> list[Check]:
    """One check for each kind of operation, and one for the end."""
    with scim2_server() as theirs:
        play = Run(target, theirs, SEED)
        for _ in range(operations):
            play.play(play.draw())
        wrong = play.ends()
        for side in play.sides:
            side.close()
    checks = []
    for kind, count in sorted(play.asked.items()):
        differences = play.differed.get(kind, [])
        reason = f"{len(differences)} of {count} differ; the first: {differences[0]}" if differences else ""
        checks.append(Check(f"{kind} ({count} times)", FAILED if differences else PASSED, reason))
    end = f"end states of {len(play.pairs)} resources after {operations:,} operations are equal"
    return [*checks, Check(end, FAILED if wrong else PASSED, "; ".join(wrong[:3]))]
