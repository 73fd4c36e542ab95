"""What clients see of each fault of HTTP and the body is what its documentation says: requests, curl, and our own."""

from __future__ import annotations

import io
import json
import re
import subprocess

import pytest
import requests
from ruamel.yaml import YAML

from mockhost.client.observation import Observation, exchange
from mockhost.expect.comparison import problems
from mockhost.faults import FAULTS, find
from tests.faults.http.conftest import PATH, Port
from tests.machine import CURL, needs_curl, output

NAMES = [name for name, kind in FAULTS.items() if kind in ("http", "body") and find(name).upload is None]


def _before(port: Port, name: str) -> str:
    """Have the port meet a fault, with the parameters of its documentation; the method to ask with."""
    port.meets(name, find(name).example)
    if name == "rate_limit":
        for _ in range(2):
            assert requests.get(port.url, verify=port.ca_file, timeout=120).status_code == 200
    if name == "mismatched_response":
        assert (
            requests.get(f"{port.url}/nobody", verify=port.ca_file, timeout=120).json()["totalResults"] == 0
        )
    return "POST" if name == "conflict" else "GET"


@pytest.mark.parametrize("name", NAMES)
def test_requests_reports_what_the_documentation_says(port: Port, name: str) -> None:
    method, said = _before(port, name), find(name).seen.requests
    exception = re.match(r"[A-Z]\w+(?=:)", said)
    if exception:
        with pytest.raises(requests.RequestException) as raised:
            requests.request(method, port.url, verify=port.ca_file, timeout=120)
        assert type(raised.value).__name__ == exception[0]
        assert said.partition(": ")[2] in str(raised.value)
        return
    response = requests.request(method, port.url, verify=port.ca_file, timeout=120)
    assert str(response.status_code) == said[:3]
    if "response.json() raises JSONDecodeError" in said:
        with pytest.raises(requests.JSONDecodeError):
            response.json()
    elif "raises HTTPError" in said:
        with pytest.raises(requests.HTTPError):
            response.raise_for_status()
    elif "response.json()" in said:
        assert isinstance(response.json(), (dict, list))


@needs_curl
@pytest.mark.parametrize("name", NAMES)
def test_curl_reports_what_the_documentation_says(port: Port, name: str) -> None:
    """The exit code; with the options that the documentation names, too."""
    said = find(name).seen.curl
    plain = re.match(r"\((\d+)\)(.*?)(?:;|$)", said)
    assert plain
    cases = [
        ("", plain[1]),
        *((option, code) for code, option in re.findall(r"\((\d+)\) with (--[a-z]+)", said)),
    ]
    for option, code in cases:
        method = _before(port, name)
        data = ["--data", "{}"] if method == "POST" else []
        done = _curl(port, *data, *filter(None, [option]))
        assert (option, str(done.returncode)) == (option, code), done.stderr
        if code not in ("0", "22"):
            continue
        if status := re.search(r"\d{3}", plain[2]):
            assert status[0] in done.stdout.splitlines()[-1]


def _curl(port: Port, *options: str) -> subprocess.CompletedProcess[str]:
    fixed = ["--silent", "--show-error", "--max-time", "20", "--cacert", port.ca_file, "--noproxy", "*"]
    return subprocess.run(
        ["curl", *fixed, "--write-out", "\n%{http_code}", *options, port.url],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=60,
    )


def _seen(port: Port, method: str) -> Observation:
    return exchange(
        port.url, method, f"{PATH}?count=1", body=b"{}" if method == "POST" else None, ca_file=port.ca_file
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_step_asserts_it_as_the_documentation_says(port: Port, name: str) -> None:
    """The words of `gets` hold for the faulty answer, and not for a healthy one."""
    gets = YAML(typ="safe").load(io.StringIO(find(name).seen.gets))
    method = _before(port, name)
    assert problems(gets, _seen(port, method), None) == []
    port.meets("lying_totals", {"start_index": 1})  # which changes nothing
    assert problems(gets, _seen(port, method), None) != []


def test_the_examples_of_the_documentation_are_data() -> None:
    assert all(json.dumps(find(name).example) for name in NAMES)


def test_a_neighbour_is_served_as_always_afterwards(port: Port) -> None:
    """A session that met each fault, one after the other, gets the right answer at last."""
    with requests.Session() as session:
        for name in NAMES:
            port.meets(name, find(name).example)
            try:
                session.get(port.url, verify=port.ca_file, timeout=120, allow_redirects=False)
            except requests.RequestException:
                continue
        port.meets("lying_totals", {"start_index": 1})
        assert session.get(port.url, verify=port.ca_file, timeout=120).json()["totalResults"] == 1


def _reported(port: Port, method: str = "GET") -> str:
    """What `requests` raises, or the status and what reading JSON raises."""
    try:
        response = requests.request(method, port.url, verify=port.ca_file, timeout=120)
    except requests.RequestException as problem:
        return type(problem).__name__
    try:
        response.json()
    except requests.JSONDecodeError:
        return f"{response.status_code}, no JSON"
    return str(response.status_code)


@pytest.mark.parametrize(
    ("name", "given", "reported", "exit_code"),
    [
        ("content_length", {"add": -10}, "200, no JSON", 0),
        ("content_length", 0, "200, no JSON", 0),
        ("duplicate_headers", "Content-Length", "InvalidHeader", None),
        ("duplicate_headers", {"name": "X-A", "value": "1"}, "200", 0),
        ("bad_gzip", "damaged", "ContentDecodingError", 0),
        ("bad_gzip", "truncated", "200, no JSON", 0),
        ("redirect", "onward", "TooManyRedirects", 0),
        ("redirect", {"location": "gopher://a/"}, "InvalidSchema", 0),
        ("content_type", {"missing": True}, "200", 0),
        ("http_error", 401, "401", 0),
        ("http_error", 502, "502, no JSON", 0),
        ("http_error", 503, "503, no JSON", 0),
        ("http_error", 404, "404, no JSON", 0),
        ("wrong_charset", "latin-1", "200", 0),
        ("html", {"status": 502}, "502, no JSON", 0),
    ],
)
def test_other_ways_of_a_fault(
    port: Port, name: str, given: object, reported: str, exit_code: int | None
) -> None:
    port.meets(name, given)
    assert _reported(port) == reported
    if output(*CURL) and exit_code is not None:  # two lengths: curl's versions differ
        assert _curl(port).returncode == exit_code


@pytest.mark.parametrize("name", ["content_length", "duplicate_headers"])
def test_a_length_that_lies_ends_the_connection(port: Port, name: str) -> None:
    """After the whole body: by FIN, over TLS by its closing alert."""
    port.meets(name, {"content_length": None, "duplicate_headers": "Content-Length"}[name])
    seen = exchange(port.url, "GET", PATH, ca_file=port.ca_file, linger=5)
    assert seen.ends in ("fin", "close_notify")
    assert not seen.complete


def test_http_sys_ends_the_connection_after_its_page_where_it_is_named(port: Port) -> None:
    """A status by itself keeps the connection, whoever words it."""
    port.meets("http_error", {"status": 503, "layer": "httpsys"})
    seen = exchange(port.url, "GET", PATH, ca_file=port.ca_file, linger=5)
    assert seen.status == 503
    assert seen.header("Connection") == "close"
    assert seen.ends in ("fin", "close_notify")
    port.meets("http_error", 503)
    seen = exchange(port.url, "GET", PATH, ca_file=port.ca_file)
    assert (seen.status, seen.header("Connection"), seen.ends) == (503, None, "keep")
