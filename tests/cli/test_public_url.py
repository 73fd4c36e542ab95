"""A host behind a proxy, an Ingress or a mapped port: `--public-url`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mockhost import public_url
from mockhost.api import MockHost
from mockhost.cli.options import Hosting
from mockhost.errors import UsageError
from tests.cli.conftest import Invoke

PUBLIC = "https://scim.contoso.example"
USER: dict[str, Any] = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
    "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User": {
        "ContosoLogin": "nneu",
        "FirstName": "N",
        "LastName": "Neu",
        "Email": "n@contoso.example",
    },
}


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://SCIM.Contoso.Example/", "https://scim.contoso.example"),
        ("https://scim.contoso.example:443", "https://scim.contoso.example"),
        ("http://scim.contoso.example:443", "http://scim.contoso.example:443"),
        ("https://scim.contoso.example.:8443", "https://scim.contoso.example:8443"),
        ("https://192.0.2.7:9", "https://192.0.2.7:9"),
        ("https://[2001:db8::7]", "https://[2001:db8::7]"),
        ("https://my_host", "https://my_host"),
    ],
)
def test_a_public_url_has_one_form(text: str, url: str) -> None:
    assert str(public_url.parse(text)) == url


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("scim.contoso.example", "must begin with https://"),
        ("ftp://scim.contoso.example", "must begin with https://"),
        ("https://", "no host name"),
        ("https://scim.contoso.example/scim", "has the path /scim"),
        ("https://scim.contoso.example?a=1", "query or a fragment"),
        ("https://scim.contoso.example#", "query or a fragment"),
        ("https://scim.contoso.example:0", "number from 1 to 65535"),
        ("https://scim.contoso.example:", "number from 1 to 65535"),
        ("https://scim.contoso.example:99999", "out of range"),
        ("https://[::1", "IPv6"),
        ("https://bücher.example", "xn--"),
        ("https://two words.example", "blanks"),
        ("https://a..example", "not a valid host name"),
        ("https://999.1.1.1", "not a valid host name"),
        ("https://0.0.0.0", "every address"),
        ("https://[::]", "every address"),
    ],
)
def test_what_is_no_public_url_says_why(text: str, part: str) -> None:
    with pytest.raises(UsageError) as raised:
        public_url.parse(text)
    assert part in str(raised.value)


def test_a_password_in_the_url_is_refused_and_not_shown() -> None:
    with pytest.raises(UsageError) as raised:
        public_url.parse("https://u:hunter2@scim.contoso.example")
    assert "hunter2" not in str(raised.value)


def test_it_decides_urls_variables_and_the_ready_file() -> None:
    with MockHost("basics/healthy", public_url=PUBLIC) as host:
        expected = f"{PUBLIC}/ecma2host_SQL/scim"
        ready = host.ready()
        assert host.url("SQL") == expected
        assert ready["connectors"]["SQL"]["url"] == ready["clients"]["SQL"]["url"] == expected
        assert host.env()["MOCKHOST_SQL_URL"] == expected
        assert host.control_url.startswith("http://127.0.0.1:")
        minted = host.runtime.certificates.minted
        assert minted is not None
        assert {"scim.contoso.example", "localhost"} <= set(minted.names)


@pytest.mark.parametrize("scenario", ["basics/healthy", "basics/scim"])
def test_locations_have_it_whatever_the_request_says(scenario: str) -> None:
    """A proxy may pass its own Host or the client's; X-Forwarded-* come from anybody and are not trusted."""
    with MockHost(scenario, public_url=PUBLIC, tls=False) as host:
        name = next(iter(host.connectors()))
        url = f"http://127.0.0.1:{host.port}/ecma2host_{name}/scim/Users"
        forwarded = {"Host": "inside:1", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
        body = USER if name == "SQL" else {"schemas": USER["schemas"], "userName": "nneu"}
        made = host.session(name).post(url, json=body, headers=forwarded)
        assert made.status_code == 201, made.text
        assert made.headers["Location"].startswith(f"{PUBLIC}/ecma2host_{name}/scim/Users/")
        assert made.json()["meta"]["location"] == made.headers["Location"]


def test_without_it_forwarded_headers_change_nothing() -> None:
    with MockHost("basics/scim") as host:
        forwarded = {
            "X-Forwarded-Host": "evil.example",
            "Forwarded": "host=evil.example",
            "X-Forwarded-Port": "1",
        }
        made = host.session().post(
            f"{host.url()}/Users", json={"schemas": USER["schemas"], "userName": "n"}, headers=forwarded
        )
        assert made.headers["Location"].startswith(f"{host.url()}/Users/")


def test_behind_a_proxy_that_ends_tls_there_is_no_ca_of_ours_to_trust() -> None:
    with MockHost("basics/healthy", public_url=PUBLIC, tls=False) as host:
        assert host.told("SQL").url.startswith(PUBLIC)
        assert host.ready()["ca_file"] is None


def test_a_tenant_url_of_the_scenario_is_filled_from_it() -> None:
    client = {"SQL": {"tenant_url": "https://{host}:{port}/ecma2host_SQL/scim"}}
    with MockHost("basics/healthy", public_url=f"{PUBLIC}:8443", client=client) as host:
        assert host.url("SQL") == f"{PUBLIC}:8443/ecma2host_SQL/scim"
    with MockHost("basics/healthy", public_url=PUBLIC, client={"SQL": {"tenant_url": "/x"}}) as host:
        assert host.url("SQL") == f"{PUBLIC}/x"


def test_plain_http_outside_and_tls_inside_do_not_fit() -> None:
    """Neither at the start nor when a running host is given another scenario."""
    with pytest.raises(UsageError, match="plain HTTP, but the host speaks TLS"):
        MockHost("basics/healthy", public_url="http://scim.contoso.example")
    plain = {"format": 1, "extends": "basics/healthy", "host": {"tls": "plain_http"}}
    with MockHost(plain, public_url="http://scim.contoso.example") as host:
        with pytest.raises(UsageError, match="plain HTTP, but the host speaks TLS"):
            host.use("basics/healthy")
        assert host.url("SQL").startswith("http://scim.contoso.example/")


def test_two_names_for_one_host_do_not_fit(invoke: Invoke) -> None:
    with pytest.raises(UsageError, match="two names"):
        MockHost("basics/healthy", public_url=PUBLIC, public_name="other.example")
    MockHost("basics/healthy", public_url=PUBLIC, public_name="scim.contoso.example").stop()
    refused = invoke(
        "serve", "--port", "0", "--control-port", "0", "--public-url", PUBLIC, "--public-name", "other"
    )
    assert refused.exit_code == 2
    assert "two names" in refused.stderr


def test_the_control_plane_is_not_what_clients_reach() -> None:
    with MockHost("basics/healthy") as other:
        assert other.control_listener is not None
        taken = other.control_listener.port
    with (
        pytest.raises(UsageError, match="is the control plane"),
        MockHost("basics/healthy", public_url=f"https://localhost:{taken}", control_port=taken),
    ):
        pass


def test_names_of_an_image_stay_the_others(tmp_path: Path) -> None:
    """They are in the certificate and lead to the control plane; the public URL does not lead there."""
    plain = Hosting(("127.0.0.1",), 0, "::", 0, None, (), None, None, (), None)
    with plain._replace(public_url=PUBLIC, public_name=("mock", "localhost")).make("basics/healthy") as host:
        assert host.url("SQL").startswith(f"{PUBLIC}/")
        assert host.control_url.startswith("http://mock:")
        minted = host.runtime.certificates.minted
        assert minted is not None
        assert {"mock", "localhost", "scim.contoso.example"} <= set(minted.names)
