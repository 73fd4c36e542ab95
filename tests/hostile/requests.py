"""Generators: a number and a connector's name make one hostile request, the same in every run.

A `Case` of the families in `WHOLE` is framed as HTTP wants it, so it gets exactly one answer. Those in `BROKEN` are
not: they may get answers, or a refusal, or just an end.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
CORPUS: Mapping[str, Any] = json.loads((Path(__file__).parent / "corpus.json").read_text("utf-8"))
WIRE: Mapping[str, list[str]] = CORPUS["wire"]
_TABLE = Path(__file__).parents[1] / "server" / "heads.json"
HEADS = [row["head"].encode("latin-1") for row in json.loads(_TABLE.read_text("utf-8"))]
"""The heads whose exact outcome the tests of the server know."""


class Target(NamedTuple):
    """What a connector's attackers know of it."""

    connector: str
    token: str
    ids: tuple[str, ...]
    attributes: tuple[str, ...]
    urn: str = URN
    """the schema of the attributes"""


class Case(NamedTuple):
    """One hostile request; `method` says how its answer is framed."""

    family: str
    number: int
    method: str
    data: bytes

    def __str__(self) -> str:
        return f"{self.family} {self.number}: {self.data[:600]!r}"


Maker = Callable[[random.Random, Target], tuple[str, bytes]]


def request(
    target: Target,
    method: str,
    path: str,
    *fields: str,
    body: bytes | None = None,
    host: str = "localhost",
    token: str | None = None,
    kind: str | None = "application/scim+json; charset=utf-8",
) -> tuple[str, bytes]:
    """A request as (method, bytes); texts are Latin-1 of the bytes on the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines.append(f"Authorization: Bearer {target.token}" if token is None else f"Authorization: {token}")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
        if kind is not None:
            lines.append(f"Content-Type: {kind}")
    elif method in ("POST", "PUT", "PATCH"):
        lines.append("Content-Length: 0")
    return method, "\r\n".join([*lines, *fields, "", ""]).encode("latin-1") + (body or b"")


def base(target: Target) -> str:
    return f"/ecma2host_{target.connector}/scim"


def an_id(chance: random.Random, target: Target, method: str = "GET") -> str:
    """An id as it stands in a path: of an object that exists, or a trick.

    Few deletions mean one of the first objects: there must be something left to attack.
    """
    if chance.random() < (0.02 if method == "DELETE" else 0.6):
        return quote(chance.choice(target.ids), safe="")
    return chance.choice(WIRE["ids"])


def a_write(chance: random.Random, target: Target) -> tuple[str, str]:
    """Method and path of a request that wants a body."""
    method = chance.choice(("POST", "PUT", "PATCH", "PATCH"))
    return method, f"{base(target)}/Users" + ("" if method == "POST" else "/" + an_id(chance, target))


def filled(text: str) -> str:
    return text.replace("{urn}", URN).replace("{URN}", URN.upper()).replace("{uRN}", URN.swapcase())


def on_wire(text: str) -> str:
    """Any text as the Latin-1 of its UTF-8."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


# -- bodies --------------------------------------------------------------------------------------------------------


def a_value(chance: random.Random) -> Any:
    """A JSON value that is probably of the wrong type."""
    if chance.random() < 0.2:
        return f"v{chance.randrange(9)}"
    if chance.random() < 0.9:
        return chance.choice(CORPUS["values"])
    size = chance.choice((100, 1_000))
    huge: list[Any] = [
        "x" * size,
        ["x"] * size,
        [str(n) for n in range(size)],
        {str(n): n for n in range(size)},
        "\\" * size,
    ]
    return chance.choice(huge)


def attributes(chance: random.Random, target: Target) -> dict[str, Any]:
    """Attributes of which some are the connector's own, and some even right: nothing is harmed by refusals alone."""
    names = [*target.attributes, *CORPUS["attributes"]]
    found = {name: a_value(chance) for name in chance.sample(names, chance.choice((0, 0, 1, 2, 5)))}
    if chance.random() < 0.6:
        number = chance.randrange(1_000)
        taken: tuple[Any, ...] = (
            chance.choice(target.ids),
            f"made{number}",
            number,
            "\u0000",
            "a/b?c#d",
            " ",
        )
        found[target.attributes[0]] = chance.choice((*taken, *taken[1:3] * 3))
        found.update({name: f"v{number % 9}" for name in target.attributes[1:3] if chance.random() < 0.95})
        if target.urn == URN:
            found["-dn-"] = f"CN=made{number},CN=App"
    return found


