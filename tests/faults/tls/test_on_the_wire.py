"""Each fault of TLS as its bytes, alerts and ends on the wire, under TLS 1.2 and 1.3; no neighbour notices."""

from __future__ import annotations

import ssl

import pytest
from cryptography import x509

from mockhost.client.observation import exchange
from mockhost.tls import versions
from mockhost.tls.alerts import ALERTS
from mockhost.tls.certificate import certificate_pem
from tests.faults.tls.conftest import VERSIONS, Port, client_hello, planned, records
from tests.server.raw import RawClient, get
from tests.tls.handshakes import careless, shake

_ALERT, _HANDSHAKE, _APPLICATION_DATA = 21, 22, 23
_SERVER_HELLO = 2


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["handshake_failure", "unrecognized_name", "certificate_required"])
def test_an_alert_is_one_record_and_then_a_fin(port: Port, version: str, name: str) -> None:
    """Fatal, in the clear, with the code of its name; nothing of a ServerHello."""
    port.meets({"tls_alert": name})
    with port.client() as client:
        client.send(client_hello(version))
        seen = client.until_end()
    assert seen.data[:2] == b"\x15\x03"
    assert (records(seen.data), seen.tcp) == ([(_ALERT, bytes([2, ALERTS[name]]))], "fin")
    port.is_well()


def test_a_client_knows_every_alert_by_its_name(port: Port) -> None:
    """The one that plays scenarios: `gets: {alert: …}` can tell one from the other."""
    port.meets("plain_http", 0)
    for name in ALERTS:
        port.meets({"tls_alert": name})
        seen = exchange(port.url, "GET", "/", ca_file=port.bundle)
        assert (seen.ends, seen.alert) == ("alert", name)


def test_a_reset_at_once(port: Port) -> None:
    """Not a byte is waited for, and none comes; it may be there before the client has looked."""
    port.meets({"tls_reset": "accept"})
    try:
        with port.client() as client:
            assert client.until_end()[:2] == (b"", "rst")
    except ConnectionResetError:
        pass
    port.is_well()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_reset_before_the_server_says_anything(port: Port, version: str) -> None:
    """The ClientHello is waited for; then not a byte, and RST."""
    port.meets("tls_reset")
    with port.client() as client:
        assert client.nothing_more(0.05), "it waits for the ClientHello"
        client.send(client_hello(version))
        assert client.until_end()[:2] == (b"", "rst")
    port.is_well()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_reset_in_the_servers_flight(port: Port, version: str) -> None:
    """A ServerHello has begun to come, no handshake can be finished with what came, and then RST."""
    port.meets({"tls_reset": "server_hello"})
    with port.client() as client:
        client.send(client_hello(version))
        seen = client.until_end()
    assert seen.tcp == "rst"
    assert seen.data[:1] == bytes([_HANDSHAKE])
    port.meets({"tls_reset": "server_hello"})
    with (
        port.client(careless(version), shake=False) as shaking,
        pytest.raises(ConnectionResetError, match="rst"),
    ):
        shaking.handshake()
    port.is_well()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("after", ["client_hello", "server_hello"])
def test_a_stall_is_silence(port: Port, version: str, after: str) -> None:
    """After the ClientHello nothing at all, or the beginning of the server's flight; the connection stays open."""
    port.meets({"tls_stall": after})
    with port.client() as client:
        client.send(client_hello(version))
        if after == "server_hello":
            assert client.expect(1) == bytes([_HANDSHAKE])
            while not client.nothing_more(0.1):
                pass
        assert client.nothing_more(0.1)
        port.is_well()
        port.listener.close_connections()
        assert client.until_end().tcp in ("rst", "fin")


def test_many_stalls_slow_nobody(port: Port) -> None:
    """And end with the others when connections are cut."""
    port.meets("tls_stall", 30)
    hello = client_hello()
    stalled = [port.client() for _ in range(30)]
    for client in stalled:
        client.send(hello)
    port.recorder.wait("opened", 30)
    port.is_well()
    port.listener.close_connections()
    for client in stalled:
        assert client.until_end().data == b""
        client.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_plain_http_on_the_tls_port(port: Port, version: str) -> None:
    """A ClientHello is no request line, and is answered in the clear; who speaks HTTP there is served."""
    port.meets("plain_http")
    with port.client() as client:
        client.send(client_hello(version))
        seen = client.until_end()
    assert seen.data.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert seen.tcp == "fin"
    port.meets("plain_http")
    with port.client() as client:
        assert client.ask(get("/")).body == b"hello"
    port.is_well()


