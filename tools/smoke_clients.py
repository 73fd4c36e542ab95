"""Real clients against a served host: create, find, change, disable and delete users over verified TLS.

Run with an environment that has scim2-client and scim-client (`pip install -e '.[clients]'`) and a `mockhost` command
on the path. Nobody here wrote those clients; curl is the third. Prints one line a step; exit code 1 at the first
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
    from scim2_client.engines.httpx2 import SyncSCIMClient
    from scim2_models import (
        URN as Urn,
    )
    from scim2_models import (
        Extension,
        PatchOp,
        PatchOperation,
        ResourceType,
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

    extension = Employee if connector == "SQL" else Account
    model = User[extension]  # type: ignore[valid-type]
    who = f"scim2-client, {connector}"
    context = ssl.create_default_context(cafile=ca_file)
    headers = {"Authorization": f"Bearer {token}"}
    with Client(base_url=url, headers=headers, verify=context) as http:
        scim = SyncSCIMClient(http, resource_models=[model], resource_types=[ResourceType.from_resource(model)])
        user: Any
        if connector == "SQL":
            user = model(user_name="ann")
            user[extension] = extension(ContosoLogin="ann2", FirstName="Ann", LastName="Vance")
            created: Any = scim.create(user)
        else:
            # '-dn-' is no name that a Python attribute can have, so this one is sent as plain data
            body = {"schemas": [URN], "userName": "ann2", URN: attributes_of("LDAP", "ann2")}
            raw = http.post("/Users", json=body, headers={"Content-Type": "application/scim+json"})
            created = model.model_validate(raw.json())
        step(f"{who}: create", bool(created.id), created)
        match, changeable = names_of(connector)
        found: Any = scim.query(model, search_request=SearchRequest(filter=f'{URN}:{match} eq "ann2"'))
        step(f"{who}: find", found.total_results == 1 and found.resources[0].id == created.id, found)
        operation = PatchOperation(op="replace", path=f"{URN}:{changeable}", value="Changed")
        scim.modify(model, created.id, PatchOp[model](operations=[operation]))  # type: ignore[valid-type]
        again: Any = scim.query(model, created.id)
        step(f"{who}: change", getattr(again[extension], changeable) == "Changed", again)
        off = PatchOperation(op="replace", path="active", value=False)
        scim.modify(model, created.id, PatchOp[model](operations=[off]))  # type: ignore[valid-type]
        step(f"{who}: disable", scim.query(model, created.id).active is False, "still active")  # type: ignore[union-attr]
        scim.delete(model, created.id)
        gone: Any = scim.query(model, created.id, raise_scim_errors=False)
        step(f"{who}: delete", gone.status == 404, gone)


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
        command = ["curl", "-sS", "--cacert", ca_file, "-H", f"Authorization: Bearer {token}", "-w", "\n%{http_code}"]
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
    step(f"{who}: changed and disabled", changed[URN][changeable] == "Changed" and changed["active"] is False, changed)
    status, _ = curl("-X", "DELETE", where)
    step(f"{who}: delete", status == 204, status)
    status, _ = curl(where)
    step(f"{who}: gone", status == 404, status)


DISABLE = ("connectors.SQL.deprovisioning={disable: {set: IsActive}, delete: delete}",)
DISABLE_LDAP = "connectors.LDAP.deprovisioning={disable: {set: enabled}, delete: delete}"
"""`basics/healthy` has no disable flow, as the tutorials have none; here `active` is to be seen."""


def main() -> None:
    """Serve basics/healthy in a process of its own and run every client on both connectors."""
    command = shutil.which("mockhost", path=str(pathlib.Path(sys.executable).parent)) or shutil.which("mockhost")
    step("a mockhost command is on the path", command is not None)
    with tempfile.TemporaryDirectory() as folder:
        ready = pathlib.Path(folder) / "ready.json"
        sets = [
            "connectors.LDAP.system.columns.enabled=boolean",
            "connectors.LDAP.selected_attributes=[cn, displayName, objectClass]",
            *DISABLE,
            DISABLE_LDAP,
        ]
        options = [word for each in sets for word in ("--set", each)]
        server = subprocess.Popen(
            [str(command), "serve", "--port", "0", "--control-port", "0", "--ready-file", str(ready), *options],
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
