"""The network as the server sees it: Invoke-WebRequest, netsh. Only the host itself is asked; the rest is a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from mockhost.client.observation import Observation, exchange
from mockhost.windows.powershell import CommandFailed, failed, shown
from mockhost.windows.shell import Call, Done, cmdlet, program

_AZURE: Final = re.compile(
    r"(.+\.)?(msappproxy\.net|servicebus\.windows\.net|login\.windows\.net|microsoftonline\.com|msauth\.net|microsoft\.com"
    r"|azure\.com|windows\.net)",
    re.IGNORECASE,
)
"""Hosts that an agent asks (Microsoft Learn, Cloud sync troubleshooting), and the portal's."""
_LONGEST_BODY: Final = 1024 * 1024
PORT: Final = 8585
"""The port that the server's own documents and scripts name; it is the data plane's, whatever that is here."""


def ask(call: Call, url: str, method: str, headers: Sequence[tuple[str, str]]) -> Observation | None:
    """Ask the host itself as from the server; None if the URL leads somewhere else."""
    server = call.machine.server
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise CommandFailed(f"Invalid URI: {url}") from None
    names = {
        "localhost",
        "127.0.0.1",
        call.machine.config.name.casefold(),
        call.machine.config.name.partition(".")[0].casefold(),
    }
    if (parts.hostname or "").casefold() not in names or port not in (PORT, server.address[1]):
        return None
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    base = f"{parts.scheme}://localhost:{server.address[1]}"
    ca_file = str(server.certificates.bundle_file)
    return exchange(base, method, target or "/", headers, ca_file=ca_file, body_limit=_LONGEST_BODY)


def trouble(seen: Observation) -> str | None:
    """Why there is no answer, in .NET's words; None if there is one."""
    if seen.status is not None:
        return None
    if seen.ends in ("refused", "unreachable"):
        return "Unable to connect to the remote server"
    if seen.ends == "no_answer_within":
        return "The operation has timed out."
    how = "The connection was closed unexpectedly."
    if seen.ends.startswith("tls_"):
        how = "Could not establish trust relationship for the SSL/TLS secure channel."
    elif seen.ends in ("alert", "not_tls", "rst"):
        how = "An unexpected error occurred on a send."
    return f"The underlying connection was closed: {how}"


@cmdlet("Invoke-WebRequest", waits=True)
def invoke_web_request(
    call: Call, uri: str, *, method: str = "GET", headers: list[str] | None = None, proxy: str | None = None,
    use_basic_parsing: bool = False,
) -> Done:  # fmt: skip
    """Sends a request from the server to the host. Headers: -Headers 'Authorization: Bearer TOKEN'."""
    name = "Invoke-WebRequest"
    if "://" not in uri:
        uri = f"http://{uri}"
    if not re.fullmatch("[A-Za-z]{1,20}", method):
        raise failed(name, "not_a_method", value=method)
    said = []
    for each in headers or ():
        header, colon, value = each.partition(":")
        if not colon or not re.fullmatch(r"[\w-]{1,100}", header) or not value.strip().isprintable():
            raise CommandFailed("write headers like -Headers 'Authorization: Bearer TOKEN'")
        said.append((header, value.strip()))
    seen = ask(call, uri, method.upper(), said)
    if seen is None:
        return _outside(call, uri, proxy)
    if (why := trouble(seen)) is not None:
        raise failed(name, "WebCmdletWebResponseException", why=why)
    assert seen.status is not None
    text = seen.body.decode("utf-8", "replace")
    data = {
        "StatusCode": seen.status,
        "StatusDescription": seen.reason,
        "Content": text,
        "Headers": dict(seen.headers),
    }
    if seen.status >= 400:
        why = f"The remote server returned an error: ({seen.status}) {seen.reason}."
        return Done(failed(name, "WebCmdletWebResponseException", why=f"{why}\n{text}").shown, data, code=1)
    content = text if len(text) <= 4000 else text[:4000] + "..."
    page = shown("web_response", status=seen.status, reason=seen.reason, content=content)
    return Done(f"{page}RawContentLength  : {len(seen.body)}\n\n\n", data)


