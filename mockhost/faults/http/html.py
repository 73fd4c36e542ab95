"""A web page where JSON is due, with a status of success: a captive portal, an empty IIS, a proxy that blocks.

GitHub grokability/snipe-it#14138 is a page that the provisioning service got, with what the portal then says.
The troubleshooting page of Microsoft Learn has an answer by something else than the host among its causes.
"""

from __future__ import annotations

from typing import Final

from mockhost.faults.contract import Context, Draft, Fault, Parameter, Parameters, Seen

_PAGES: Final = {
    "sign_in": (
        "<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body><h1>Sign in to the "
        "network</h1>"
        '<form method="post" action="/login"><input name="user"><input name="password" '
        'type="password"></form></body>'
        "</html>",
        None,
    ),
    "iis": (
        "<!DOCTYPE html><html><head><title>IIS Windows "
        "Server</title></head><body><h1>Welcome</h1></body></html>",
        "Microsoft-IIS/10.0",
    ),
    "blocked": (
        "<!DOCTYPE html><html><head><title>Access blocked</title></head><body><h1>Access blocked</h1><p>Your "
        "organization's policy does not allow this address.</p></body></html>",
        None,
    ),
}


def _answer(draft: Draft, parameters: Parameters, _: Context) -> Draft:
    page, server = _PAGES[str(parameters["page"])]
    if parameters["body"] is not None:
        page, server = str(parameters["body"]), None
    status = parameters["status"]
    assert isinstance(status, int)
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/html; charset=utf-8"),)
    if server is not None:
        headers = (*headers, ("Server", server))
    body = page.encode("utf-8", "replace")
    return Draft(status, headers, body, draft.plan, reason="a page that is not the host's")


FAULT = Fault(
    name="html",
    group="http",
    title="A web page comes where JSON is due",
    seen=Seen(
        wire="200, Content-Type: text/html and a page",
        requests="200; response.json() raises JSONDecodeError",
        curl="(0) the body as it came",
        dotnet="HttpClient reports 200; then System.Text.Json raises JsonException \"'<' is an invalid "
        'start of a value", and the portal says "We are not able to deserialize the resource received from '
        'your SCIM endpoint" (GitHub grokability/snipe-it#14138)',
        gets="{status: 200, headers: {Content-Type: {starts_with: text/html}}, text: {contains: Sign in}}",
    ),
    parameters={
        "page": Parameter(
            "choice",
            "sign_in: a captive portal's; iis: the one of an IIS without a site; blocked: a proxy's that "
            "filters",
            "sign_in",
            choices=tuple(_PAGES),
        ),
        "body": Parameter("text", "Instead: the page"),
        "status": Parameter("integer", "The status", 200, minimum=200, maximum=599),
    },
    main="page",
    answer=_answer,
    write="not_applied",
)
