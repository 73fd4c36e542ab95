"""No secret is shown: not the credential, no known secret in whatever escapes, no password. Memory keeps the rest."""

from __future__ import annotations

import gzip
import html
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mockhost.journal import Exchange, Journal
from mockhost.journal.escapes import MARK
from mockhost.journal.renderings import curl, har, live_line, table, to_json
from mockhost.journal.sink import Shown, shown
from tests.journal.exchanges import BASE, ECMA, KEY, make

Make = Callable[..., Exchange]

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
JSON_TYPE = ("Content-Type", "application/scim+json")


@pytest.fixture
def add(journal: Journal) -> Make:
    """Add an exchange; what is shown of it."""

    def add(**fields: object) -> Shown:
        exchange = make(**fields)
        assert journal.add(exchange)
        return shown(exchange)

    return add


# ---- credentials ----


def authorization(exchange: Exchange) -> str:
    return dict(exchange.headers)["Authorization"]


def test_the_credential_is_kept_as_its_length_and_a_fingerprint(add: Make, journal: Journal) -> None:
    """`Bearer tok…(len 21)` and 16 hex digits: enough to tell tokens apart, not to learn one."""
    kept = authorization(add())
    assert kept == f"Bearer tok…(len 21) {journal.sink.fingerprint('correct-horse-battery')}"
    assert len(journal.sink.fingerprint("x")) == 16


def test_a_wrong_credential_is_as_secret_as_the_right_one(add: Make) -> None:
    """Somebody's real secret, pasted into the wrong field, must not end up in a log."""
    kept = authorization(add(headers=[("Authorization", "Bearer somebody-elses-secret")]))
    assert "somebody" not in kept
    assert kept.startswith("Bearer tok…(len 21) ")


def test_the_same_credential_has_the_same_fingerprint_within_a_run_only() -> None:
    """The key is the run's: fingerprints can't be looked up in a table made elsewhere."""
    one, other = Journal(key=b"1" * 32), Journal(key=b"2" * 32)
    assert one.sink.fingerprint("secret") == one.sink.fingerprint("secret") != one.sink.fingerprint("secret2")
    assert one.sink.fingerprint("secret") != other.sink.fingerprint("secret")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("bEaReR abcdef", "bEaReR tok…(len 6) "),
        ("Basic Ym9iOnNlY3JldA==", "Basic tok…(len 16) "),
        ("abcdef", "tok…(len 6) "),
        ("secretscheme abcdef", "tok…(len 19) "),
        ("Bearer:abcdef", "tok…(len 13) "),
        ("Bearer", "Bearer"),
        ("", ""),
    ],
)
def test_only_a_known_scheme_is_kept_of_a_credential(add: Make, sent: str, kept: str) -> None:
    """A value without a scheme, or with one that nobody knows, is a token as a whole."""
    assert authorization(add(headers=[("Authorization", sent)])).startswith(kept)


@pytest.mark.parametrize(
    "name", ["authorization", "PROXY-AUTHORIZATION", "Authorization ", "x-authorization"]
)
def test_a_credential_is_known_by_its_header_however_it_is_written(add: Make, name: str) -> None:
    """Also by what a malformed head makes of the name."""
    [(kept_name, value)] = add(headers=[(name, "Bearer abcdefgh")]).headers
    assert kept_name == name
    assert "abcdefgh" not in value


def test_a_folded_line_of_a_malformed_head_is_not_kept(add: Make) -> None:
    """`Authorization: Bearer` and the token on the next line: that line is a name that begins with a blank."""
    kept = add(headers=[("Authorization", "Bearer"), (" abc:defgh", ""), ("\tabc", "x")]).headers
    assert kept[1:] == ((MARK, MARK), (MARK, MARK))


