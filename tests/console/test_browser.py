"""The console in Chromium: what a person sees and does, on every page."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mockhost import MockHost
from mockhost.clock import monotonic
from mockhost.console.feed import FIELDS
from mockhost.console.views import PAGES
from mockhost.labs import lab as labs
from mockhost.labs.classroom import Classroom
from tests.console import browser
from tests.console.test_console import HOSTILE, TOKEN

pytest.importorskip("playwright", reason="pip install -r tests/console/requirements.txt")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path(browser.CHROMIUM).exists(), reason="there is no Chromium here"),
]
URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
WIDTHS = (320, 1280, 1920)
READY = "body:not([inert])"
"""Of a page whose script has come; before that, it takes neither keys nor clicks."""
Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser.chromium() as made:
        yield made


@pytest.fixture
def host() -> Iterator[MockHost]:
    with MockHost("basics/healthy", clock="wall") as made:
        yield made


@pytest.fixture
def visit(chromium: Any, host: MockHost) -> Iterator[Visit]:
    """Open a path of the console; at the end, no page has reported an error of its own."""
    troubles: list[str] = []
    contexts = []

    def open_page(path: str = "/", of: MockHost = host, **options: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
        page.on(
            "console", lambda said: troubles.append(said.text) if "Content Security" in said.text else None
        )
        page.goto(of.control_url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles


def until_held(page: Any, held: list[Any]) -> None:
    """Wait until the page has asked for what is held back."""
    deadline = monotonic() + 30
    while not held:
        assert monotonic() < deadline
        page.wait_for_timeout(30)


def until(page: Any, script: str) -> None:
    """Wait until an expression holds; the page forbids what Playwright's own function does for that."""
    deadline = monotonic() + 30
    while not _holds(page, script):
        assert monotonic() < deadline, f"{script} does not hold: {page.inner_text('body')[:2_000]}"
        page.wait_for_timeout(30)


def _holds(page: Any, script: str) -> bool:
    from playwright.sync_api import Error

    try:
        return bool(page.evaluate(script))
    except Error:  # the page was left while it was asked
        return False


def traffic(host: MockHost) -> None:
    """Some exchanges of every kind."""
    session, url = host.session("SQL"), host.url("SQL")
    session.get(f"{url}/Users", params={"filter": f'{URN}:ContosoLogin eq "ljacobson"'})
    session.get(f"{url}/Users/nobody")
    session.post(f"{url}/Users", json={"schemas": [URN], URN: {
        "ContosoLogin": "ann", "FirstName": "Ann", "LastName": "O", "Email": "ann@contoso.com"}})  # fmt: skip
    session.get(f"{url}/Users", headers={"Authorization": "Bearer wrong"})


# ---- signing in ----