def a_resource(chance: random.Random, target: Target) -> dict[str, Any]:
    """A resource with the URN in every spelling, and members that it should not have."""
    if target.urn != URN and chance.random() < 0.7:
        return {"schemas": [target.urn], **attributes(chance, target)}
    key = filled(
        chance.choice(
            ("{urn}", "{urn}", "{urn}", "{URN}", "{uRN}", "{urn}:", chance.choice(CORPUS["members"]))
        )
    )
    body: dict[str, Any] = {key: attributes(chance, target)}
    if chance.random() < 0.3:
        body.update({f"{key}:{name}": value for name, value in attributes(chance, target).items()})
    for _ in range(chance.randrange(3)):
        body[filled(chance.choice(CORPUS["members"]))] = a_value(chance)
    return body


def a_path(chance: random.Random, target: Target) -> Any:
    """The path of a PATCH operation."""
    name = chance.choice(target.attributes if chance.random() < 0.6 else CORPUS["attributes"])
    kind = chance.randrange(12)
    if kind < 8:
        return filled(chance.choice(("{urn}:", "{URN}:", "", "{urn}.")) + name)
    if kind == 8:
        return chance.choice(
            (
                f'{name}[value eq "x"]',
                f'{name}[type eq "work"].value',
                f"{name}.value",
                f"{name}[",
                f"{name}]",
                "[x pr]",
            )
        )
    if kind == 9:
        return filled("".join(chance.choices(CORPUS["tokens"], k=chance.randrange(1, 6))))
    if kind == 10:
        return chance.choice(
            ("active", "Active", "id", "schemas", "meta", "meta.location", URN, URN.lower(), "", None)
        )
    return a_value(chance)


def an_operation(chance: random.Random, target: Target) -> Any:
    if chance.random() < 0.05:
        return a_value(chance)
    op = (
        chance.choice(("Add", "Replace", "Remove"))
        if chance.random() < 0.9
        else chance.choice(CORPUS["operations"])
    )
    found: dict[str, Any] = {"op": op}
    if chance.random() < 0.8:
        found["path"] = a_path(chance, target)
    if chance.random() < 0.85:
        made = (a_value(chance), attributes(chance, target), a_resource(chance, target))
        found["value"] = chance.choice(made[:1] if "path" in found and chance.random() < 0.8 else made)
    return found


def a_patch(chance: random.Random, target: Target) -> Any:
    count = chance.choice((0, 1, 1, 1, 2, 3, 40)) if chance.random() < 0.95 else 300
    body: dict[str, Any] = {
        chance.choice(("Operations", "Operations", "operations", "OPERATIONS")): [
            an_operation(chance, target) for _ in range(count)
        ]
    }
    if chance.random() < 0.8:
        body["schemas"] = [PATCH_OP] if chance.random() < 0.9 else a_value(chance)
    return body if chance.random() < 0.95 else {**body, "Operations": a_value(chance)}


def wrong_types(chance: random.Random, target: Target) -> tuple[str, bytes]:
    """A body that is JSON, of a shape that is not what was meant."""
    method, path = a_write(chance, target)
    body = a_patch(chance, target) if method == "PATCH" else a_resource(chance, target)
    if chance.random() < 0.05:
        body = a_value(chance)
    return request(target, method, path, body=json.dumps(body, ensure_ascii=chance.random() < 0.5).encode())