def test_headers_that_repeat_are_redacted_each_time(add: Make, journal: Journal) -> None:
    """What is remembered to be quick is what was redacted, and headers of any container are understood."""
    first, second = (
        add(),
        add(headers=[["Host", "localhost:8585"], ["Authorization", "Bearer correct-horse-battery"]]),
    )
    assert first.headers == second.headers
    for number in range(600):  # more than are remembered
        kept = add(headers=[("Authorization", f"Bearer token-{number}")])
        assert authorization(kept).endswith(journal.sink.fingerprint(f"token-{number}"))


# ---- passwords ----


def created(body: bytes | str, **more: object) -> dict[str, object]:
    raw = body if isinstance(body, bytes) else body.encode()
    return {
        "method": "POST",
        "target": f"{BASE}/Users",
        "operation": "create_user",
        "body": raw,
        "headers": [JSON_TYPE],
        **more,
    }


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (
            '{"note":"{\\"export_password\\":\\"s3cret!\\"}"}',
            '{"note":"{\\"export_password\\":\\"[redacted]\\"}"}',
        ),
        ('{"export_password": "s3cret!"}', '{"export_password": "[redacted]"}'),
        ('{"EXPORT_Password":"s3cret!"}', '{"EXPORT_Password":"[redacted]"}'),
        ('{"\\u0065xport_password":"s3cret!"}', '{"\\u0065xport_password":"[redacted]"}'),
        ('{"export_paſſword":"s3cret!"}', '{"export_paſſword":"[redacted]"}'),
        (
            f'{{"{ECMA}":{{"export_password":"s3cret!","x":1}}}}',
            f'{{"{ECMA}":{{"export_password":"[redacted]","x":1}}}}',
        ),
        (f'{{"{ECMA}:export_password":"s3cret!"}}', f'{{"{ECMA}:export_password":"[redacted]"}}'),
        (f'{{"{ECMA}.export_password":"s3cret!"}}', f'{{"{ECMA}.export_password":"[redacted]"}}'),
        ('{"export_password":["s3cret!",{"value":"s3cret!"}]}', '{"export_password":"[redacted]"}'),
        ('{"export_password":12345678}', '{"export_password":"[redacted]"}'),
        (
            '{"export_password":"a","export_password":"s3cret!"}',
            '{"export_password":"[redacted]","export_password":"[redacted]"}',
        ),
        ('{"password":"s3cret!"}', '{"password":"[redacted]"}'),
        (
            '{"userPassword":"s3cret!","unicodePwd":"s3cret!"}',
            '{"userPassword":"[redacted]","unicodePwd":"[redacted]"}',
        ),
        ('{"path":"export_password","value":"s3cret!"}', '{"path":"export_password","value":"[redacted]"}'),
        (
            '{"Value":"s3cret!","Path":"x:Export_Password"}',
            '{"Value":"[redacted]","Path":"x:Export_Password"}',
        ),
        (
            '{"value":"s3cret!","path":"export_password","value":"s"}',
            '{"value":"[redacted]","path":"export_password","value":"[redacted]"}',
        ),
        (
            '{"path":"export_password","value":{"a":["s3cret!"]}}',
            '{"path":"export_password","value":"[redacted]"}',
        ),
        ('{"filter":"export_password eq \\"s3cret!\\""}', '{"filter":"export_password eq [redacted]"}'),
        ('{"path":"export_password[value eq \\"s3cret!\\"]"}', '{"path":"export_password[[redacted]"}'),
        (
            '{"value":"{\\"export_password\\":\\"s3cret!\\"}"}',
            '{"value":"{\\"export_password\\":\\"[redacted]\\"}"}',
        ),
        (
            '{"value":"{\\"value\\":\\"s3cret!\\",\\"path\\":\\"export_password\\"}"}',
            '{"value":"{\\"value\\":\\"[redacted]\\",\\"path\\":\\"export_password\\"}"}',
        ),
        ('\ufeff{"export_password":"s3cret!"}', '\ufeff{"export_password":"[redacted]"}'),
        ('["export_password","s3cret-not"]', '["export_password","s3cret-not"]'),
        ('{"name":"export_password","type":"string"}', '{"name":"export_password","type":"string"}'),
        (
            '{"passwordPolicy":"strong","x":"the password is good"}',
            '{"passwordPolicy":"strong","x":"the password is good"}',
        ),
    ],
)
def test_a_password_is_taken_out_of_json_and_the_rest_left_as_it_was(add: Make, body: str, kept: str) -> None:
    """Byte for byte, so that what a client sent can be read; and what was JSON still is."""
    exchange = add(**created(body))
    assert exchange.body.decode() == kept
    json.loads(exchange.body.decode("utf-8-sig"))
    assert exchange.body_length == len(body.encode())


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ('{"a":1,"export_password":"s3c"ret!","b":2}', '{"a":1,"export_password":"[redacted]"[redacted]'),
        (
            '{"Operations":[{"op":"Add","value":"s3cret!","path":"export_password"',
            '{"Operations":[{"op":"Add","value":"[redacted]","path":"export_password"',
        ),
        ("a=1&export_password=s3cret!", "a=1&export_password=[redacted]"),
        ("a=1&export%5Fpassword=s3cret!", "a=1&export%5Fpassword=[redacted]"),
        (
            "<User><export_password>s3cret!</export_password>",
            "<User><export_password>[redacted]</export_password>",
        ),
        ("password=s3cret!", "password=[redacted]"),
        ("forgot my password", "forgot my password"),
    ],
)
def test_a_body_that_cannot_be_parsed_is_cut_where_a_password_may_begin(
    add: Make, body: str, kept: str
) -> None:
    """Nobody knows where the value ends, so everything from there on goes; what is before it stays for the reader."""
    assert add(**created(body)).body.decode() == kept


