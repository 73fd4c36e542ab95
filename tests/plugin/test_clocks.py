"""Tests that move Python's clock: hosts go by the machine's, for sockets, threads and certificates."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Play

MOVERS = {
    "monkeypatch": """
import time
@pytest.fixture
def moved(monkeypatch, to):
    for name in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, lambda: float(to))
""",
    "freezegun": """
import datetime, freezegun
@pytest.fixture
def moved(to):
    with freezegun.freeze_time(datetime.datetime.fromtimestamp(to, datetime.UTC)):
        yield
""",
    "time_machine": """
import time_machine as machine
@pytest.fixture
def moved(to):
    with machine.travel(to, tick=False):
        yield
""",
}
SUITE = """
import threading, time
PAST, FUTURE = 1_000_000_000, 4_000_000_000

@pytest.fixture(params=[PAST, FUTURE])
def to(request):
    return request.param

def use(host, client, to):
    assert time.time() == to  # it is moved
    assert client.get("/Schemas").status_code == 200
    host.fail_next("schemas", delay="1ms", reply={"status": 418})
    assert client.get("/Schemas").status_code == 418
    host.clock.advance(days=1)
    assert client.get("/Schemas", headers={"Connection": "close"}).status_code == 200
    host.reset()
    host.fail_next("list_users", fault="hang")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(client.get("/Users", params={"count": 1}).status_code))
    thread.start()
    host.wait_for("list_users")
    host.release()
    thread.join()
    assert answers == [200]

@pytest.mark.parametrize("scenario", ["basics/healthy", "basics/scim"])
@pytest.mark.mockhost(clock="wall")
def test_moved_after(mockhost_factory, scenario, TLS, request, to):
    from mockhost.pytest_plugin.tenant import TenantSession
    host = mockhost_factory(scenario, tls=TLS)
    with TenantSession.of(host) as client:
        client.get("/Schemas")
        request.getfixturevalue("moved")
        use(host, client, to)

@pytest.mark.mockhost(clock="wall", tls=TLS)
def test_moved_before(moved, mockhost, mockhost_client, to):
    use(mockhost, mockhost_client, to)

@pytest.mark.mockhost(tls=TLS, host={"tls": {"names": ["localhost", "new.example"]}} if TLS else {})
def test_minted_while_moved(moved, mockhost, mockhost_client, to):
    use(mockhost, mockhost_client, to)
    assert mockhost.ca_file is None or TLS

def test_control_plane(moved, mockhost, mockhost_client):
    import requests
    assert requests.get(mockhost.control_url + "/v1/health").status_code == 200
    assert mockhost.clock.iso() == "2026-01-01T00:00:00.000Z"

def test_runs_by_itself(moved, mockhost_factory):
    host = mockhost_factory(clock="wall")
    before = host.clock.now()
    assert abs(before - REAL) < 86_400
"""


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("mover", MOVERS)
def test_hosts_keep_real_time(play: Play, mover: str, tls: bool) -> None:
    """A clock moved before or after the host began, by far, in either direction."""
    if mover != "monkeypatch":
        pytest.importorskip(mover)
    text = SUITE.replace("scenario, TLS", "scenario").replace("TLS", str(tls))
    result = play(f"import time as t\nREAL = t.time()\n{MOVERS[mover]}{text}", "-W", "error")
    result.assert_outcomes(passed=12)


@pytest.mark.slow
@pytest.mark.parametrize("mover", MOVERS)
def test_a_process_that_first_needs_mockhost_while_its_clock_is_moved(
    pytester: pytest.Pytester, mover: str
) -> None:
    """The plugin took its references when pytest started; an autouse fixture comes before every host."""
    if mover != "monkeypatch":
        pytest.importorskip(mover)
    pytester.makepyfile(
        f"""
import pytest
{MOVERS[mover]}
@pytest.fixture
def to():
    return 1_000_000_000

@pytest.fixture(autouse=True)
def always(moved):
    pass

def test_it(mockhost, mockhost_client):
    assert mockhost_client.get("/Schemas").status_code == 200
"""
    )
    pytester.makeini("[pytest]\naddopts = -p no:randomly -p no:cacheprovider -p no:asyncio -W error\n")
    pytester.runpytest_subprocess().assert_outcomes(passed=1)