def nearly_right(chance: random.Random, target: Target) -> tuple[str, bytes]:
    """A body as a client should send it, but for one value or one spelling."""
    number = chance.randrange(1_000)
    whole: dict[str, Any] = {name: f"v{number % 9}" for name in target.attributes[1:3]}
    odd, value = chance.choice(target.attributes[1:]), a_value(chance)
    method = chance.choice(("POST", "PUT", "PATCH"))
    path = f"{base(target)}/Users/{quote(chance.choice(target.ids), safe='')}"
    if method == "PATCH":
        op, spelling = (
            chance.choice(("Add", "Replace", "Remove")),
            chance.choice((f"{target.urn}:", f"{target.urn.upper()}:", "")),
        )
        one = chance.choice(
            (
                {"op": op, "path": spelling + odd, "value": value},
                {"op": op, "value": {spelling + odd: value}},
                {"op": op, "value": {URN: {odd.upper(): value}}},
                {"op": op, "path": "active", "value": chance.choice(("False", "True", True, value))},
            )
        )
        right = {"op": "Replace", "path": f"{target.urn}:{target.attributes[1]}", "value": f"w{number}"}
        return request(
            target,
            method,
            path,
            body=json.dumps({"schemas": [PATCH_OP], "Operations": [right, one]}).encode(),
        )
    if method == "POST":
        path = f"{base(target)}/Users"
        whole[target.attributes[0]] = number if target.connector == "ODD" else f"made {number}"
        if target.urn == URN:
            whole["-dn-"] = f"CN=made{number},CN=App"
        if chance.random() < 0.5:
            odd = target.attributes[0]
    whole = {**whole, odd: value} if chance.random() < 0.8 else whole
    body = {"schemas": [target.urn], **({URN: whole} if target.urn == URN else whole)}
    return request(target, method, path, body=json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))


