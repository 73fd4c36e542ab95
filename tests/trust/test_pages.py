"""What a web page in a browser can have the control plane do: nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from mockhost.control.app import create_control_app
from mockhost.operations import TABLE
from mockhost.runtime import Runtime
from mockhost.runtime.operations import Operated
from mockhost.scenario import loader
from mockhost.tls.authority import Authority
from mockhost.tls.serving import Certificates

LOCAL = "http://127.0.0.1:8586"


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    """A client of a control plane without a token."""
    runtime = Runtime(loader.load("basics/empty"), Certificates(Authority()))
    yield create_control_app(lambda _: Operated(runtime), token=None, bound_host="127.0.0.1").test_client()
    runtime.close()
    runtime.certificates.close()


@pytest.mark.parametrize(
    ("site", "status"),
    [
        (None, 200),
        ("none", 200),
        ("same-origin", 200),
        ("same-site", 403),
        ("cross-site", 403),
        ("Cross-Site", 403),
        ("", 403),
        ("something-new", 403),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_page_of_another_site_is_refused(
    client: FlaskClient, site: str | None, status: int, method: str
) -> None:
    """A script on another port of this machine is of the same site; an image needs no Origin."""
    headers = {} if site is None else {"Sec-Fetch-Site": site}
    answer = client.open(
        "/v1/scenario", method=method, json={"scenario": "basics/empty"}, headers=headers, base_url=LOCAL
    )
    assert answer.status_code == status


def test_a_page_of_another_site_is_refused_everywhere(client: FlaskClient) -> None:
    for endpoint in TABLE:
        path = endpoint.path.replace("{name}", "SQL").replace("{number}", "1")
        answer = client.open(
            path, method=endpoint.method, json={}, headers={"Sec-Fetch-Site": "cross-site"}, base_url=LOCAL
        )
        assert answer.status_code == 403, endpoint


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/health"), ("GET", "/v1/ca"), ("GET", "/v1/journal?format=har"), ("GET", "/v1/events"),
     ("GET", "/nothing"), ("PUT", "/v1/health"), ("PUT", "/v1/scenario"), ("POST", "/v1/rules")],
)  # fmt: skip
def test_no_browser_guesses_what_an_answer_is(client: FlaskClient, method: str, path: str) -> None:
    """Answers, errors and streams alike."""
    answer = client.open(path, method=method, base_url=LOCAL)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    answer.close()
