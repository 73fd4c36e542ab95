"""What each fault of HTTP makes of an answer: a row for each, without a wire."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Callable
from typing import NamedTuple

import pytest

from mockhost import faults
from mockhost.clock import FROZEN_START
from mockhost.errors import UsageError
from mockhost.faults import FAULTS
from mockhost.faults.contract import Draft
from tests.faults.body.answers import (
    CREATE,
    FIND,
    GET,
    KIND,
    Request,
    answer,
    chosen,
    context,
    json,
    made,
    user,
)


class Row(NamedTuple):
    """A fault, the request, and what must be so of the answer."""

    fault: str
    given: object
    holds: Callable[[Draft], object]
    asked: Request = FIND


BODY = answer(user()).whole_body()
BROWSER = Request(headers=(("Host", "localhost"), ("Content-Type", "text/xml; charset=utf-8")))


def _head(*pairs: tuple[str, str | None]) -> Callable[[Draft], object]:
    return lambda draft: all(draft.header(name) == value for name, value in pairs)


def _ungzipped(draft: Draft) -> bytes | str:
    try:
        return gzip.decompress(draft.whole_body())
    except (OSError, EOFError, zlib.error) as problem:
        return type(problem).__name__


ROWS = [
    Row("rate_limit", 1, lambda draft: draft.status == 200),
    Row(
        "http_error",
        None,
        lambda draft: (draft.status, json(draft)) == (500, {"Message": "An error has occurred."}),
    ),
    Row("http_error", 400, lambda draft: json(draft)["status"] == "400"),
    Row(
        "http_error",
        {"status": 400, "scim_type": "invalidValue"},
        lambda draft: json(draft)["scimType"] == "invalidValue",
    ),
    Row(
        "http_error",
        401,
        lambda draft: json(draft) == {"Message": "Authorization has been denied for this request."},
    ),
    Row(
        "http_error",
        401,
        _head(("WWW-Authenticate", "Bearer"), ("Content-Type", "application/json; charset=utf-8")),
    ),
    Row("http_error", 403, lambda draft: "not permitted" in json(draft)["detail"]),
    Row("http_error", 404, lambda draft: draft.body == b""),
    Row("http_error", 404, lambda draft: json(draft)["detail"] == "Resource ljacobson not found.", GET),
    Row("http_error", 405, _head(("Allow", "POST"))),
    Row("http_error", 405, _head(("Allow", "PUT, PATCH, DELETE")), GET),
    Row("http_error", 405, lambda draft: "http method 'POST'" in json(draft)["Message"], CREATE),
    Row("http_error", 406, lambda draft: draft.body == b""),
    Row("http_error", 409, lambda draft: json(draft)["scimType"] == "uniqueness", CREATE),
    Row("http_error", 412, lambda draft: json(draft)["status"] == "412"),
    Row("http_error", 413, lambda draft: b"HTTP Error 413." in draft.whole_body()),
    Row("http_error", {"status": 413, "layer": "httpsys"}, _head(("Connection", "close"))),
    Row("http_error", 415, lambda draft: "media type 'text/xml'" in json(draft)["Message"], BROWSER),
    Row("http_error", 422, lambda draft: json(draft)["status"] == "422"),
    Row("http_error", 429, lambda draft: json(draft)["detail"] == "Too many requests."),
    Row("http_error", {"status": 429, "retry_after": "90s"}, _head(("Retry-After", "90"))),
    Row(
        "http_error",
        {"status": 503, "retry_after": "2m", "retry_after_as": "date"},
        _head(("Retry-After", "Thu, 01 Jan 2026 00:02:00 GMT")),
    ),
    Row("http_error", 501, lambda draft: draft.body == b""),
    Row("http_error", 502, lambda draft: b"<h1>502 Bad Gateway</h1>" in draft.whole_body()),
    Row("http_error", 502, _head(("Server", "nginx"))),
    Row("http_error", 503, lambda draft: len(draft.whole_body()) == 326),
    Row("http_error", 504, lambda draft: b"504 Gateway Time-out" in draft.whole_body()),
    Row("http_error", 599, lambda draft: json(draft)["status"] == "599"),
    Row(
        "http_error",
        {"status": 400, "layer": "httpsys"},
        lambda draft: b"HTTP Error 400. Bad Request." in draft.whole_body(),
    ),
    Row(
        "http_error",
        {"status": 500, "layer": "scim", "detail": "No {id}."},
        lambda draft: json(draft)["detail"] == "No {id}.",
    ),
    Row("http_error", {"status": 401, "layer": "empty"}, lambda draft: draft.body == b""),
    Row("redirect", None, _head(("Location", FIND.target))),
    Row("redirect", None, lambda draft: draft.status == 307),
    Row("redirect", "http", _head(("Location", f"http://localhost:8585{FIND.target}"))),
    Row("redirect", "onward", _head(("Location", f"{FIND.target}&redirected=1"))),
    Row(
        "redirect",
        "onward",
        _head(("Location", "/a?redirected=8&b=1")),
        FIND._replace(target="/a?redirected=7&b=1"),
    ),
    Row("redirect", "onward", _head(("Location", "/a?redirected=1")), FIND._replace(target="/a")),
    Row(
        "redirect",
        {"location": "https://a.example/", "status": 301},
        _head(("Location", "https://a.example/")),
    ),
    Row("content_type", None, _head(("Content-Type", "text/html"))),
    Row("content_type", "application/json", _head(("Content-Type", "application/json"))),
    Row("content_type", {"missing": True}, _head(("Content-Type", None))),
    Row("content_type", None, lambda draft: draft.body == BODY),
    Row("content_length", None, lambda draft: draft.plan.announced == len(BODY) + 10),
    Row("content_length", {"add": -10}, lambda draft: draft.plan.announced == len(BODY) - 10),
    Row("content_length", {"add": -9_999}, lambda draft: draft.plan.announced == 0),
    Row("content_length", 3, lambda draft: (draft.plan.announced, draft.plan.ending) == (3, "close_notify")),
    Row("content_length", len(BODY), lambda draft: draft.plan.announced is None),
    Row("bad_gzip", None, lambda draft: draft.body == BODY and draft.header("Content-Encoding") == "gzip"),
    Row("bad_gzip", "damaged", lambda draft: _ungzipped(draft) == "error"),
    Row("bad_gzip", "truncated", lambda draft: _ungzipped(draft) == "EOFError"),
    Row("html", None, lambda draft: b"<title>Sign in" in draft.whole_body()),
    Row("html", None, _head(("Content-Type", "text/html; charset=utf-8"))),
    Row("html", "iis", _head(("Server", "Microsoft-IIS/10.0"))),
    Row("html", "blocked", lambda draft: b"blocked" in draft.whole_body()),
    Row("html", {"body": "<p>", "status": 202}, lambda draft: (draft.status, draft.body) == (202, b"<p>")),
    Row("duplicate_headers", None, lambda draft: draft.headers == (("Content-Type", KIND),) * 2),
    Row(
        "duplicate_headers",
        {"value": "a/b"},
        lambda draft: draft.headers == (("Content-Type", KIND), ("Content-Type", "a/b")),
    ),
    Row("duplicate_headers", {"name": "ETag"}, lambda draft: draft.header("ETag") is None),
    Row(
        "duplicate_headers",
        {"name": "X-A", "value": "1", "times": 3},
        lambda draft: draft.headers[1:] == (("X-A", "1"),) * 3,
    ),
    Row(
        "duplicate_headers",
        "content-length",
        lambda draft: [value for name, value in draft.headers[1:]] == [str(len(BODY)), str(len(BODY) + 1)],
    ),
    Row(
        "duplicate_headers",
        {"name": "Content-Length", "value": "3", "times": 4},
        lambda draft: [value for name, value in draft.headers[1:]] == [str(len(BODY)), "3", "3", "3"],
    ),
]
ROWS.append(Row("mismatched_response", None, lambda draft: draft.body == BODY))
ROWS.append(
    Row(
        "early_answer",  # on the wire in tests/faults/transport/test_uploads.py
        {"status": 503, "how": "rst"},
        lambda draft: (draft.status, draft.plan.ending) == (503, "rst"),
    )
)
OF_THE_GROUP = [name for name, kind in FAULTS.items() if kind == "http"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.fault} {row.given}")
def test_what_it_makes_of_an_answer(row: Row) -> None:
    draft = made(row.fault, row.given, answer(user()), context(row.asked))
    assert row.holds(draft), draft


def test_every_fault_of_the_group_has_a_row() -> None:
    assert {row.fault for row in ROWS} == set(OF_THE_GROUP)


@pytest.mark.parametrize("name", OF_THE_GROUP)
def test_what_it_says_of_itself(name: str) -> None:
    fault = chosen(name, faults.find(name).example).fault
    assert (fault.name, fault.group) == (name, "http")
    assert fault.title[0].isupper()
    assert not fault.title.endswith(".")
    assert all(fault.descriptions.values())
    assert fault.main in fault.parameters
    assert fault.closes is (name in ("content_length", "early_answer"))


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("rate_limit", 0, "from 1"),
        ("rate_limit", {"window": "0s"}, "longer than nothing"),
        ("rate_limit", {"window": 10}, "length of time"),
        ("rate_limit", {"per": "no header"}, "header name"),
        ("http_error", 200, "from 400 to 599"),
        ("http_error", {"status": 500, "layer": "iis"}, "one of stack, scim"),
        ("redirect", {"status": 304}, "one of 301, 302, 303, 307, 308"),
        ("redirect", {"location": "a\r\nb"}, "can't stand in a header"),
        ("content_type", "a\nb", "can't stand in a header"),
        ("content_type", "☃", "can't stand in a header"),
        ("content_length", "ten", "a length"),
        ("content_length", -1, "a length"),
        ("content_length", {"add": 0}, "a length"),
        ("content_length", True, "a length"),
        ("content_length", 1 << 50, "a length"),
        ("bad_gzip", "brotli", "one of plain"),
        ("duplicate_headers", "Transfer-Encoding", "belongs to the server"),
        ("duplicate_headers", {"name": "Content-Length", "value": "many"}, "is a number"),
        ("duplicate_headers", {"name": "X A"}, "header name"),
        ("duplicate_headers", {"value": "a\0"}, "can't stand in a header"),
    ],
)
def test_what_can_not_be_is_refused_when_it_is_said(name: str, given: object, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        chosen(name, given)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("status", "write"),
    [
        *((status, "not_applied") for status in (400, 404, 409, 429, 501, 503)),
        *((status, "applied") for status in (500, 502, 504)),
    ],
)
def test_a_status_says_whether_a_write_happened(status: int, write: str) -> None:
    assert chosen("http_error", status).write == write


# -- another request's answer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("of", "expected"), [("previous", [1, 1, 2, 3]), ("first", [1, 1, 1, 1])])
def test_answers_come_late_or_again(of: str, expected: list[int]) -> None:
    """Whole: status, headers and body; each keeps the plan for its own way to the client."""
    memory: dict[str, object] = {}
    fault, parameters = chosen("mismatched_response", of)
    assert fault.answer is not None
    for number, other in enumerate(expected, 1):
        own = answer({"number": number}, 200 + number)
        own = own._replace(plan=own.plan._replace(delay=number)).with_header("X-Number", str(number))
        draft = fault.answer(own, parameters, context(ordinal=number, memory=memory))
        assert (draft.status, draft.header("X-Number"), json(draft)) == (
            200 + other,
            str(other),
            {"number": other},
        )
        assert draft.plan.delay == number


def test_a_long_answer_is_not_kept() -> None:
    memory: dict[str, object] = {}
    long = Draft(200, (), b" " * ((1 << 20) + 1))
    fault, parameters = chosen("mismatched_response")
    assert fault.answer is not None
    assert fault.answer(long, parameters, context(memory=memory)) == long
    assert memory == {}


# -- the token bucket ------------------------------------------------------------------------------------------------


class Bucket:
    """Requests against one rate limit, at moments of the virtual clock."""

    def __init__(self, **given: object) -> None:
        self.chosen = chosen("rate_limit", given)
        self.memory: dict[str, object] = {}

    def __call__(self, at: float = 0.0, asked: Request = FIND) -> Draft | None:
        assert self.chosen.fault.instead is not None
        where = context(asked, now=FROZEN_START + at, memory=self.memory)
        return self.chosen.fault.instead(self.chosen.parameters, where)

    def refused_after(self, at: float = 0.0) -> str | None:
        """What Retry-After says at a moment, None if the request is let through."""
        draft = self(at)
        return None if draft is None else draft.header("Retry-After")


def test_two_in_ten_seconds_are_let_through_and_the_third_is_refused() -> None:
    bucket = Bucket(limit=2, window="10s", retry_after="5s")
    assert bucket() is None
    assert bucket() is None
    draft = bucket()
    assert draft is not None
    assert (draft.status, draft.header("Retry-After"), json(draft)["status"]) == (429, "5", "429")


def test_tokens_come_back_evenly() -> None:
    bucket = Bucket(limit=2, window="10s")
    assert [bucket.refused_after(at) for at in (0, 0, 0, 4, 5, 5, 9.5, 10)] == [
        None,
        None,
        "5",
        "1",
        None,
        "5",
        "1",
        None,
    ]


def test_a_refused_request_takes_no_token() -> None:
    bucket = Bucket(limit=1, window="10s")
    assert [bucket.refused_after(at) for at in (0, 2, 4, 6, 8, 10)] == [None, "8", "6", "4", "2", None]


def test_a_bucket_is_never_fuller_than_its_burst() -> None:
    bucket = Bucket(limit=1, window="1s", burst=3)
    assert [bucket.refused_after(at) for at in (0, 0, 0, 0)] == [None, None, None, "1"]
    assert [bucket.refused_after(at) for at in (100, 100, 100, 100)] == [None, None, None, "1"]


def test_a_date_is_of_the_hosts_clock_and_can_be_left_out() -> None:
    bucket = Bucket(limit=1, window="1m", retry_after_as="date")
    assert [bucket.refused_after(at) for at in (0, 15)] == [None, "Thu, 01 Jan 2026 00:01:00 GMT"]
    bucket = Bucket(limit=1, window="1m", retry_after_as="none")
    assert bucket() is None
    draft = bucket()
    assert draft is not None
    assert draft.header("Retry-After") is None


@pytest.mark.parametrize(
    ("per", "other"),
    [
        ("connector", FIND._replace(connector="LDAP")),
        ("operation", GET),
        ("Authorization", FIND._replace(headers=(("authorization", "Bearer another"),))),
    ],
)
def test_who_has_a_limit_of_its_own(per: str, other: Request) -> None:
    bucket = Bucket(limit=1, window="1m", per=per)
    assert [bucket(0, each) is None for each in (FIND, FIND, other, other)] == [True, False, True, False]
    bucket = Bucket(limit=1, window="1m")
    assert [bucket(0, each) is None for each in (FIND, other)] == [True, False]


def test_many_clients_take_no_more_memory_than_ten_thousand() -> None:
    """And nothing of what their headers say is kept."""
    bucket = Bucket(limit=1, window="1m", per="User-Agent")
    for number in range(10_010):
        assert bucket(0, FIND._replace(headers=(("User-Agent", f"secret {number}"),))) is None
    (buckets,) = bucket.memory.values()
    assert isinstance(buckets, dict)
    assert len(buckets) == 10_000
    assert all(isinstance(key, bytes) and b"secret" not in key for key in buckets)


def test_fifty_threads_get_no_more_than_the_limit() -> None:
    bucket, through = Bucket(limit=7, window="1m"), []
    ready = threading.Barrier(50)

    def ask() -> None:
        ready.wait()
        if bucket() is None:
            through.append(1)

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(through) == 7
