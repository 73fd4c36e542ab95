"""The console without a browser: who gets a page, what may be in it, and what it costs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import cast

import pytest
import requests

from mockhost import MockHost
from mockhost.clock import monotonic
from mockhost.console import views
from mockhost.console.feed import FEW, Feed
from mockhost.console.views import PAGES, trace
from mockhost.errors import UsageError
from mockhost.exchange import Exchange

FOLDER = Path(__file__).parents[2] / "mockhost" / "console"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
TOKEN = "a-token-for-the-console"
SINKS = r"innerHTML\s*=|outerHTML\s*=|insertAdjacentHTML|document\.write|DOMParser|eval\(|new Function"
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</pre></template><svg/onload=alert(1)>",
    "{{7*7}}{% raw %}",
    "javascript:alert(1)",
    "\u202egnp.exe\x1b[31m\x00\x07",
    "&lt;b&gt;&#0;",
    "]]><!--",
    "𝔲𝔫𝔦" * 50,
]


@pytest.fixture(scope="module")
def host() -> Iterator[MockHost]:
    with MockHost("basics/healthy") as made:
        yield made


@pytest.fixture(scope="module")
def guarded() -> Iterator[MockHost]:
    with MockHost("basics/healthy", control_token=TOKEN) as made:
        yield made


def get(host: MockHost, path: str, **headers: str) -> requests.Response:
    return requests.get(host.control_url + path, headers={**BROWSER, **headers}, timeout=120)


class Tags(HTMLParser):
    """The names of elements and attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


# ---- who gets a page ----


def test_the_bare_address_is_a_page_for_browsers_only(host: MockHost) -> None:
    """curl and other clients get the line of JSON that they always got."""
    page = get(host, "/")
    assert page.status_code == 200
    assert page.url.endswith("/console/journal")
    assert page.headers["Content-Type"].startswith("text/html")
    for accept in ("*/*", "application/json", "application/json, text/plain, */*"):
        answer = get(host, "/", Accept=accept)
        assert answer.status_code == 404
        assert "openapi" in answer.json()["error"]["hint"]


def test_errors_are_pages_for_browsers(host: MockHost) -> None:
    """With their hint, and at paths of the console only."""
    page = get(host, "/console/nothing")
    assert page.status_code == 404
    assert page.headers["Content-Type"].startswith("text/html")
    assert get(host, "/v1/nothing").json()["error"]["message"]