def test_a_body_in_utf_16_is_read_as_well(add: Make) -> None:
    """RFC 4627 allowed it, and a password in it is one."""
    exchange = add(**created('{"export_password":"s3cret!"}'.encode("utf-16-le")))
    assert exchange.body.decode("utf-16-le") == '{"export_password":"[redacted]"}'


def test_a_compressed_body_is_not_kept(add: Make) -> None:
    """It can't be looked into here; whoever exports the journal could."""
    raw = gzip.compress(b'{"export_password":"s3cret!"}')
    exchange = add(**created(raw, headers=[("Content-Encoding", "gzip")]))
    assert exchange.body == b""
    assert exchange.body_length == len(raw)


@pytest.mark.parametrize(
    "body",
    [
        b'{"export_password":"s3cret!","photo":"' + b"A" * 200_000 + b'"}',
        b'{"Operations":[' + b'{"export_password":"s3cret!"},' * 200 + b"{}]}",
        b'{"export_password":"s3cret!"}\0',
        b"%25" * 1_000 + b'{"export_password":"s3cret!"}',
    ],
    ids=["long", "many", "with a NUL", "full of escapes"],
)
def test_what_is_long_or_odd_is_shown_without_secrets(add: Make, body: bytes) -> None:
    """Its length is known all the same."""
    exchange = add(**created(body))
    assert b"s3cret!" not in exchange.body
    assert exchange.body_length == len(body)


