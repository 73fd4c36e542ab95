"""Real clients against a served host: create, find, change, disable and delete users over verified TLS.

Run with an environment that has scim2-client and scim-client (`pip install -e '.[dev]'`) and a `mockhost` command
on the path. Those clients are other projects'; curl is the third. Prints one line a step; exit code 1 at the first
that does not hold.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

URN = "urn:ietf:params:scim:schemas:extension:ECMA2Host:2.0:User"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
CONTAINER = "CN=CloudUsers,CN=App,DC=Contoso,DC=lab"


def step(text: str, holds: bool, seen: object = "") -> None:
    """Say what was tried and whether it held."""
    print(f"{'ok  ' if holds else 'FAIL'} {text}{'' if holds else f': {seen!r}'}", flush=True)
    if not holds:
        raise SystemExit(1)


def attributes_of(connector: str, login: str) -> dict[str, Any]:
    """A new user in the attributes of a connector of basics/healthy."""
    if connector == "SQL":
        return {"ContosoLogin": login, "FirstName": "Ann", "LastName": "Vance"}
    return {
        "-dn-": f"CN={login},{CONTAINER}",
        "cn": login,
        "displayName": "Ann Vance",
        "objectClass": ["top", "person", "organizationalPerson", "user"],
    }


def names_of(connector: str) -> tuple[str, str]:
    """The matching attribute and one that can be changed."""
    return ("ContosoLogin", "LastName") if connector == "SQL" else ("cn", "displayName")


def with_scim2_client(connector: str, url: str, token: str, ca_file: str) -> None:
    """python-scim's scim2-client, with the host's extension registered as a model."""
    from httpx2 import Client
    from pydantic import Field
    from scim2_client.engines.httpx2 import SyncSCIMClient
    from scim2_models import URN as Urn
    from scim2_models import (
        Extension,
        PatchOp,
        PatchOperation,
        ResourceType,
        ScimProvider,
        SearchRequest,
        User,
    )

    class Employee(Extension):
        __schema__ = Urn(URN)
        ContosoLogin: str | None = None
        FirstName: str | None = None
        LastName: str | None = None

    class Account(Extension):
        __schema__ = Urn(URN)
        cn: str | None = None
        displayName: str | None = None
        objectClass: list[str] | None = None
        distinguished_name: str | None = Field(default=None, alias="-dn-")

    extension: Any = Employee if connector == "SQL" else Account
    model: Any = User[extension]
    who = f"scim2-client, {connector}"
    context = ssl.create_default_context(cafile=ca_file)
    headers = {"Authorization": f"Bearer {token}"}
    provider = ScimProvider(models=[User, extension], resource_types=[ResourceType.from_resource(model)])
    with Client(base_url=url, headers=headers, verify=context) as http:
        scim: Any = SyncSCIMClient(http, provider=provider)
        new = model.model_validate(
            {"schemas": [CORE, URN], "userName": "ann", URN: attributes_of(connector, "ann")}
        )
        created = scim.create(new)
        step(f"{who}: create", bool(created.id), created)
        match, changeable = names_of(connector)
        found = scim.query(model, SearchRequest(filter=f'{URN}:{match} eq "ann"'))
        step(f"{who}: find", found.total_results == 1 and found.resources[0].id == created.id, found)

        def change(path: str, value: object) -> Any:
            operation: Any = PatchOperation(op="replace", path=path, value=value)
            scim.modify(model, created.id, PatchOp[model](operations=[operation]))
            return scim.query(model, created.id)

        changed = change(f"{URN}:{changeable}", "Changed")
        step(f"{who}: change", getattr(changed[extension], changeable) == "Changed", changed)
        disabled = change("active", False)
        step(f"{who}: disable", disabled.active is False, disabled)
        scim.delete(model, created.id)
        gone = scim.query(model, created.id, raise_scim_errors=False)
        step(f"{who}: delete", int(gone.status) == 404, gone)


def with_scim_client(connector: str, url: str, token: str, ca_file: str) -> None:
    """Aplopio's scim-client; it trusts what SSL_CERT_FILE names."""
    from scim_client.scim_client import SCIMClient

    class Person:
        """Just enough of a user for a client that lets one bring one's own class."""

        def __init__(self, **values: Any) -> None:
            self.values = values
            self.id = values.get("id")

        def to_dict(self) -> dict[str, Any]:
            return dict(self.values)

    class People:
        def __init__(self, total_results: int, resources: list[dict[str, Any]], **_: Any) -> None:
            self.total, self.resources = total_results, resources

    class Client(SCIMClient):  # type: ignore[misc]
        class Meta:
            UserCls = Person
            UserSearchCls = People

    os.environ["SSL_CERT_FILE"] = ca_file
    who = f"scim-client, {connector}"
    client = Client(url, token, max_retries=1)
    match, changeable = names_of(connector)
    made = client.create_user(Person(schemas=[URN], **{URN: attributes_of(connector, "bea")}))
    step(f"{who}: create", bool(made.id), made.values)
    found = client.search_users(f'{match} eq "bea"', start_index=1)
    step(f"{who}: find", found.total == 1, found.resources)
    wanted = {**attributes_of(connector, "bea"), changeable: "Changed"}
    whole = Person(id=quote(made.id, safe=""), schemas=[URN], active=False, **{URN: wanted})
    client.update_user(whole)
    step(f"{who}: change and disable by PUT", client.search_users(f'{changeable} eq "Changed"').total == 1)
    client.delete_user(quote(made.id, safe=""))
    step(f"{who}: delete", client.search_users(f'{match} eq "bea"').total == 0)
    try:
        client.read_user(quote(made.id, safe=""))
    except HTTPError as error:
        step(f"{who}: gone", error.code == 404, error.code)


