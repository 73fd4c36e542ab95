"""Beside other plugins: workers, random order, loops, time-outs, classes of unittest."""

from __future__ import annotations

import importlib.util

import pytest

from tests.plugin.conftest import Play


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(importlib.util.find_spec(module) is None, reason=f"{module} is not installed")


def test_classes_of_unittest_have_hosts(play: Play) -> None:
    """By a fixture that puts one into each test; a test's own failure is not hidden by what the host has to say."""
    result = play(
        """
import unittest

class TestIt(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _host(self, mockhost, mockhost_client):
        self.host, self.client = mockhost, mockhost_client

    @pytest.mark.mockhost("basics/empty")
    def test_marked(self):
        self.assertEqual(self.client.get("/Users").json()["totalResults"], 0)

    def test_fresh(self):
        self.assertEqual(len(self.host.journal), 0)

    def test_unused(self):
        self.host.fail_next("schemas", name="unused")

    def test_failing(self):
        self.host.fail_next("schemas", name="unused")
        self.fail("its own")

    def test_skipped(self):
        self.host.fail_next("schemas", name="unused")
        self.skipTest("no reason")
"""
    )
    result.assert_outcomes(passed=2, failed=2, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "FAILED *test_failing - AssertionError: its own",
            "FAILED *test_unused - Failed: mockhost: rule 'unused'*",
        ]
    )


@needs("pytest_asyncio")
def test_coroutines_have_hosts(play: Play) -> None:
    """With pytest-asyncio; the host runs on threads of its own, so nothing of it blocks the loop."""
    result = play(
        """
import asyncio

async def ask(host):
    reader, writer = await asyncio.open_connection("localhost", host.port, ssl=host.ssl_context())
    lines = ["GET /ecma2host_SQL/scim/Schemas HTTP/1.1", "Host: localhost", "Connection: close",
             f"Authorization: Bearer {host.token()}", "", ""]
    writer.write("\\r\\n".join(lines).encode())
    answer = await reader.read()
    writer.close()
    return answer.split(b"\\r\\n")[0]

@pytest.mark.asyncio
async def test_it(mockhost):
    mockhost.fail_next("schemas", times=1)
    answers = sorted(await asyncio.gather(*(ask(mockhost) for _ in range(5))))
    assert answers[:4] == [b"HTTP/1.1 200 OK"] * 4
    assert answers[4].startswith(b"HTTP/1.1 503")

@pytest.mark.asyncio
async def test_judged(mockhost):
    mockhost.fail_next("schemas", name="unused")
""",
        "-o",
        "addopts=-p no:cacheprovider -W error",
        "-o",
        "asyncio_default_fixture_loop_scope=function",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["mockhost: rule 'unused' never fired"])


@needs("pytest_timeout")
def test_a_test_that_waits_for_ever_ends_at_its_time_out(play: Play) -> None:
    """With pytest-timeout; the journal tells what it waited for, and the next test has a host."""
    result = play(
        """
@pytest.mark.timeout(1, method="signal")
def test_it(mockhost, mockhost_client):
    mockhost.add_rule({"when": {"operation": "schemas"}, "delay": "1h"})
    mockhost_client.get("/Schemas", timeout=None)

def test_next(mockhost_client):
    assert mockhost_client.get("/Schemas").status_code == 200
"""
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["E * Failed: Timeout*", "*- mockhost -*", "basics/healthy: *"])


@pytest.mark.slow
@needs("xdist")
def test_workers_have_hosts_of_their_own_and_tests_come_in_any_order(play: Play) -> None:
    """With pytest-xdist and pytest-randomly; reports with journals travel to the controller, slips too."""
    result = play(
        """
@pytest.mark.mockhost_each("basics/empty", "basics/healthy")
@pytest.mark.parametrize("nth", range(8))
def test_it(mockhost, mockhost_client, nth):
    people = 0 if mockhost.scenario.name == "basics/empty" else 5
    mockhost_client.delete("/Users/ljacobson")
    assert mockhost_client.get("/Users").json()["totalResults"] == max(people - 1, 0)
    mockhost.verify(connector="SQL", count=2)

def test_failing(mockhost, mockhost_client):
    mockhost_client.get("/Schemas")
    assert False
""",
        "-n2",
        "-p",
        "randomly",
        "-o",
        "addopts=-p no:cacheprovider -p no:asyncio",
        test_slip="import pytest\n@pytest.mark.mockhost('basics/emty')\ndef test_it(mockhost): pass",
    )
    result.stdout.fnmatch_lines(["test_it: @pytest.mark.mockhost: there is no scenario 'basics/emty'*"])
    result.stdout.fnmatch_lines(["*- mockhost -*", "1  00:00:00  SQL        schemas *"])
    result.assert_outcomes(passed=16, failed=1, errors=1)


def test_a_host_can_be_made_after_a_run_of_pytest_inside_of_pytest(pytester: pytest.Pytester) -> None:
    """Also without the fixtures, in a process that had not imported what a host stands on before."""
    pytester.makeconftest("pytest_plugins = ['pytester']")
    pytester.makepyfile(
        """
        def test_inside(pytester):
            pytester.makepyfile("def test_it(mockhost): pass")
            pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)

        def test_outside():
            from mockhost import MockHost
            with MockHost():
                pass
        """
    )
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=2)