def test_the_beginning_of_a_long_password_is_not_shown_either(add: Make) -> None:
    """Messages quote no more than that."""
    password = "".join(f"{number:03}-" for number in range(300))
    body = json.dumps({"export_password": password})
    exchange = add(
        **created(body, reason=f"'{password[:60]}…' is too long", answer_body=password[:60].encode())
    )
    assert password[:32] not in f"{exchange.reason} {exchange.answer_body!r}"


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("filter=export_password+eq+%22s3cret!%22", "filter=export_password+eq+[redacted]"),
        ("filter=export_password%20eq%20%22s3cret!%22", "filter=export_password+eq+[redacted]"),
        ("filter=%65xport_password eq %22s3cret!%22", "filter=export_password+eq+[redacted]"),
        ("filter=%2565xport_password eq %22s3cret!%22", "filter=%2565xport_password+eq+[redacted]"),
        (
            "filter=a eq %22b%22 and X:EXPORT_PASSWORD co %22s3%26c&ret!",
            "filter=a+eq+%22b%22+and+X:EXPORT_PASSWORD+co+[redacted]&[redacted]",
        ),
        (
            "filter=%65xport_password eq %22s3cret!%22 or export_password eq %22y",
            "filter=export_password+eq+[redacted]",
        ),
        ("export_password=s3cret!", "export_password=[redacted]"),
        ("filter=userPassword eq %22s3cret!%22", "filter=userPassword+eq+[redacted]"),
        ("attributes=export_password,userName&count=3", "attributes=export_password,userName&count=3"),
        ("excludedAttributes=export_password", "excludedAttributes=export_password"),
        ("filter=title eq %22password manager%22", "filter=title eq %22password manager%22"),
    ],
)
def test_a_password_is_taken_out_of_a_query(add: Make, query: str, kept: str) -> None:
    """With all that follows: where a filter's value ends is for the client to know."""
    assert add(target=f"{BASE}/Users?{query}").target == f"{BASE}/Users?{kept}"


def test_what_is_redacted_in_the_request_is_redacted_in_the_answer(add: Make) -> None:
    """An error that quotes the value, the words of the reason, the native operation and the user concerned."""
    exchange = add(
        **created(
            json.dumps({ECMA: {"export_password": 'Pa"ss w0rd'}}),
            answer_body=json.dumps({"detail": "the value 'Pa\"ss w0rd' is too short"}).encode(),
            answer_headers=[("X-Echo", quote('Pa"ss w0rd'))],
            reason='Pa"ss w0rd is too short',
            native=('SET x = "Pa"ss w0rd"',),
            who='Pa"ss w0rd',
        )
    )
    assert "w0rd" not in json.dumps(to_json(exchange))
    assert json.loads(exchange.answer_body or b"") == {"detail": "the value '[redacted]' is too short"}
    assert exchange.who == MARK


def test_a_short_password_is_not_the_user_concerned(add: Make) -> None:
    """Too short to be replaced everywhere, but the value of a find on it is not shown."""
    exchange = add(target=f"{BASE}/Users?filter=export_password+eq+%22ab%22", who="ab")
    assert exchange.who == MARK


def test_the_answer_of_schemas_is_kept_whole(add: Make) -> None:
    """It names `export_password` and holds no value of it."""
    body = json.dumps(
        {
            "attributes": [
                {"name": "export_password", "description": "The password at creation; never returned."}
            ]
        }
    )
    assert add(answer_body=body.encode()).answer_body == body.encode()


# ---- known secrets ----


@pytest.mark.parametrize(
    "secret",
    ["correct-horse-battery", "a+b c/d=?&%41", "pässwörd-ключ-漢字-😀", "quo\"te'\\back", "<&amp;>;"],
)
def test_a_known_secret_is_found_in_every_escape(journal: Journal, secret: str) -> None:
    """Percent-encoded in any way, JSON-escaped, XML-escaped, and each of them twice."""
    journal.secrets = [secret]
    for text in encodings(secret):
        wire = text.encode().decode("latin-1")
        exchange = make(
            target=f"{BASE}/Users?x={wire}",
            body=f"say {text}.".encode(),
            headers=[("X-Note", wire)],
            answer_headers=[("Location", wire)],
            answer_body=json.dumps({"detail": text}).encode(),
            reason=f"it was {text}",
            who=text,
            rule=text,
            native=(f"INSERT '{text}'",),
        )
        assert journal.add(exchange)
        exchange = shown(exchange)
        assert exchange.target == f"{BASE}/Users?x={MARK}"
        assert exchange.body == f"say {MARK}.".encode()
        assert exchange.headers == (("X-Note", MARK),)
        assert exchange.answer_headers == (("Location", MARK),)
        assert exchange.answer_body == f'{{"detail": "{MARK}"}}'.encode()
        assert (exchange.who, exchange.rule, exchange.native) == (MARK, MARK, (f"INSERT '{MARK}'",))


