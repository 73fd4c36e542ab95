"""Servers that know nothing of mockhost: the doctor ends in time, and its finding fits what they are."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mockhost.client.observation import exchange
from mockhost.clock import monotonic, wall_now
from mockhost.tls.authority import Authority, mint
from mockhost.tls.config import TlsConfig
from tests.doctor.conftest import Examine
from tests.machine import needs

pytestmark = pytest.mark.slow
PATH = "/ecma2host_SQL/scim"
NGINX = ("sh", "-c", "nginx -v 2>&1")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        return int(holder.getsockname()[1])


def answers(url: str) -> None:
    """Wait until something answers there, for as long as a busy machine may take."""
    deadline = monotonic() + 60
    while exchange(url, "GET", "/", timeout=2.0, trusts=("anything",)).status is None:
        assert monotonic() < deadline, f"nothing answers at {url}"


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An nginx with a page of its own over TLS, and the same over HTTP/2 without TLS; its https URL and the CA."""
    secure, cleartext = free_port(), free_port()
    minted = mint(TlsConfig(), authority=Authority(), virtual_now=wall_now(), wall_now=wall_now())
    (tmp_path / "cert.pem").write_text(minted.chain_pem, "ascii")
    (tmp_path / "key.pem").write_text(minted.key_pem, "ascii")
    (tmp_path / "trust.pem").write_text(minted.chain_pem, "ascii")
    (tmp_path / "nginx.conf").write_text(
        f"""
daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;
events {{}}
http {{
  access_log off; client_body_temp_path {tmp_path}/a; proxy_temp_path {tmp_path}/b; fastcgi_temp_path {tmp_path}/c;
  uwsgi_temp_path {tmp_path}/d; scgi_temp_path {tmp_path}/e;
  server {{ listen 127.0.0.1:{secure} ssl; ssl_certificate {tmp_path}/cert.pem; ssl_certificate_key {tmp_path}/key.pem;
    location / {{ default_type text/html; return 404 "<html><title>404 Not Found</title></html>"; }} }}
  server {{ listen 127.0.0.1:{cleartext} http2; }}
}}
""",
        "utf-8",
    )
    process = subprocess.Popen(["nginx", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        answers(f"https://localhost:{secure}")
        yield f"{secure}:{cleartext}", tmp_path / "trust.pem"
    finally:
        process.terminate()
        process.wait(30)


@needs(*NGINX)
def test_nginx_is_another_server(nginx: tuple[str, Path], examined: Examine) -> None:
    ports, trust = nginx
    secure, cleartext = ports.split(":")
    found = examined(f"https://localhost:{secure}{PATH}", "any-secret-token", str(trust))
    assert found["EMH0202"].status == "pass"
    assert found["EMH0302"].status == "fail"
    assert "nginx" in found["EMH0302"].saw
    assert not [each for each in found.values() if each.status == "error"]
    found = examined(f"http://localhost:{cleartext}{PATH}")
    assert found["EMH0301"].status == "fail"
    assert "not HTTP" in found["EMH0301"].saw


def test_scim2_server_is_a_scim_service_without_connectors(tmp_path: Path, examined: Examine) -> None:
    """It has no token and no connector: the doctor says so, and finds its lists sound."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = subprocess.run([str(python), "-m", "pip", "-qq", "install", "scim2-server==0.8.3"], check=False)
    if done.returncode:
        pytest.skip("scim2-server cannot be installed here")
    port = free_port()
    process = subprocess.Popen([str(python.with_name("scim2-server")), "--port", str(port)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        answers(f"http://localhost:{port}")
        found = examined(f"http://localhost:{port}/v2")
        assert found["EMH0001"].status == "warn"
        assert found["EMH0304"].status == "fail"
        assert found["EMH0401"].status == "pass", found
        assert found["EMH0404"].status == "pass"
        found = examined(f"http://localhost:{port}{PATH}")
        assert found["EMH0303"].status == "fail"
        assert "404" in found["EMH0303"].saw
        assert not [each for each in found.values() if each.status == "error"]
    finally:
        process.terminate()
        process.wait(30)