def broken_json(chance: random.Random, target: Target) -> tuple[str, bytes]:
    """A body that is not quite JSON, or JSON in an odd encoding, or nested beyond measure."""
    method, path = a_write(chance, target)
    good = json.dumps(
        a_resource(chance, target) if method != "PATCH" else a_patch(chance, target), ensure_ascii=False
    )
    at = chance.randrange(len(good) + 1)
    octets = chance.choice(CORPUS["octets"]).encode("latin-1")
    whole = good.encode()
    cut = chance.randrange(len(whole) + 1)
    depth = chance.choice((10, 500, 1_020, 1_030, 20_000))
    bodies: list[bytes] = [
        whole[:cut],
        whole[:cut] + octets + whole[cut:],
        whole[:cut] + whole[cut + 1 :],
        chance.choice(CORPUS["json_texts"]).encode("utf-8", "surrogatepass"),
        good[:at].encode() + b'"\\ud800"' + good[at:].encode(),
        good.encode(chance.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-7"))),
        b"[" * depth + b"]" * chance.choice((0, depth)),
        b'{"' + URN.encode() + b'":' * 1 + b'{"a":' * depth + b"1" + b"}" * depth + b"}",
        b'{"Operations":[{"op":"add","value":' + b"[" * depth + b"]" * depth + b"}]}",
        b'{"a":%s}'
        % chance.choice(
            (b"1" * 5_000, b"-" + b"9" * 400, b"1e999", b"1e" + b"9" * 400, b"0." + b"1" * 5_000)
        ),
        b"{" + b'"a":1,' * chance.choice((10, 5_000)) + b'"a":2}',
        b'{"schemas":"' + b"\\u0041" * 2_000 + b'"}',
    ]
    return request(target, method, path, body=chance.choice(bodies))


def media_types(chance: random.Random, target: Target) -> tuple[str, bytes]:
    """Content types, charsets and Accept headers that say something else than the body is."""
    method, path = a_write(chance, target)
    accept = chance.choice(WIRE["accepts"])
    if chance.random() < 0.1:
        accept = ",".join(f"x/y{n};q=0.{n % 10}" for n in range(1_000))[:12_000]
    body = json.dumps(a_resource(chance, target)).encode()
    kind = chance.choice(WIRE["media_types"]) if chance.random() < 0.8 else None
    return request(target, method, path, f"Accept: {accept}", body=body, kind=kind)


# -- targets -------------------------------------------------------------------------------------------------------


def encoded(chance: random.Random, text: str) -> str:
    """A text as somebody may write it into a query."""
    data = text.encode("utf-8", "replace")
    return chance.choice(
        (
            quote(data),
            quote(data, safe=""),
            quote_plus(data),
            quote(quote(data)),
            on_wire(text).translate(
                {0: "%00", 9: "+", 10: "+", 13: "+", 32: "+", 35: "%23", 38: "%26", 127: "%7f"}
            ),
            quote(data).lower(),
        )
    )


def filters(chance: random.Random, target: Target) -> tuple[str, bytes]:
    """Token salads: almost filters, mostly not, some of them deep or long."""
    names = [*target.attributes, "id", "active", "nope"]
    kind = chance.randrange(10)
    if kind < 6:
        text = chance.choice(("", " ")).join(chance.choices(CORPUS["tokens"], k=chance.randrange(1, 9)))
    elif kind < 8:
        ops = ("eq", "ne", "co", "sw", "gt", "le", "Eq")
        values = (
            '"x"',
            '"ljacobson"',
            "1",
            "true",
            "null",
            '"True"',
            '"8646d011-1693-4cd3-9ee6-0d7482ca2219"',
            "-1e3",
        )
        terms = [
            f"{chance.choice(names)} {chance.choice(ops)} {chance.choice(values)}"
            for _ in range(chance.randrange(1, 5))
        ]
        text = chance.choice((" and ", " or ", ") and (", " and not (")).join(terms)
    else:
        deep = chance.choice((10, 49, 51, 400))
        name = chance.choice(names)
        text = chance.choice(
            (
                "(" * deep + f'{name} eq "x"' + ")" * deep,
                "not (" * deep + f"{name} pr" + ")" * chance.choice((deep, deep - 1)),
                f"{name}[" * deep,
                " or ".join(f'{name} eq "{n}"' for n in range(deep)),
                f'{name} eq "' + '\\"' * deep + '"',
                f'{name} eq "' + '" ' * deep,
                f"{name} eq " + "9" * deep,
            )
        )
    method, rest = chance.choice(
        (("GET", "/Users"), ("GET", "/users/"), ("GET", "/Groups"), ("HEAD", "/Users"))
    )
    key = chance.choice(("filter", "filter", "Filter", "fil%74er", "filter&filter"))
    return request(target, method, f"{base(target)}{rest}?{key}={encoded(chance, filled(text))[:9_000]}")


def queries(chance: random.Random, target: Target) -> tuple[str, bytes]:
    """Query keys and values that paging and projection have to make sense of."""
    method = chance.choice(("GET", "GET", "GET", "POST", "PATCH", "PUT", "DELETE"))
    path = chance.choice(
        (
            "/Users",
            "/Users/" + an_id(chance, target, method),
            "/Schemas",
            "/cache",
            "/Groups",
            "/ResourceTypes",
        )
    )
    parts = [filled(each) for each in chance.choices(WIRE["queries"], k=chance.randrange(1, 4))]
    long = (
        "startIndex=" + "9" * 5_000,
        "count=-" + "1" * 400,
        "attributes=" + "a," * 3_000,
        "&" * 5_000,
        "x=" * 3_000,
    )
    if chance.random() < 0.1:
        parts.append(chance.choice(long))
    body = None
    if method != "GET" and chance.random() < 0.7:
        body = json.dumps(
            a_resource(chance, target) if method != "PATCH" else a_patch(chance, target)
        ).encode()
    # A blank ends a target, and a control character makes no target at all: those are for `malformed`.
    query = "&".join(parts).replace(" ", "%20").replace("\t", "%09")
    return request(target, method, f"{base(target)}{path}?{query}", body=body)


def paths(chance: random.Random, target: Target) -> tuple[str, bytes]:
    """Paths that mean another place to whoever decodes them once more or once less."""
    method = chance.choice(("GET", "GET", "DELETE", "OPTIONS"))
    prefix = base(target) if chance.random() < 0.6 else chance.choice(WIRE["prefixes"])
    path = prefix.replace("{connector}", chance.choice((target.connector, target.connector.lower(), "x")))
    path += chance.choice(WIRE["resources"])
    if chance.random() < 0.5:
        path += "/" + an_id(chance, target, method)
    if chance.random() < 0.1:
        path += chance.choice(
            ("/" * 300, "/x" * 300, "/" + "x" * 300, "/" + "%41" * 300, "/" + "\xc3\xa9" * 200)
        )
    authority = chance.choice(
        ("", "", "", "http://localhost", "https://evil.example:1", "HTTP://[::1]", "ftp://x", "//x")
    )
    return request(target, method, authority + path.replace(" ", "%20"))


def heads(chance: random.Random, target: Target) -> tuple[str, bytes]:
    """Verbs, hosts, credentials and fields that mean something to somebody."""
    method = chance.choice(WIRE["methods"]) if chance.random() < 0.4 else "GET"
    path = base(target) + chance.choice(
        (
            "/Users",
            "/Users?filter=PLACEHOLDER+eq+1",
            "/Schemas",
            "/cache",
            "/Users/" + an_id(chance, target, method),
        )
    )
    token = None
    if chance.random() < 0.4:
        wanted = chance.choice(WIRE["authorizations"])
        token = wanted.replace("{token}", target.token).replace("{TOKEN}", target.token.upper())
    fields = chance.choices(WIRE["fields"], k=chance.randrange(4))
    if chance.random() < 0.1:
        fields += chance.choice(
            (["X-A: 1"] * 900, ["X-Long: " + "a" * 12_000], [f"X-{n}: {n}" for n in range(700)])
        )
    host = chance.choice(WIRE["hosts"]) if chance.random() < 0.3 else "localhost"
    return request(target, method, path, *fields, host=host, token=token)


def large(chance: random.Random, target: Target) -> tuple[str, bytes]:
    """Bodies of a size at which doing anything twice for each piece shows."""
    method, path = a_write(chance, target)
    name = chance.choice(target.attributes)
    size = chance.choice((2_000, 20_000))
    made: tuple[Any, ...] = (
        {target.urn: {name: "x" * 10 * size}, name: "x" * 10 * size},
        {URN: {name: [str(n) for n in range(size)]}},
        {URN: {f"k{n}": n for n in range(size)}},
        {f"{URN}:{name}": "\u00e9" * size},
        {
            "Operations": [
                {"op": "Replace", "path": f"{URN}:{name}", "value": str(n)} for n in range(size // 10)
            ]
        },
        {"Operations": [{"op": "Add", "path": f"{URN}:{name}", "value": str(n)} for n in range(300)]},
        {"Operations": [{"op": "Add", "path": f"{URN}:{name}", "value": [str(n) for n in range(size)]}]},
        {"Operations": [{"op": "Add", "value": {f"{URN}:k{n}": n for n in range(size)}}]},
        {"schemas": ["x" * 100] * (size // 100)},
        [[]] * size,
    )
    return request(target, method, path, body=json.dumps(chance.choice(made)).encode())


# -- what is no HTTP ---------------------------------------------------------------------------------------------


def damaged(chance: random.Random, target: Target) -> tuple[str, bytes]:
    """A head of the server's table: cut, dirty, after others, before noise, or as it is."""
    head = chance.choice(HEADS)
    at = chance.randrange(len(head) + 1)
    return "GET", chance.choice(
        (
            head,
            head[:at],
            head[:at] + chance.randbytes(2) + head[at:],
            head + chance.randbytes(300),
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + head[:at],
        )
    )


def malformed(chance: random.Random, target: Target) -> tuple[str, bytes]:
    """Heads that break off, or hold what no head may."""
    method, good = chance.choice((wrong_types, filters, queries, heads))(chance, target)
    end = good.index(b"\r\n\r\n")
    at = chance.randrange(end + 4)
    dirt = chance.randbytes(chance.randrange(1, 6))
    line, rest = good[: good.index(b"\r\n")], good[good.index(b"\r\n") :]
    return method, chance.choice(
        (
            good[:at],
            good[:at] + dirt + good[at:],
            good[:at] + good[at + 1 :],
            good[:end].replace(b"\r\n", b"\n") + b"\n\n" + good[end + 4 :],
            good[:end].replace(b"\r\n", b"\r") + b"\r\r",
            good[:end].replace(b": ", b" : ", 1) + b"\r\n\r\n",
            line + b"\r\n folded: 1" + rest,
            line + b"\r\nX: " + b"y" * 20_000 + rest,
            line + b"\r\n" + b"X: y\r\n" * 4_000 + b"\r\n",
            line.replace(b" /", b" /" + b"a" * 20_000, 1) + rest,
            line.replace(
                b" HTTP/1.1",
                chance.choice(
                    (
                        b"",
                        b" HTTP/0.9",
                        b" HTTP/2.0",
                        b" HTTP/1.2",
                        b" http/1.1",
                        b" HTTP/1.1 x",
                        b"  HTTP/1.1",
                    )
                ),
            )
            + rest,
            line.replace(b" ", chance.choice((b"  ", b"\t", b"\x0b", b"\xa0"))) + rest,
            b"\r\n" * chance.choice((1, 500)) + good,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(200),
            chance.randbytes(chance.choice((1, 10, 400))),
            b"GET / HTTP/1.1\r\n\r\n",
            b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
            b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        )
    )


def framing(chance: random.Random, target: Target) -> tuple[str, bytes]:
    """Requests that two servers in a row might cut at different places, with one inside that nobody sent."""
    inner = f"GET {base(target)}/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    body = json.dumps({URN: {}}).encode()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    fields, content = chance.choice(
        (
            (("Content-Length: 0", "Transfer-Encoding: chunked"), b"0\r\n\r\n"),
            (("Transfer-Encoding: chunked", "Content-Length: 5"), b"0\r\n\r\n"),
            (("Transfer-Encoding: xchunked",), b"0\r\n\r\n"),
            (("Transfer-Encoding: gzip, chunked",), chunked),
            (("Transfer-Encoding: chunked, chunked",), chunked),
            (("Transfer-Encoding : chunked",), b"0\r\n\r\n"),
            (("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), b"0\r\n\r\n"),
            (("Transfer-Encoding:\x0bchunked",), b"0\r\n\r\n"),
            ((" Transfer-Encoding: chunked",), b"0\r\n\r\n"),
            (("X: y\nTransfer-Encoding: chunked",), b"0\r\n\r\n"),
            (("Content-Length: 0", "Content-Length: 44"), b""),
            (("Content-Length: +0",), b""),
            (("Content-Length: -1",), b""),
            (("Content-Length: 0x10",), b""),
            (("Content-Length: 0, 44",), b""),
            (("Content-Length: \xb2",), b""),
            (("Content-Length: 99999999999999999999999999",), b""),
            (("Content-Length: 17000000",), b""),
            ((f"Content-Length: {10 ** chance.randrange(2, 24)}",), b""),
            (("Content-Length\x00: 0",), b""),
            (("Transfer-Encoding: chunked",), b"5\r\nhel"),
            (("Transfer-Encoding: chunked",), b"zz\r\n"),
            (("Transfer-Encoding: chunked",), b"-1\r\n"),
            (("Transfer-Encoding: chunked",), b"5\nhello\r\n0\r\n\r\n"),
            (("Transfer-Encoding: chunked",), b"FFFFFFFFFFFFFFFF\r\n"),
            (("Transfer-Encoding: chunked",), b"1\r\nxy\r\n0\r\n\r\n"),
            (("Transfer-Encoding: chunked",), b"1;" + b"x" * 9_000 + b"\r\n"),
            (("Transfer-Encoding: chunked",), b"0\r\n" + b"X: y\r\n" * 5_000 + b"\r\n"),
            (("Transfer-Encoding: chunked",), b"0\r\nContent-Length: 5\r\nX y\r\n\r\n"),
            ((), b""),
        )
    )
    lines = [
        f"POST {base(target)}/Users HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {target.token}",
    ]
    lines += ["Content-Type: application/scim+json", *fields, "", ""]
    return "POST", "\r\n".join(lines).encode("latin-1") + content + inner


def bodies_cut_short(chance: random.Random, target: Target) -> tuple[str, bytes]:
    """A body that is announced and does not come, in one piece or in chunks, also with `Expect`, also after another."""
    method, path = a_write(chance, target)
    body = json.dumps(a_resource(chance, target)).encode()
    sent = body[: chance.randrange(len(body))]
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {target.token}"]
    lines += [
        "Content-Type: application/scim+json",
        *chance.choice(((), ("Expect: 100-continue",), ("Expect: 42",))),
    ]
    if chance.random() < 0.5:
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1")
        return method, chance.choice((b"", head + body)) + head + sent
    chunk = b"%x\r\n" % len(body) + sent
    return method, "\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""]).encode("latin-1") + chunk


WHOLE: tuple[Maker, ...] = (
    *(wrong_types, wrong_types, nearly_right, nearly_right, broken_json),
    *(filters, filters, queries, paths, heads, media_types),
)
BROKEN: tuple[Maker, ...] = (damaged, malformed, framing, bodies_cut_short)


def case(maker: Maker, number: int, target: Target) -> Case:
    """The request of this number in a family; all its chance comes from the number and the names."""
    chance = random.Random(f"{maker.__name__} {number} {target.connector}")
    method, data = maker(chance, target)
    return Case(maker.__name__, number, method, data)