def encodings(secret: str) -> Iterator[str]:
    """The secret as encoders write it, once and twice."""
    once = [
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        quote(secret, safe="").lower() if secret.islower() else quote(secret, safe=""),
        "".join(f"%{byte:02x}" for byte in secret.encode()),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        html.escape(secret, quote=False),
    ]
    yield from once
    for text in once[1:]:
        if text != secret:
            yield quote(text, safe="")
            yield json.dumps(text)[1:-1]


def test_a_known_secret_is_found_where_a_method_or_a_header_name_should_be(journal: Journal) -> None:
    """Malformed requests put anything anywhere."""
    exchange = make(
        method="correct-horse-battery",
        headers=[("X-correct-horse-battery", "1")],
        connector="correct-horse-battery",
    )
    journal.add(exchange)
    exchange = shown(exchange)
    assert (exchange.method, exchange.headers, exchange.connector) == (MARK, ((f"X-{MARK}", "1"),), MARK)


def test_a_secret_that_becomes_known_later_goes_out_of_what_is_kept(journal: Journal) -> None:
    """A token is set while the host runs; an earlier request may have carried it."""
    exchange = make(target=f"{BASE}/Users?note=rotated-token", answer_body=b"rotated-token")
    journal.add(exchange)
    journal.secrets = ["rotated-token"]
    exchange = shown(exchange)
    assert (exchange.target, exchange.answer_body) == (f"{BASE}/Users?note={MARK}", MARK.encode())


def test_a_secret_that_was_replaced_stays_one_until_the_journal_is_cleared(journal: Journal) -> None:
    """Clients go on using a token that was rotated."""
    journal.secrets = ["the-new-token"]
    exchange = make(target=f"{BASE}/Users?note=correct-horse-battery")
    journal.add(exchange)
    assert shown(exchange).target.endswith(MARK)
    journal.clear(1)
    later = make(target=f"{BASE}/Users?note=correct-horse-battery", epoch=1, headers=[])
    journal.add(later)
    assert shown(later).target.endswith("correct-horse-battery")


@pytest.mark.parametrize("secret", ["", "1", "abc"])
def test_a_very_short_secret_leaves_the_journal_readable(journal: Journal, secret: str) -> None:
    """Replacing every `1` would help nobody; where a credential belongs it is hidden all the same."""
    journal.secrets = [secret]
    exchange = make(target=f"{BASE}/Users/1abc", headers=[("Authorization", f"Bearer {secret}")])
    journal.add(exchange)
    exchange = shown(exchange)
    assert exchange.target == f"{BASE}/Users/1abc"
    assert f"Bearer {secret}" != authorization(exchange) or not secret


def test_words_beside_the_journal_can_be_redacted(journal: Journal) -> None:
    """For what the control plane shows: texts, and data with its names."""
    assert journal.sink.text("it is correct%2Dhorse-battery") == f"it is {MARK}"
    data = {
        "correct-horse-battery": ["correct-horse-battery", 1, None],
        "secret_token": "ab",
        "pages": {"token": True},
    }
    assert journal.sink.data(data) == {MARK: [MARK, 1, None], "secret_token": MARK, "pages": {"token": True}}


def test_the_digest_is_of_what_is_left(add: Make) -> None:
    """The hash of a body with a short password could be used to guess it; that of the redacted body can't."""
    one = to_json(add(**created('{"export_password":"a"}')))
    other = to_json(add(**created('{"export_password":"b"}')))
    assert one["request"] == other["request"]


# ---- any secret, anywhere ----

