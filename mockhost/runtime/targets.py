"""How clients get to a running mock: the host's own truth, and what the scenario told them."""

from __future__ import annotations

from mockhost.running import ClientTarget
from mockhost.runtime.runtime import Runtime


def base_url(runtime: Runtime, name: str) -> str:
    """The address of a connector's SCIM endpoint, as clients reach it."""
    if runtime.public_url is not None:
        return f"{runtime.public_url}/ecma2host_{name}/scim"
    host, port = runtime.address
    scheme = "http" if runtime.scenario.host.tls.mode == "plain_http" else "https"
    return f"{scheme}://{host}:{port}/ecma2host_{name}/scim"


def truth(runtime: Runtime) -> dict[str, ClientTarget]:
    """The host's own truth, by connector."""
    encrypted = runtime.scenario.host.tls.mode != "plain_http"
    ca_file = str(runtime.certificates.bundle_file) if encrypted else None
    with runtime.lock:
        served = runtime.state.served
        pages = [(page.name, page.secret_token, page.kind) for page in runtime.scenario.connectors.values()]
        created = [served.connectors[name] for name in served.on_demand]
        pages += [(each.name, each.secret_token, each.kind) for each in created]
    return {
        name: ClientTarget(name, base_url(runtime, name), secret_token, ca_file, True, kind)
        for name, secret_token, kind in pages
    }


def told(runtime: Runtime) -> dict[str, ClientTarget]:
    """What the client was told, by connector: the truth, except where the scenario says otherwise."""
    targets = truth(runtime)
    for name, said in runtime.scenario.client.items():
        target = targets.get(name) or ClientTarget(name, base_url(runtime, name), "", None, True)
        if (token := said.get("secret_token")) is not None:
            target = target._replace(secret_token=str(token))
        if (url := said.get("tenant_url")) is not None:
            target = target._replace(url=tenant_url(runtime, str(url), target.url))
        trusts = said.get("trusts")
        if isinstance(trusts, (list, tuple)) and "ca" not in trusts:
            target = target._replace(ca_file=None, trusted=False)
        targets[name] = target
    return targets


def tenant_url(runtime: Runtime, said: str, true: str) -> str:
    public = runtime.public_url
    host, port = runtime.address if public is None else (public.url_host, public.port)
    url = said.replace("{truth}", true).replace("{port}", str(port)).replace("{host}", host)
    if url.startswith("/"):
        return true[: true.index("/", len("https://"))] + url
    return url