def with_curl(connector: str, url: str, token: str, ca_file: str) -> None:
    """curl, as the start page shows it."""
    who = f"curl, {connector}"

    def curl(*arguments: str) -> tuple[int, Any]:
        command = [
            "curl",
            "-sS",
            "--cacert",
            ca_file,
            "-H",
            f"Authorization: Bearer {token}",
            "-w",
            "\n%{http_code}",
        ]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=30, check=False)
        body, _, status = done.stdout.rpartition("\n")
        step(f"{who}: {' '.join(arguments[:2])[:60]}", done.returncode == 0, done.stderr)
        return int(status), json.loads(body) if body else None

    scim = ("-H", "Content-Type: application/scim+json; charset=utf-8")
    match, changeable = names_of(connector)
    body = {"schemas": [URN], URN: attributes_of(connector, "cid")}
    status, made = curl("-X", "POST", f"{url}/Users", *scim, "-d", json.dumps(body))
    step(f"{who}: create", status == 201, made)
    where = f"{url}/Users/{quote(made['id'], safe='')}"
    status, found = curl(f"{url}/Users?filter={match}+eq+%22cid%22")
    step(f"{who}: find", (status, found["totalResults"]) == (200, 1), found)
    for path, value in ((f"{URN}:{changeable}", "Changed"), ("active", "False")):
        change = {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "Replace", "path": path, "value": value}],
        }
        status, changed = curl("-X", "PATCH", where, *scim, "-d", json.dumps(change))
        step(f"{who}: change {path.rpartition(':')[2]}", status == 200, changed)
    step(
        f"{who}: changed and disabled",
        changed[URN][changeable] == "Changed" and changed["active"] is False,
        changed,
    )
    status, _ = curl("-X", "DELETE", where)
    step(f"{who}: delete", status == 204, status)
    status, _ = curl(where)
    step(f"{who}: gone", status == 404, status)


SETS = (
    "connectors.LDAP.system.columns.enabled=boolean",
    "connectors.LDAP.selected_attributes=[cn, displayName, objectClass]",
    "connectors.LDAP.deprovisioning={disable: {set: enabled}, delete: delete}",
)
"""In `basics/healthy` the directory has no disable flow; here `active` is to be seen in both connectors."""


def main() -> None:
    """Serve basics/healthy in a process of its own and run every client on both connectors."""
    command = shutil.which("mockhost", path=str(pathlib.Path(sys.executable).parent)) or shutil.which(
        "mockhost"
    )
    step("a mockhost command is on the path", command is not None)
    with tempfile.TemporaryDirectory() as folder:
        ready = pathlib.Path(folder) / "ready.json"
        options = [word for each in SETS for word in ("--set", each)]
        server = subprocess.Popen(
            [
                str(command),
                "serve",
                "--port",
                "0",
                "--control-port",
                "0",
                "--ready-file",
                str(ready),
                *options,
            ],
            stdout=subprocess.DEVNULL,
        )
        try:
            document = wait_for(ready, server)
            clients: list[Callable[[str, str, str, str], None]] = [with_scim2_client, with_scim_client]
            if shutil.which("curl"):
                clients.append(with_curl)
            for client in clients:
                for name, told in document["connectors"].items():
                    client(name, told["url"], told["secret_token"], document["ca_file"])
        finally:
            server.terminate()
            step("the host ends cleanly", server.wait(timeout=10) == 0, server.returncode)


def wait_for(ready: pathlib.Path, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The ready file's document, once it is there."""
    while not ready.exists():
        try:
            code = server.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
        raise SystemExit(f"mockhost serve ended with {code} before it was ready")
    document: dict[str, Any] = json.loads(ready.read_text())
    return document


if __name__ == "__main__":
    main()