SECRETS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=4, max_size=24).filter(
    lambda text: text.strip() == text and len(text.strip()) >= 4
)
WIRE: dict[str, Callable[[str], str]] = {
    "raw": lambda s: s.encode().decode("latin-1"),
    "quoted": lambda s: quote(s, safe=""),
    "plus": quote_plus,
    "twice": lambda s: quote(quote(s, safe=""), safe=""),
}
TOKEN_PLACES: dict[str, Callable[[str, str], dict[str, object]]] = {
    "path": lambda s, wire: {"target": f"{BASE}/Users/{wire}", "who": s},
    "query": lambda s, wire: {
        "target": f"{BASE}/Users?filter=x+eq+%22{wire}%22",
        "who": s,
        "reason": f"what is {s}?",
    },
    "header": lambda s, wire: {"headers": [("X-Api-Key", wire), ("Cookie", f"a={wire}; b=1")]},
    "body": lambda s, wire: created(json.dumps({"a": s, s: [s]})),
    "plain body": lambda s, wire: created(json.dumps({"a": s}, ensure_ascii=False)),
    "utf-16 body": lambda s, wire: created(json.dumps({"a": s}, ensure_ascii=False).encode("utf-16")),
    "form": lambda s, wire: created(f"a=1&b={quote_plus(s)}"),
    "xml": lambda s, wire: created(f"<a>{html.escape(s)}</a>"),
    "answer": lambda s, wire: {
        "answer_body": json.dumps({"detail": f"no {s}"}).encode(),
        "answer_headers": [("Location", quote(s))],
    },
    "words": lambda s, wire: {"rule": s, "reason": s, "native": (s,), "bug": s, "connector": s},
}
PASSWORD_PLACES: dict[str, Callable[[str, str], dict[str, object]]] = {
    "create": lambda s, wire: created(json.dumps({ECMA: {"export_password": s, "FirstName": "Bob"}})),
    "qualified": lambda s, wire: created(json.dumps({f"{ECMA}:Export_Password": s}, ensure_ascii=False)),
    "patch": lambda s, wire: created(patched({"op": "Add", "path": f"{ECMA}:export_password", "value": s})),
    "patch, value first": lambda s, wire: created(
        patched({"value": s, "path": "EXPORT_PASSWORD", "op": "add"})
    ),
    "patch, flat": lambda s, wire: created(
        patched({"op": "replace", "value": {f"{ECMA}:export_password": s}})
    ),
    "patch, list": lambda s, wire: created(
        patched({"op": "add", "path": "export_password", "value": [{"value": s}]})
    ),
    "search": lambda s, wire: created(json.dumps({"filter": f"export_password eq {json.dumps(s)}"})),
    "in a string": lambda s, wire: created(json.dumps({"value": json.dumps({"export_password": s})})),
    "filter": lambda s, wire: {
        "target": f"{BASE}/Users?filter=export_password+eq+%22{wire}%22",
        "who": s,
        "reason": f"column 9: {s}",
    },
    "filter, qualified": lambda s, wire: {
        "target": f"{BASE}/Users?filter={ECMA}:export_password%20eq%20%22{wire}%22",
        "who": s,
    },
    "truncated": lambda s, wire: created(json.dumps({ECMA: {"a": "b", "export_password": s}})[:-2]),
    "truncated patch": lambda s, wire: created(patched({"value": s, "path": "export_password"})[:-3]),
    "form": lambda s, wire: created(f"a=1&export_password={quote_plus(s)}"),
    "xml": lambda s, wire: created(f"<export_password>{html.escape(s)}</export_password>"),
    "utf-16": lambda s, wire: created(
        json.dumps({"export_password": s}, ensure_ascii=False).encode("utf-16")
    ),
    "echoed": lambda s, wire: created(
        json.dumps({"export_password": s}),
        answer_body=json.dumps({"detail": f"'{s}' is too short"}).encode(),
        answer_headers=[("X-Echo", quote(s))],
        native=(f"SET '{s}'",),
        reason=s,
    ),
}