def test_no_import_until_a_browser_asks() -> None:
    """A start pays nothing, nor does the first question of another client."""
    script = """
import sys
from mockhost import MockHost
import urllib.request
with MockHost("basics/healthy") as host:
    urllib.request.urlopen(host.control_url + "/v1/health").read()
    print(sum(name.startswith("mockhost.console") for name in sys.modules))
    page = urllib.request.Request(host.control_url + "/console/journal", headers={"Accept": "text/html"})
    urllib.request.urlopen(page).read()
    print(sum(name.startswith("mockhost.console") for name in sys.modules) > 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "True"]


# ---- signing in ----


def test_without_the_token_there_is_nothing_but_the_question(guarded: MockHost) -> None:
    """The page says nothing of the host; its files are the same for everybody."""
    for path in ("/", "/console/journal", "/console/nothing"):
        page = get(guarded, path)
        assert page.status_code == 401
        assert "sign-in.js" in page.text
        assert "healthy" not in page.text
    assert get(guarded, "/console/assets/sign-in.js").status_code == 200
    assert get(guarded, "/console/feed").status_code == 401


def test_the_token_is_exchanged_for_a_cookie(guarded: MockHost) -> None:
    """HttpOnly, SameSite=Strict, not the token; it lets pages and operations in, until somebody signs out."""
    session = requests.Session()
    session.headers.update(BROWSER)
    url = guarded.control_url
    wrong = session.post(f"{url}/console/session", json={"token": "another"}, timeout=120)
    assert wrong.status_code == 401
    assert not session.cookies
    right = session.post(f"{url}/console/session", json={"token": TOKEN}, timeout=120)
    assert right.status_code == 200
    cookie = right.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    assert session.get(f"{url}/console/journal", timeout=120).status_code == 200
    assert session.get(f"{url}/v1/scenario", timeout=120).status_code == 200
    assert session.post(f"{url}/v1/reset", json={}, timeout=120).status_code == 200
    kept = {each.name: each.value or "" for each in session.cookies}
    assert session.delete(f"{url}/console/session", json={}, timeout=120).status_code == 200
    assert requests.get(f"{url}/v1/scenario", cookies=kept, timeout=120).status_code == 401


def test_a_session_can_not_be_used_from_elsewhere(guarded: MockHost) -> None:
    """Not by a page of another origin or port, a form, or under another name."""
    session = requests.Session()
    url = guarded.control_url
    session.post(f"{url}/console/session", json={"token": TOKEN}, timeout=120)
    for headers, status in (
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ):
        for path in ("/v1/reset", "/console/session"):
            answer = session.post(url + path, data=b"{}", headers={"Content-Type": "application/json", **headers},
                                  timeout=120)  # fmt: skip
            assert answer.status_code == status, (path, headers)
        if status == 403:
            assert session.get(f"{url}/console/feed", headers=headers, timeout=120).status_code == 403


def test_a_wrong_bearer_token_is_not_mended_by_a_cookie(guarded: MockHost) -> None:
    """What a client says of itself counts first."""
    session = requests.Session()
    session.post(f"{guarded.control_url}/console/session", json={"token": TOKEN}, timeout=120)
    answer = session.get(
        f"{guarded.control_url}/v1/scenario", headers={"Authorization": "Bearer x"}, timeout=120
    )
    assert answer.status_code == 401


# ---- what may be in a page ----


def pages(host: MockHost) -> list[str]:
    """The paths of all pages, with one of each kind below them."""
    return [f"/console/{page.name}" for page in PAGES]


def test_every_page_is_kept_from_harm(host: MockHost) -> None:
    """No script but from files, no frame, no guessing, nothing kept; and no script or style in the page itself."""
    for path in [*pages(host), "/console/nothing"]:
        answer = get(host, path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert not re.findall(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", answer.text)


def test_values_are_text(host: MockHost) -> None:
    """Whatever a client sends makes neither an element nor an attribute."""
    host.reset()
    plain = host.session("SQL")
    plain.get(host.url("SQL") + "/Users/plain")
    usual = Tags(get(host, "/console/journal/1").text)
    for number, value in enumerate(HOSTILE, 2):
        plain.post(
            host.url("SQL") + "/Users", data=json.dumps({"userName": value, value: [value]}).encode(),
            headers={"X-Mine": value.encode("ascii", "ignore").decode().replace("\x00", "").replace("\x07", "")
                     .replace("\x1b", "")},
        )  # fmt: skip
        shown = get(host, f"/console/journal/{number}")
        assert shown.status_code == 200
        tags = Tags(shown.text)
        assert tags.tags - usual.tags <= {"i", "td", "div"}
        assert tags.attributes == usual.attributes
    feed = requests.get(f"{host.control_url}/console/feed", stream=True, timeout=120)
    lines = (line for line in feed.iter_lines() if line.startswith(b'data: {"passed"'))
    rows = json.loads(next(lines)[6:])["rows"]
    feed.close()
    assert len(rows) == len(HOSTILE) + 1
    assert all(cell.isprintable() for row in rows for cell in row if isinstance(cell, str))


def test_secrets_are_not_in_pages(host: MockHost) -> None:
    """The exchange, its copies and its row have fingerprints."""
    host.reset()
    token = host.token("SQL")
    wrong = "another-credential-of-mine"
    host.session("SQL").get(
        f"{host.url('SQL')}/Users/x?access_token={wrong}", headers={"Cookie": f"a={wrong}"}
    )
    page = get(host, "/console/journal/1").text
    assert token not in page
    assert wrong not in page
    assert "tok…" in page


def test_all_assets_are_small_and_written_by_hand() -> None:
    """Under 100 KB in all, no build, and as many lines as were planned at most."""
    assets = list((FOLDER / "assets").iterdir())
    assert sum(len(each.read_bytes()) for each in assets) < 100_000
    lines = {kind: sum(len(each.read_text("utf-8").splitlines()) for each in FOLDER.rglob(f"*.{kind}"))
             for kind in ("py", "html", "js", "css")}  # fmt: skip
    assert lines["py"] + lines["html"] <= 1_500 + 150  # for the pages of a class
    assert lines["js"] + lines["css"] <= 1_200
    for each in assets:
        assert not re.search(r"https?://(?!www\.w3\.org)", each.read_text("utf-8")), each.name


def test_only_one_module_makes_elements_of_text() -> None:
    """And only what this host rendered: everything else is set as text."""
    for each in (FOLDER / "assets").glob("*.js"):
        sinks = re.findall(SINKS, each.read_text("utf-8"))
        assert sinks == (["DOMParser"] if each.name == "html.js" else []), each.name


# ---- an exchange ----


def test_the_trace_says_how_it_was_decided(host: MockHost) -> None:
    """Routed, let in, the rules that did not apply and why, the one that did, and what the target saw."""
    host.reset()
    host.fail_next("create_user", fault={"http_error": 503}, name="creates fail", times=1)
    host.add_rule({"name": "deletes are slow", "when": {"operation": "delete_user"}, "delay": "1ms"})
    session = host.session("SQL")
    urn = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
    for _ in range(2):
        session.post(host.url("SQL") + "/Users", json={"schemas": [urn], urn: {
            "ContosoLogin": "ann", "FirstName": "Ann", "LastName": "O", "Email": "ann@contoso.com"}})  # fmt: skip
    first, second = (trace(host.call("get_exchange", number=str(number))) for number in (1, 2))
    assert [mark for mark, _, _ in first] == ["yes", "yes", "skip", "fault", "no"]
    assert "expected 'delete_user', got 'create_user'" in first[2][2]
    assert first[3][1] == "Rule creates fail"
    assert [what for _, what, _ in second][-2] == "In the target"
    assert "INSERT INTO" in second[-2][2]
    session.get(host.url("SQL") + "/Users", headers={"Authorization": "Bearer x"})
    assert [mark for mark, _, _ in trace(host.call("get_exchange", number="3"))][:2] == ["yes", "no"]
    host.clear_rules()


def test_json_in_parts_is_the_same_text() -> None:
    """Colouring loses nothing."""
    values: list[object] = [{"a": ["x: y", -1.5e3, True, None, {'q"u': "\\"}]}, [], "text", 12]
    for value in values:
        shown = views.pretty(json.dumps(value))
        assert shown is not None
        assert "".join(part for _, part in views.parts(shown)) == shown
    assert views.pretty("not json") is None


def test_what_differs_is_compared_by_the_key() -> None:
    """Stale, missing, extra, and how many are the same; not while the service is stopped."""
    with MockHost("basics/healthy") as host:
        person = {"ContosoLogin": "zed", "FirstName": "Z", "LastName": "Z", "Email": "z@contoso.com"}
        where = {"ContosoLogin": "ljacobson"}
        host.change({"SQL": {"insert": [person], "update": [{"where": where, "set": {"FirstName": "Lis"}}],
                             "delete": [{"ContosoLogin": "dmartin"}]}})  # fmt: skip
        found = host.call("compare", name="SQL")
        assert (found["key"], found["same"], found["stale"], found["missing"], found["extra"]) == (
            "ContosoLogin", 3, 1, 1, 1,
        )  # fmt: skip
        assert found["differences"]["stale"] == [
            {"object": "ljacobson", "columns": {"FirstName": {"system": "Lis", "cache": "Lisa"}}}
        ]
        assert found["differences"]["extra"][0]["ContosoLogin"] == "dmartin"
        assert get(host, "/console/state").text.count('class="stale"') == 1
        host.import_now("SQL")
        assert host.call("compare", name="SQL")["same"] == 5
        host.service("stop")
        with pytest.raises(UsageError):
            host.call("compare", name="SQL")
        assert get(host, "/console/state").status_code == 200


def test_a_request_is_sent_again_as_it_was() -> None:
    """With its own credential, on a connection of its own; not when its body was cut, or nothing listens."""
    with MockHost("basics/healthy") as host:
        host.session("SQL").get(host.url("SQL") + "/Users/x", headers={"X-Mine": "1"})
        done = host.call("send_again", number="1")
        assert (done["status"], done["number"]) == (404, 2)
        first, second = host.journal.entries()
        assert (first.target, first.header("X-Mine"), first.header("Authorization")) == (
            second.target, second.header("X-Mine"), second.header("Authorization"),
        )  # fmt: skip
        assert first.connection != second.connection
        host.session("SQL").post(host.url("SQL") + "/Users", data=b" " * 100_000)
        with pytest.raises(UsageError, match="first 65536 of the 100000 bytes"):
            host.call("send_again", number="3")
        host.service("stop")
        with pytest.raises(UsageError, match="closed"):
            host.call("send_again", number="1")


def test_a_rule_that_is_switched_off_passes_requests_on() -> None:
    """It counts nothing, says so in near misses, and is on again after a reset."""
    with MockHost("basics/healthy") as host:
        name = host.fail_next("get_user", fault={"http_error": 503}, times=None, optional=True)
        session, url = host.session("SQL"), f"{host.url('SQL')}/Users/ljacobson"
        assert host.call("switch_rule", name=name, on=False) == {"name": name, "on": False}
        assert session.get(url).status_code == 200
        (found,) = host.call("get_exchange", number="1")["tried"]
        assert (found["condition"], found["why"]) == ("off", "the rule is switched off")
        (rule,) = host.rules
        assert (rule["on"], rule["matched"], rule["fired"]) == (False, 0, 0)
        host.call("switch_rule", name=name, on=True)
        assert session.get(url).status_code == 503
        with pytest.raises(UsageError, match="no rule"):
            host.call("switch_rule", name="nobody", on=True)


def test_scenarios_are_shown_with_what_their_cure_does() -> None:
    """In words, and as the operation that does it; secrets of a scenario are not in it."""
    with MockHost("documented/secret_token_mismatch") as host:
        page = get(host, "/console/scenarios").text
        assert "not solved" in page
        assert all(target.secret_token not in page for target in host.connectors().values())
        for name in ("documented/first_import_running", "basics/healthy", "faults/connection_reset"):
            assert get(host, f"/console/scenarios/{name}").status_code == 200
        for name in ("nothing", "../../etc/passwd", "./mine.yaml"):
            assert get(host, f"/console/scenarios/{name}").status_code == 404
        found = get(host, "/console/scenarios?text=Authorization+has+been+denied+for+this+request").text
        assert "documented/secret_token_mismatch" in found
        assert get(host, "/console/scenarios?text=" + "%3Cscript%3E" * 300).status_code == 200


def test_pages_that_open_at_once_share_one_feed() -> None:
    """However many there are, each exchange is rendered once; and the last one that goes ends the thread."""
    with MockHost("basics/healthy") as host:
        before = feed_threads()  # of other tests' hosts: they end when it is seen that their pages have gone
        url = f"{host.control_url}/console/feed"
        with ThreadPoolExecutor(6) as several:
            opened = list(several.map(lambda _: requests.get(url, stream=True, timeout=120), range(6)))
        [feed] = feed_threads() - before
        for answer in opened:
            answer.close()
        host.stop()
        feed.join(30)
        assert not feed.is_alive()


def test_a_page_that_opens_as_another_goes_keeps_its_thread() -> None:
    """As when a page is loaded again: two threads would render everything twice."""
    with MockHost("basics/healthy") as host:
        before = feed_threads()
        feed = Feed(host.runtime)
        for _ in range(3):
            page = feed.listen(host.runtime.epoch.number, 0)
            assert b"hello" in next(page)
            cast("Generator[bytes]", page).close()
        page = feed.listen(host.runtime.epoch.number, 0)
        [thread] = feed_threads() - before
        host.runtime.events.close()
        assert b"hello" in next(page)
        list(page)
        thread.join(30)
        assert not thread.is_alive()


def feed_threads() -> set[threading.Thread]:
    """The threads that render feeds, of whatever host."""
    return {thread for thread in threading.enumerate() if thread.name == "mockhost-console"}


def test_more_than_can_be_read_is_counted_instead() -> None:
    """At thousands a second only the latest few are rendered; after a quiet time, all that the journal has are."""
    with MockHost("basics/healthy") as host:
        feed = Feed(host.runtime)
        feed._epoch = host.runtime.epoch.number
        feed._looked_at = monotonic() - 60
        for number in range(1, 501):
            host.journal.add(Exchange(at=0.0, method="GET", target=f"/{number}", status=200, answer_body=b""))
        assert counts(feed._new(host.journal.last)) == (0, 500)
        for number in range(501, 1_501):
            host.journal.add(Exchange(at=0.0, method="GET", target=f"/{number}", status=200, answer_body=b""))
        assert counts(feed._new(host.journal.last)) == (1_000 - FEW, FEW)


def counts(piece: bytes) -> tuple[int, int]:
    """How many a piece of the feed leaves out, and how many it has."""
    data = json.loads(piece.partition(b"data: ")[2])
    return data["passed"], len(data["rows"])