@pytest.mark.skipif(versions.unspoken("1.1") is not None, reason=versions.unspoken("1.1") or "")
def test_old_protocol_is_refused_by_those_who_know_better(port: Port) -> None:
    """By protocol_version (70), in the clear, then FIN."""
    port.meets("old_protocol", 2)
    for version in (None, "1.3"):
        with port.client() as client:
            client.send(client_hello(version))
            seen = client.until_end()
        assert (records(seen.data), seen.tcp) == ([(_ALERT, b"\x02\x46")], "fin")
    port.is_well()


@pytest.mark.skipif(versions.unspoken("1.1") is not None, reason=versions.unspoken("1.1") or "")
@pytest.mark.parametrize(("newest", "spoken"), [("TLS 1.1", "TLSv1.1"), ("TLS 1.0", "TLSv1")])
def test_old_protocol_is_spoken_with_those_who_allow_it(port: Port, newest: str, spoken: str) -> None:
    """Really: the session has the old version, and requests are answered in it."""
    port.meets({"old_protocol": newest})
    context = careless()
    versions.limit(context, "1.0", "1.3")
    with port.client(context) as client:
        assert client.tls is not None
        assert client.tls.version() == spoken
        assert client.ask(get("/")).body == b"hello"


def test_a_client_certificate_demanded_of_tls_1_2(port: Port) -> None:
    """The client's Finished is answered by handshake_failure (40) in the clear, then FIN."""
    port.meets("client_certificate")
    with port.client(port.strict("1.2"), shake=False) as client:
        with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
            client.handshake()
        client.tls = None
        assert client.until_end().tcp == "fin"
    port.is_well()


def test_a_client_certificate_demanded_of_tls_1_3(port: Port) -> None:
    """The client has its session, and then reads certificate_required (116) and FIN."""
    port.meets("client_certificate")
    with port.client(port.strict("1.3")) as client:
        with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
            client.until_end()
        client.tls = None
        assert client.until_end().tcp == "fin"
    port.is_well()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("demand", ["required", "requested"])