def patched(operation: dict[str, object]) -> str:
    return json.dumps({"schemas": [PATCH_OP], "Operations": [operation]})


def everything(journal: Journal, exchange: Exchange) -> str:
    """All that is shown of an exchange, and what it says with its escapes undone."""
    seen = shown(exchange)
    fields = [getattr(seen, name) for name in Exchange.__slots__]
    texts = [repr(fields), repr(journal), repr(exchange), *(item for item in fields if isinstance(item, str))]
    for raw in (seen.body, seen.answer_body or b""):
        texts += [raw.decode("utf-8", "replace"), raw.decode("utf-16", "replace"), raw.decode("latin-1")]
    documents = [to_json(exchange), har([exchange])]
    texts += [json.dumps(each, ensure_ascii=ascii_only) for each in documents for ascii_only in (True, False)]
    texts += [curl(exchange), table([exchange]), live_line(exchange)]
    texts += [
        text.encode("latin-1").decode("utf-8", "replace")
        for text in texts
        if text.isascii() or max(text) < "\u0100"
    ]
    texts += [undo(text) for text in texts for undo in (unquote, unquote_plus, html.unescape, unescaped)]
    return "\n".join(texts)


def unescaped(text: str) -> str:
    """The text as the inside of a JSON string, if it is one."""
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return ""


def baseline(place: Callable[[str, str], dict[str, object]]) -> str:
    """What the same exchange shows with another secret: what a secret may happen to have in common with it."""
    journal = Journal(key=KEY)
    exchange = make(**place("\U000f0000" * 8, "%F3%B0%80%80" * 8))
    journal.add(exchange)
    return everything(journal, exchange)


@pytest.mark.parametrize("place", TOKEN_PLACES)
@settings(max_examples=40, deadline=None)
@given(secret=SECRETS, encoding=st.sampled_from(sorted(WIRE)))
def test_no_known_secret_is_ever_kept(place: str, secret: str, encoding: str) -> None:
    """Wherever a client or the host puts it: not in the stored objects, not in any rendering."""
    build = TOKEN_PLACES[place]
    assume(secret not in baseline(build) and secret not in MARK)
    journal = Journal(key=KEY)
    journal.secrets = ["another-secret", secret]
    exchange = make(**build(secret, WIRE[encoding](secret)))
    journal.add(exchange)
    assert secret not in everything(journal, exchange)


@pytest.mark.parametrize("place", PASSWORD_PLACES)
@settings(max_examples=40, deadline=None)
@given(secret=SECRETS, encoding=st.sampled_from(sorted(WIRE)))
@example(secret="ab+ cd", encoding="raw")  # a plus is a blank to some readers, and a plus to others
def test_no_password_is_ever_kept(place: str, secret: str, encoding: str) -> None:
    """Nor half of one: wherever a password may be sent, and wherever the host may repeat it."""
    build = PASSWORD_PLACES[place]
    halves = [half for half in (secret[: len(secret) // 2], secret[len(secret) // 2 :]) if len(half) >= 4]
    known = baseline(build) + MARK
    assume(not any(part in known for part in [secret, *halves]))
    journal = Journal(key=KEY)
    exchange = make(**build(secret, WIRE[encoding](secret)))
    journal.add(exchange)
    text = everything(journal, exchange)
    assert not [part for part in [secret, *halves] if part in text]


@settings(max_examples=150, deadline=None)
@given(
    body=st.binary(max_size=300)
    | st.text(max_size=200).map(lambda text: f'{{"export_password":"{text}'.encode())
)
def test_no_body_makes_the_journal_fail(body: bytes) -> None:
    """Whatever it is: it is kept, rendered, and its length is the one on the wire."""
    journal = Journal(key=KEY)
    journal.secrets = ["correct-horse-battery"]
    exchange = make(**{**created(body), "answer_body": body})
    assert journal.add(exchange)
    assert exchange.body_length == exchange.answer_length == len(body)
    assert everything(journal, exchange)
