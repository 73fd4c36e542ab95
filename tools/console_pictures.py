"""Pictures of the console for README.md and docs/, from real runs: .venv/bin/python -m tools.console_pictures

Needs Chromium and what tests/console/requirements.txt names.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import requests

from mockhost import MockHost
from mockhost.labs import lab as labs
from mockhost.labs.classroom import Classroom
from mockhost.labs.desk import STUCK
from tests.console.browser import chromium

ASSETS = Path(__file__).parent.parent / "docs" / "assets"
URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
SIZE = {"width": 1280, "height": 760}


def main() -> None:
    """Draw them all."""
    with MockHost("basics/healthy") as host, chromium() as browser:
        clients(host)
        for name, path, scheme, choose in (
            ("console-journal", "/console/journal", "light", "#list .row:has-text('Create user'):visible"),
            ("console-state", "/console/state", "dark", ""),
            ("console-scenarios", "/console/scenarios", "light", ""),
        ):
            if name == "console-scenarios":
                host.use("documented/first_import_running")
            page = browser.new_page(viewport=SIZE, color_scheme=scheme)
            page.goto(host.control_url + path)
            page.wait_for_selector("#line[data-state=live]")
            if choose:
                page.locator(choose).first.click()
                page.wait_for_selector("#panel article")
                page.mouse.move(5, 755)
            page.wait_for_timeout(500)
            page.screenshot(path=ASSETS / f"{name}.png")
            page.close()


def a_class() -> None:
    """Draw the two pages of a class."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        chosen = [labs.find(each) for each in ("L01", "L02", "L05", "L22")]
        with Classroom(chosen, 6, Path(folder)) as room:
            desks = list(room.desks.values())
            for desk in desks[:3]:
                desk.line("Start-Process powershell -Verb RunAs")
                desk.line('Start-Service "Microsoft ECMA2Host"')
            desks[0].line("next")
            desks[3].line("hint")
            desks[4].moved_at -= STUCK
            for desk in desks:
                desk.line("check")
            for name, token in (("student", desks[3].kept["code"]), ("teacher", room.kept["teacher"])):
                page = browser.new_page(viewport=SIZE)
                page.goto(room.link(token))
                page.wait_for_selector("main table")
                if name == "student":
                    page.fill("#command", "Get-Service")
                    page.keyboard.press("Enter")
                    page.wait_for_selector("#screen:not([hidden])")
                page.wait_for_timeout(6_000)
                page.screenshot(path=ASSETS / f"class-{name}.png")
                page.close()


def clients(host: MockHost) -> None:
    """What clients do before the pictures are taken."""
    host.add_rule({
        "name": "the first create is lost", "times": 1, "optional": True,
        "when": {"operation": "create_user", "attributes": {"ContosoLogin": "bsimon"}},
        "fault": {"http_error": 503},
    })  # fmt: skip
    session, url = host.session("SQL"), host.url("SQL")
    session.get(f"{url}/Users", params={"filter": 'PLACEHOLDER eq "6f1d8f0e-3f0b-4c53-9d3a-1b2c3d4e5f60"'})
    for name in ("bsimon", "bsimon", "ktaylor"):
        session.get(f"{url}/Users", params={"filter": f'{URN}:ContosoLogin eq "{name}"'})
        person = {"ContosoLogin": name, "FirstName": "B", "LastName": "S", "Email": f"{name}@contoso.example"}
        session.post(f"{url}/Users", json={"schemas": [URN], URN: person})
    session.get(f"{url}/Users/nobody")
    requests.get(
        f"{url}/Users", headers={"Authorization": "Bearer wrong"}, verify=str(host.ca_file), timeout=30
    )
    host.change({"SQL": {
        "update": [{"where": {"ContosoLogin": "ljacobson"}, "set": {"FirstName": "Elisabeth"}}],
        "delete": [{"ContosoLogin": "dmartin"}],
    }})  # fmt: skip


if __name__ == "__main__":
    main()
    a_class()