def _outside(call: Call, uri: str, proxy: str | None) -> Done:
    """A host elsewhere, as the model of the network has it: nothing is sent."""
    name, needed = urlsplit(uri).hostname or "", call.machine.config.proxy
    if not _AZURE.fullmatch(name):
        why = f"The remote name could not be resolved: '{name}'"
        raise failed("Invoke-WebRequest", "InvalidOperation", why=why)
    if needed is not None and (proxy or "").rstrip("/").rpartition("//")[2] != needed:
        raise failed("Invoke-WebRequest", "InvalidOperation", why="Unable to connect to the remote server")
    content = f"(as the scenario has it: {name} is reached; nothing was sent)"
    page = shown("web_response", status=200, reason="OK", content=content)
    return Done(f"{page}\n", {"StatusCode": 200, "Simulated": True})


@program("netsh")
def netsh(call: Call, words: Sequence[str]) -> Done:
    """Shows the certificate on the port: netsh http show sslcert; and netsh winhttp show|set|reset proxy."""
    said = " ".join(words).casefold()
    if said.startswith("http show sslcert"):
        return _sslcert(call)
    if said.startswith("winhttp show proxy"):
        return Done(_winhttp(call))
    if said.startswith(("winhttp set proxy", "winhttp reset proxy")):
        if not call.elevated:
            raise CommandFailed("Error writing proxy settings. (5) Access is denied.\n", 5)
        given = [
            word.rpartition("=")[2] if word.casefold().startswith(_OPTIONS) else word for word in words[3:]
        ]
        if words[1].casefold() == "set" and not given:
            raise CommandFailed("usage: netsh winhttp set proxy HOST:PORT [BYPASS-LIST]")
        proxy, bypass = [*given, "(none)"][:2] if given else ("", "")
        call.machine.winhttp = (proxy, bypass)
        note = (
            "(The agent does not read it: .NET takes its proxy from the exe.config or the user's settings.)\n"
        )
        return Done(_winhttp(call) + note)
    raise CommandFailed(
        "The following commands are here: netsh http show sslcert, netsh winhttp show|set|reset proxy"
    )


_OPTIONS: Final = ("proxy-server=", "bypass-list=")


def _winhttp(call: Call) -> str:
    proxy, bypass = call.machine.winhttp
    set_up = f"    Proxy Server(s) :  {proxy}\n    Bypass List     :  {bypass}"
    state = set_up if proxy else "    Direct access (no proxy server)."
    return f"\nCurrent WinHTTP proxy settings:\n\n{state}\n\n"


def _sslcert(call: Call) -> Done:
    found = call.machine.server.certificates.describe()
    head = "\nSSL Certificate bindings: \n------------------------- \n\n"
    if found["mode"] != "certificate":
        return Done(f"{head}The system cannot find the file specified.\n\n", None, code=1)
    rows = {
        "IP:port": f"0.0.0.0:{PORT}",
        "Certificate Hash": str(found["thumbprint"]).lower(),
        "Application ID": "{00000000-0000-0000-0000-000000000000}",
        "Certificate Store Name": "My",
        "Verify Client Certificate Revocation": "Enabled",
        "Verify Revocation Using Cached Client Certificate Only": "Disabled",
        "Usage Check": "Enabled",
        "Revocation Freshness Time": "0",
        "URL Retrieval Timeout": "0",
        "Ctl Identifier": "(null)",
        "Ctl Store Name": "(null)",
        "DS Mapper Usage": "Disabled",
        "Negotiate Client Certificate": "Enabled" if found["client_certificate"] != "none" else "Disabled",
    }
    return Done(
        head + "".join(f"    {name:<28} : {value} \n" for name, value in rows.items()) + "\n",
        {**rows, "Certificate": found},
    )