def test_the_link_that_serve_prints_signs_in(visit: Visit) -> None:
    """One click; the token does not stay in the address."""
    with MockHost("basics/healthy", control_token=TOKEN) as guarded:
        page = visit(f"/#token={TOKEN}", guarded)
        page.wait_for_selector(f"{READY} #list")
        assert TOKEN not in page.url
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_selector(f"{READY} #sign-in")
        page.fill("#token", "wrong")
        page.keyboard.press("Enter")
        until(page, "document.getElementById('problem').textContent !== ''")
        page.fill("#token", TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_selector(f"{READY} #list")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_selector(f"{READY} #sign-in")
        page.evaluate(f"location.hash = 'token={TOKEN}'")  # the link, opened where the page is already
        page.wait_for_selector(f"{READY} #list")


@pytest.mark.parametrize(("script", "button"), [("console.js", "Sign out"), ("sign-in.js", "Sign in")])
def test_a_page_takes_nothing_before_its_script_has_come(visit: Visit, script: str, button: str) -> None:
    """A form would go to the browser itself, which sends it as an address; the policy forbids that."""
    held: list[Any] = []
    with MockHost("basics/healthy", control_token=TOKEN) as guarded:
        page = visit("/", guarded)
        if script == "console.js":
            page.evaluate(f"location.hash = 'token={TOKEN}'")
            page.wait_for_selector(f"{READY} #list")
        page.route(lambda url: url.endswith(script), lambda route: held.append(route))
        page.reload(wait_until="commit")
        pressed = page.locator(f"text={button}").last
        pressed.wait_for()
        at = pressed.bounding_box()
        page.mouse.click(at["x"] + 5, at["y"] + 5)
        until_held(page, held)
        held.pop().continue_()
        if script == "sign-in.js":
            page.fill("#token", "wrong")
        pressed.click()
        page.wait_for_selector("#sign-in" if script == "console.js" else "#problem:not(:empty)")


def test_the_page_to_sign_in_is_a_narrow_card_in_the_middle(visit: Visit) -> None:
    """On a wide screen, too."""
    with MockHost("basics/healthy", control_token=TOKEN) as guarded:
        box = visit("/console/sign-in", guarded).locator("main").bounding_box()
    assert box["width"] < 500
    assert abs(box["x"] * 2 + box["width"] - 1280) < 2


# ---- the journal ----


def test_an_empty_journal_says_where_to_send_requests(visit: Visit, host: MockHost) -> None:
    """And a filter that nothing fits is another matter."""
    page = visit()
    page.wait_for_selector("#none-yet", state="visible")
    assert host.url("SQL") in page.locator("#none-yet").inner_text()
    assert page.locator("#unfit").is_hidden()
    page.locator("#none-yet a").click()
    page.get_by_role("button", name="Test connection").click()
    page.wait_for_selector("#screen", state="visible")
    page = visit()
    page.wait_for_selector("#list .row")
    page.fill("#filter", "nothing-fits-this")
    page.wait_for_selector("#unfit", state="visible")
    assert page.locator("#none-yet").is_hidden()


def test_exchanges_arrive_and_open(visit: Visit, host: MockHost) -> None:
    """By keyboard alone: choose, open, send again, close."""
    page = visit()
    traffic(host)
    rows = page.locator("#list .row:visible")
    until(page, "document.querySelectorAll('#list .row:not([hidden])').length === 4")
    assert "Find users ljacobson in SQL" in re.sub(r"\s+", " ", rows.nth(0).inner_text())
    page.keyboard.press("Home")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel article[data-number='2']")
    assert "Resource nobody not found" in page.inner_text("#panel .trace")
    page.keyboard.press("j")
    page.wait_for_selector("#panel article[data-number='3']")
    assert "INSERT INTO" in page.inner_text("#panel .trace")
    page.keyboard.press("r")
    until(page, "document.querySelectorAll('#list .row:not([hidden])').length === 5")
    page.keyboard.press("Escape")
    page.wait_for_selector("#panel", state="hidden")
    assert host.journal.entries()[-1].status == 409


def test_an_answer_that_hangs_is_completed_in_its_row(visit: Visit, host: MockHost) -> None:
    """A row changes when the answer comes after all."""
    host.add_rule({"name": "slow", "when": {"operation": "get_user"}, "delay": "1500ms"})
    page = visit()
    host.session("SQL").get(f"{host.url('SQL')}/Users/ljacobson")
    until(page, "document.querySelector('#list .row .took')?.textContent.includes(' s')")


def test_the_filter_is_the_one_of_the_command_line(visit: Visit, host: MockHost) -> None:
    """Fields, classes of statuses, words; it is in the address."""
    page = visit()
    traffic(host)
    count = page.locator("#count")
    until(page, "document.getElementById('count').textContent === '4'")
    for text, fits in (
        ("status:4xx", 2), ("--status 401", 1), ("status:200,201", 2), ("operation:create_user", 1), ("-status:4xx", 2),
        ("ljacobson", 1), ("connector:LDAP", 0), ("verdict:unauthorized", 1), ('"secret token"', 1), ("who:ann", 1),
    ):  # fmt: skip
        page.fill("#filter", text)
        until(page, f"document.getElementById('count').textContent === '{fits} of 4'")
    assert "filter=who" in page.url
    page.keyboard.press("Escape")
    until(page, "document.getElementById('count').textContent === '4'")
    assert count.inner_text() == "4"


def test_ten_thousand_rows_are_few_elements(visit: Visit, host: MockHost) -> None:
    """Only what is visible is in the page; choosing, scrolling and filtering work on all of it."""
    before, after = ["2026-01-01T00:00:00.000Z", "SQL", "get_user"], ["ok", False, "GET", "/Users", 1, None]
    rows: list[list[object]] = [
        [n, *before, f"user{n}", 200 if n % 10 else 404, 0.1, None, [], None, *after]
        for n in range(1, 10_501)
    ]
    assert len(rows[0]) == len(FIELDS)
    body = 'event: hello\ndata: {"epoch": 0, "since": 0}\n\n'
    body += f"event: rows\ndata: {json.dumps({'passed': 0, 'rows': rows})}\n\n"
    page = visit("/console/nothing")
    page.route("**/console/feed*", lambda route: route.fulfill(content_type="text/event-stream", body=body))
    page.goto(host.control_url)
    until(page, "document.getElementById('count').textContent === '10,000'")
    assert page.locator("#list .row").count() < 120
    page.keyboard.press("Home")
    until(page, "document.querySelector('#list [aria-selected=true] .who')?.textContent === 'user501'")
    page.fill("#filter", "status:404")
    until(page, "document.getElementById('count').textContent === '1,000 of 10,000'")
    assert page.locator("#list .row").count() < 120


def test_nothing_that_clients_send_does_anything(visit: Visit, host: MockHost) -> None:
    """The hostile corpus, in the list and opened: no dialog, no violation, no element."""
    session = host.session("SQL")
    host.fail_next("create_user", fault={"http_error": 503}, name=HOSTILE[0], times=None, optional=True)
    for value in HOSTILE:
        session.post(f"{host.url('SQL')}/Users", data=json.dumps({"userName": value, value: value}).encode())
    page = visit()
    until(page, f"document.getElementById('count').textContent === '{len(HOSTILE)}'")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    for number in range(1, len(HOSTILE) + 1):
        page.wait_for_selector(f"#panel article[data-number='{number}']")
        assert page.locator("#panel script, #panel img, #panel svg, #list img, #list script").count() == 0
        page.keyboard.press("ArrowDown")


# ---- the state ----


def test_what_differs_between_system_and_cache_is_shown_and_cured(visit: Visit, host: MockHost) -> None:
    """A change behind the host's back makes a row stale at once; an import makes it the same again."""
    page = visit("/console/state")
    card = page.locator("#connector-SQL")
    card.locator("summary").click()
    page.fill("#body-SQL", json.dumps({
        "update": [{"where": {"ContosoLogin": "ljacobson"}, "set": {"FirstName": "<b>Lisa"}}],
        "insert": [{"ContosoLogin": "zed", "FirstName": "Z", "LastName": "Z", "Email": "z@contoso.com"}],
    }))  # fmt: skip
    card.get_by_role("button", name="Change", exact=True).click()
    until(page, "document.querySelector('#connector-SQL tr.stale')?.textContent.includes('<b>Lisa')")
    assert card.locator("tr.missing").count() == 1
    card.get_by_role("button", name="Full import").click()
    until(page, "!document.querySelector('#connector-SQL tr.stale, #connector-SQL tr.missing')")
    assert host.cache("SQL")[0]["id"]


def test_service_and_clock_are_operated(visit: Visit, host: MockHost) -> None:
    """Stop, start, and what a restart changes; mistakes are told in words."""
    page = visit("/console/state")
    page.get_by_role("button", name="Stop").click()
    until(page, "document.querySelector('#service-card .service.stopped')")
    page.get_by_role("button", name="Start", exact=True).click()
    until(page, "document.querySelector('#service-card .service.running')")
    page.get_by_role("button", name="Set", exact=True).click()
    until(page, "document.querySelector('#settings tr.stale')")
    page.get_by_role("button", name="Restart").click()
    until(page, "!document.querySelector('#settings tr.stale')")
    page.fill("#set", '{"host.debugg": true}')
    page.get_by_role("button", name="Set", exact=True).click()
    until(page, "document.getElementById('said').textContent.includes('debugg')")
    before = host.clock.now()
    page.get_by_role("button", name="+1d").click()
    until(page, "document.getElementById('said').textContent.includes('done')")
    assert host.clock.now() >= before + 86_400


# ---- scenarios, rules and faults ----


def test_a_scenario_is_found_used_cured_and_solved(visit: Visit, host: MockHost) -> None:
    """By the text of its error; the steps of the cure are one click each, and `cured` says that it is solved."""
    page = visit("/console/scenarios")
    page.fill("[name=text]", "The server is currently importing")
    page.keyboard.press("Enter")
    page.wait_for_url("**text=**")
    page.goto(f"{host.control_url}/console/scenarios")
    page.get_by_role("button", name="Use documented/first_import_running").click()
    until(page, "document.querySelector('#playing .badge.bad')?.textContent === 'not solved'")
    assert host.session("SQL").get(f"{host.url('SQL')}/Users").status_code != 200
    page.get_by_role("button", name="Is it solved?").click()
    until(page, "document.getElementById('said').textContent.includes('not cured')")
    page.locator("#cure summary").click()
    page.locator("#cure button").first.click()
    until(page, "document.getElementById('said').textContent === 'Done.'")
    page.get_by_role("button", name="Is it solved?").click()
    until(page, "document.getElementById('solved')")


def test_a_fault_is_met_by_a_live_client_until_it_is_switched_off(visit: Visit, host: MockHost) -> None:
    """Added, fired, off, on, removed; and why the latest request passed a rule."""
    page = visit("/console/rules")
    page.select_option("#operation", "get_user")
    page.get_by_role("button", name="Add", exact=True).click()
    until(page, "document.querySelector('#rules tbody tr')")
    url = f"{host.url('SQL')}/Users/ljacobson"
    assert host.session("SQL").get(url).status_code == 500
    page.get_by_role("button", name="Switch live[0] off").click()
    until(page, "document.querySelector('#rules tr.off')")
    assert host.session("SQL").get(url).status_code == 200
    page.reload()
    until(page, "document.querySelector('#rules tbody').textContent.includes('switched off')")
    page.get_by_role("button", name="Switch live[0] on").click()
    until(page, "!document.querySelector('#rules tr.off')")
    assert host.session("SQL").get(url).status_code == 500
    page.get_by_role("button", name="Remove live[0]").click()
    until(page, "!document.querySelector('#rules tbody tr')")
    assert host.session("SQL").get(url).status_code == 200


# ---- the server ----


def test_commands_run_one_after_the_other(visit: Visit) -> None:
    """In one session, and what they stop is stopped on the page."""
    page = visit("/console/server")
    for command, shown in (("cd 'C:\\Program Files\\Microsoft ECMA2Host'", "PS>"), ("dir", "Troubleshooting"),
                           ("Get-Service", "Microsoft ECMA2Host")):  # fmt: skip
        page.fill("#command", command)
        page.keyboard.press("Enter")
        until(page, f"document.getElementById('screen').textContent.includes({json.dumps(shown)})")
        until(page, "document.getElementById('command').value === ''")


# ---- the portal ----


def test_the_portal_provisions_and_says_why_not(visit: Visit, host: MockHost) -> None:
    """Saved and run, three users are there and in the log with their steps; a wrong token fails in its words."""
    host.use("basics/provisioned")
    page = visit("/console/portal")
    page.get_by_role("button", name="Save").click()
    until(page, "document.getElementById('saved').textContent === 'saved'")
    page.get_by_role("button", name="Run a cycle").click()
    until(page, "document.querySelectorAll('#log details').length === 3")
    assert len(host.objects("SQL", ContosoLogin="ann")) == 1
    page.locator("#log summary").first.click()
    assert page.locator("#log details[open] .steps li").count() >= 3
    page.fill("#secret-token", "wrong")
    page.keyboard.press("Enter")
    until(page, "document.getElementById('saved').textContent === 'entered, not saved'")
    assert "wrong" not in page.inner_text("body")
    page.get_by_role("button", name="Test connection").click()
    until(page, "document.getElementById('screen').textContent.includes('CredentialValidationFailure')")
    page.fill("#command", "agent stop agent-1")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#agents-card .badge').textContent === 'inactive'")


# ---- every page ----


@pytest.mark.parametrize("path", [f"/console/{page.name}" for page in PAGES])
@pytest.mark.parametrize("is_empty", [False, True], ids=["full", "empty"])
def test_nothing_is_wider_than_the_page(visit: Visit, host: MockHost, path: str, is_empty: bool) -> None:
    """From a telephone to a beamer, with something to show and without."""
    if not is_empty:
        traffic(host)
    page = visit(path)
    until(page, "document.getElementById('line').dataset.state === 'live'")
    if path == "/console/journal":
        until(page, f"document.getElementById('empty').hidden === {str(not is_empty).lower()}")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_pages_are_reached_by_keys(visit: Visit) -> None:
    """And `?` lists them."""
    page = visit()
    until(page, "document.getElementById('line').dataset.state === 'live'")
    page.keyboard.press("?")
    page.wait_for_selector("#keys[open]")
    page.keyboard.press("Escape")
    for each in PAGES:
        page.keyboard.press(each.key)
        page.wait_for_url(f"**/console/{each.name}*")
        until(page, "document.getElementById('line').dataset.state === 'live'")


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    if shutil.which("npm") is None:
        pytest.skip("there is no npm here")
    return browser.axe(tmp_path_factory.mktemp("axe"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit: Visit, host: MockHost, axe: str, scheme: str) -> None:
    """On every page, with data, in both colour schemes; and on the page that asks for the token."""
    traffic(host)
    page = visit(color_scheme=scheme, bypass_csp=True)
    paths = [f"/console/{each.name}" for each in PAGES] + ["/console/journal/2", "/console/journal#2"]
    with MockHost("basics/healthy", control_token=TOKEN) as guarded:
        for url in [*(host.control_url + path for path in paths), guarded.control_url]:
            page.goto(url)
            until(page, "document.readyState === 'complete'")
            if "#2" in url:
                page.reload()
                page.wait_for_selector("#panel article")
            page.evaluate(axe)
            found = page.evaluate("axe.run().then((found) => found.violations.map((each) =>"
                                  " `${each.id}: ${each.nodes.map((node) => node.html).join(' ')}`))")  # fmt: skip
            assert not found, url


# ---- a class ----


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Classroom]:
    with Classroom([labs.find("L01"), labs.find("L02")], 2, tmp_path) as made:
        yield made


def test_a_student_solves_a_lab_on_its_page_and_the_teacher_follows(visit: Visit, room: Classroom) -> None:
    """Each page hears of what the other does; what is typed stays text, and a talk pauses the prompt."""
    of = SimpleNamespace(control_url=room.url)
    student = visit(f"/#token={room.kept['students'][0]['code']}", of)
    teacher = visit(f"/#token={room.kept['teacher']}", of)
    markup = "<img src=x onerror=alert(1)>"
    teacher.fill("#hint", markup)
    teacher.get_by_role("button", name="Send").click()
    until(student, f"document.getElementById('notes').textContent.includes({json.dumps(markup)})")
    for line in ("Start-Process powershell -Verb RunAs", 'Start-Service "Microsoft ECMA2Host"'):
        student.fill("#command", line)
        student.keyboard.press("Enter")
        until(student, "document.getElementById('command').value === ''")
    until(student, "document.querySelector('#checks .badge.good').textContent === 'solved'")
    until(teacher, "document.querySelector('#students .badge.good') !== null")
    teacher.get_by_role("button", name="Freeze").click()
    until(student, "document.getElementById('frozen').textContent.includes('paused')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_pages_of_a_class(
    visit: Visit, room: Classroom, axe: str, scheme: str
) -> None:
    for token in (room.kept["students"][0]["code"], room.kept["teacher"]):
        page = visit(
            f"/#token={token}", SimpleNamespace(control_url=room.url), color_scheme=scheme, bypass_csp=True
        )
        page.wait_for_selector("h1")
        until(page, "document.title.includes('mockhost') && document.querySelector('main table') !== null")
        page.evaluate(axe)
        found = page.evaluate("axe.run().then((found) => found.violations.map((each) => each.id))")
        assert not found