def test_a_client_with_the_right_certificate_is_served(
    port: Port, version: str, demand: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One that the mock's CA has signed."""
    file = tmp_path_factory.mktemp("client") / "client.pem"
    file.write_text("".join(port.certificates.client_certificate()))
    context = port.strict(version)
    context.load_cert_chain(file)
    port.meets({"client_certificate": demand})
    with port.client(context) as client:
        assert client.ask(get("/")).body == b"hello"


REFUSALS = {
    "expired": 10,
    "not_yet_valid": 9,
    "wrong_name": 62,
    "untrusted": 18,
    "wrong_usage": 26,
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("word", REFUSALS)
def test_a_wrong_certificate_is_refused_for_what_is_wrong(port: Port, version: str, word: str) -> None:
    """By a client that trusts the host; one that takes any is served and can look at it."""
    port.meets({"tls": word}, 2)
    client = port.client(port.strict(version), shake=False)
    with client, pytest.raises(ssl.SSLCertVerificationError) as refused:
        client.handshake()
    assert refused.value.verify_code == REFUSALS[word]
    with port.client(careless(version)) as client:
        assert client.ask(get("/")).body == b"hello"
    port.is_well()


@pytest.mark.parametrize("version", VERSIONS)
def test_no_certificate_is_a_reset(port: Port, version: str) -> None:
    """The ClientHello is read, nothing is said."""
    port.meets({"tls": "none"})
    with port.client() as client:
        client.send(client_hello(version))
        assert client.until_end()[:2] == (b"", "rst")
    port.is_well()


def resumable(port: Port, context: ssl.SSLContext) -> ssl.SSLSession:
    """A session of a connection that met no fault, and that does resume."""
    session = None
    for _ in range(2):
        with port.client(context, session=session) as client:
            client.ask(get("/"))
            assert client.tls is not None
            resumed, session = client.tls.session_reused, client.tls.session
    assert resumed, "the test would show nothing if sessions did not resume at all"
    assert session is not None
    return session


def certificate(client: RawClient) -> x509.Certificate:
    assert client.tls is not None
    der = client.tls.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("word", REFUSALS)
def test_a_client_that_would_resume_meets_the_certificate(port: Port, version: str, word: str) -> None:
    """Its session of the sound certificate is worth nothing then, and worth as much as before afterwards."""
    context = careless(version)
    session = resumable(port, context)
    port.meets({"tls": word})
    with port.client(context, session=session) as client:
        assert client.ask(get("/")).body == b"hello"
        assert client.tls is not None
        assert not client.tls.session_reused
        other, others = certificate(client), client.tls.session
    with port.client(context, session=others) as client:
        client.ask(get("/"))
        assert client.tls is not None
        assert not client.tls.session_reused, "nor does a session of the fault resume with the host"
        assert certificate(client) != other
    with port.client(context, session=session) as client:
        client.ask(get("/"))
        assert client.tls is not None
        assert client.tls.session_reused or version == "1.3"  # a ticket of 1.3 may be used once


@pytest.mark.parametrize("version", VERSIONS)
def test_a_strict_client_that_would_resume_refuses(port: Port, version: str) -> None:
    """A client that has verified once does so again."""
    context = port.strict(version)
    session = resumable(port, context)
    port.meets({"tls": "expired"})
    client = port.client(context, session=session, shake=False)
    with client, pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        client.handshake()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_that_would_resume_is_asked_for_its_certificate(port: Port, version: str) -> None:
    """A session in which nobody asked does not spare it."""
    context = port.strict(version)
    session = resumable(port, context)
    port.meets("client_certificate")
    client = port.client(context, session=session, shake=False)
    with client, pytest.raises(ssl.SSLError, match=r"HANDSHAKE_FAILURE|CERTIFICATE_REQUIRED"):  # noqa: PT012 - 1.3 tells it later
        client.handshake()
        client.until_end()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("said", [{"tls_alert": "unknown_ca"}, "tls_reset", "tls_stall"])
def test_a_client_that_would_resume_meets_the_handshakes_end(port: Port, version: str, said: object) -> None:
    """A ticket changes nothing."""
    context = careless(version)
    session = resumable(port, context)
    port.meets(said)
    client = port.client(context, session=session, shake=False)
    with client:
        if said == "tls_stall":
            client.sock.settimeout(0.2)
        with pytest.raises((ssl.SSLError, ConnectionResetError, TimeoutError)) as ended:
            client.handshake()
    assert ("UNKNOWN_CA" in str(ended.value)) == isinstance(said, dict)
    assert isinstance(ended.value, TimeoutError) == (said == "tls_stall")


@pytest.mark.parametrize("version", VERSIONS)
def test_an_incomplete_chain_is_one_certificate_short(port: Port, version: str) -> None:
    """A strict client refuses it; one that has the intermediate from elsewhere is served."""
    authority = port.certificates.authority
    ca, (intermediate, _) = authority.signer()[0], authority.intermediate()
    port.meets("incomplete_chain", 3)
    with port.client(careless(version)) as client:
        leaf = certificate(client)
        assert (leaf.issuer, intermediate.issuer) == (intermediate.subject, ca.subject)
        leaf.verify_directly_issued_by(intermediate)
        assert client.ask(get("/")).body == b"hello"
    strict = port.strict(version)
    with (
        port.client(strict, shake=False) as refusing,
        pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"),
    ):
        refusing.handshake()
    strict.load_verify_locations(cadata=certificate_pem(intermediate))
    with port.client(strict) as knowing:
        assert knowing.ask(get("/")).body == b"hello"
    port.is_well()


def test_a_chain_with_its_intermediate_is_trusted(port: Port) -> None:
    """So what is wrong with the other one is what is missing."""
    plan = planned("incomplete_chain")
    assert plan.tls is not None
    mode, context = port.certificates.offer_for(plan.tls._replace(intermediate="sent"))
    shaken = shake(context, port.strict())
    assert (mode, shaken.refused, shaken.server_error) == ("certificate", None, None)
