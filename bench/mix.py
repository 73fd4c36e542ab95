"""The Entra mix as load: what the provisioning service asks for one user, from the first find to the delete.

Find an existing user, find the new one in vain, create, get, change, find, disable, delete: each connection goes
through these eight requests in order and begins again with the next user. wrk makes the load where it is installed;
else this file does: `python -m bench.mix SECONDS CONNECTIONS` reads the order as JSON and prints the figures.
"""

from __future__ import annotations

import http.client
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlsplit

from bench.load import ROOT, Load

CROWD = "user%07d@contoso.example"
"""The userName of person n; every server of the row has the same people."""
STEPS = 8
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

# One connection a thread, so that a thread's state is its connection's: request() asks the step that response() is at.
_SCRIPT = """
local base, token, crowd, count, salt = "%s", "%s", "%s", %d, "%s"
local turn, step, user, id = 0, 1, nil, nil
local threads = {}
function setup(thread) table.insert(threads, thread); thread:set("number", #threads) end
function init(args) good, bad, why = 0, 0, ""; math.randomseed(number) end
local function find(name) return "GET", "/Users?filter=userName+eq+%%22" .. name:gsub("@", "%%%%40") .. "%%22" end
local function patch(values)
  return "PATCH", "/Users/" .. id, '{"schemas":["%s"],"Operations":[' .. values .. ']}'
end
local steps = {
  {200, '"totalResults":%%s*1%%D', function() return find(crowd:format(math.random(0, count - 1))) end},
  {200, '"totalResults":%%s*0%%D', function() return find(user) end},
  {201, '"id"', function() return "POST", "/Users", '{"schemas":["%s"],"userName":"' .. user .. '","externalId":"' ..
    user .. '","active":true,"displayName":"New Person","name":{"givenName":"New","familyName":"Person"},' ..
    '"emails":[{"value":"' .. user .. '","type":"work","primary":true}]}' end},
  {200, '"id"', function() return "GET", "/Users/" .. id end},
  {200, "", function() return patch('{"op":"replace","path":"displayName","value":"Changed Person"},' ..
    '{"op":"replace","path":"name.familyName","value":"Changed"}') end},
  {200, '"Changed Person"', function() return find(user) end},
  {200, "", function() return patch('{"op":"replace","path":"active","value":false}') end},
  {204, "", function() return "DELETE", "/Users/" .. id end},
}
function request()
  if user == nil then
    turn = turn + 1
    user = ("%%s-%%d-%%d@contoso.example"):format(salt, number, turn)
  end
  local method, path, body = steps[step][3]()
  local headers = {["Authorization"] = "Bearer " .. token, ["Accept"] = "application/scim+json"}
  if body then headers["Content-Type"] = "application/scim+json" end
  return wrk.format(method, base .. path, headers, body)
end
function response(status, headers, body)
  local want, pattern = steps[step][1], steps[step][2]
  local fits = status == want or (want == 200 and status == 204 and pattern == "")
  if fits and status ~= 204 and not body:find(pattern) then fits = false end
  if not fits then
    bad, why = bad + 1, ("step %%d: %%d %%s"):format(step, status, (body or ""):sub(1, 120):gsub('[%%c"\\\\]', " "))
    step, user = 1, nil
    return
  end
  good = good + 1
  if step == 3 then id = body:match('"id":%%s*"([^"]+)"') end
  step = step + 1
  if step > #steps then step, user = 1, nil end
end
function done(summary, latency)
  local e, good, bad, why = summary.errors, 0, 0, ""
  for _, thread in ipairs(threads) do
    good, bad = good + thread:get("good"), bad + thread:get("bad")
    if thread:get("why") ~= "" then why = thread:get("why") end
  end
  io.write(('\\nwhy %%s\\nfigures {"requests": %%d, "seconds": %%f, "p50": %%f, "p99": %%f, "errors": %%d}\\n'):format(
    why, good + bad, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    bad + e.connect + e.timeout))
end
"""


class Endpoint(NamedTuple):
    """Where the mix asks: the URL that ends before /Users, the bearer token, and how many people are there."""

    url: str
    token: str
    people: int


class Mixed(NamedTuple):
    """A round's figures, and what the last answer that did not fit was."""

    load: Load
    why: str = ""


def put_mix(endpoint: Endpoint, work: Path, *, seconds: float, connections: int = 4) -> Mixed:
    """Go through the mix for `seconds` over `connections` connections, each with users of its own."""
    salt = f"mix{time.time_ns():x}"
    if shutil.which("wrk"):
        return _wrk(endpoint, work, salt, seconds=seconds, connections=connections)
    command = [sys.executable, "-m", "bench.mix", str(seconds), str(connections)]
    order = json.dumps({**endpoint._asdict(), "salt": salt})
    done = subprocess.run(
        command, cwd=ROOT, input=order, capture_output=True, text=True, check=True, timeout=seconds + 60
    )
    figures = json.loads(done.stdout)
    return Mixed(Load(**figures["load"]), figures["why"])


def _wrk(endpoint: Endpoint, work: Path, salt: str, *, seconds: float, connections: int) -> Mixed:
    parts = urlsplit(endpoint.url)
    script = work / "mix.lua"
    values = (parts.path, endpoint.token, CROWD, endpoint.people, salt, PATCH, USER)
    script.write_text(_SCRIPT % values, "utf-8")
    command = [
        "wrk",
        f"-t{connections}",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "--timeout",
        "10s",
    ]
    done = subprocess.run(
        [*command, "-s", str(script), f"{parts.scheme}://{parts.netloc}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
    )
    lines = done.stdout.splitlines()
    figures = next((line for line in lines if line.startswith("figures ")), None)
    if figures is None:
        raise ValueError(f"wrk printed no figures: {(done.stderr or done.stdout)[-500:]}")
    why = next((line.removeprefix("why ") for line in lines if line.startswith("why ")), "")
    return Mixed(Load(**json.loads(figures.removeprefix("figures "))), why)


# -- without wrk -----------------------------------------------------------------------------------------------------


def requests(
    endpoint: Endpoint, salt: str, worker: int
) -> Generator[tuple[int, str, str, Any], str | None, None]:
    """The requests of one connection: (step, method, path, body). The created user's id is sent in after step 3."""
    chance = random.Random(worker)
    turn = 0
    while True:
        turn += 1
        user = f"{salt}-{worker}-{turn}@contoso.example"
        yield 1, "GET", _find(CROWD % chance.randrange(endpoint.people)), None
        yield 2, "GET", _find(user), None
        identifier = yield 3, "POST", "/Users", _new(user)
        yield 4, "GET", f"/Users/{identifier}", None
        change = [("displayName", "Changed Person"), ("name.familyName", "Changed")]
        yield 5, "PATCH", f"/Users/{identifier}", _patch(change)
        yield 6, "GET", _find(user), None
        yield 7, "PATCH", f"/Users/{identifier}", _patch([("active", False)])
        yield 8, "DELETE", f"/Users/{identifier}", None


def _find(name: str) -> str:
    return "/Users?filter=" + quote_plus(f'userName eq "{name}"')


def _new(user: str) -> dict[str, Any]:
    return {
        "schemas": [USER],
        "userName": user,
        "externalId": user,
        "active": True,
        "displayName": "New Person",
        "name": {"givenName": "New", "familyName": "Person"},
        "emails": [{"value": user, "type": "work", "primary": True}],
    }


def _patch(changes: list[tuple[str, Any]]) -> dict[str, Any]:
    operations = [{"op": "replace", "path": path, "value": value} for path, value in changes]
    return {"schemas": [PATCH], "Operations": operations}


def fits(step: int, status: int, body: bytes) -> bool:
    """Whether this is the answer that the step expects."""
    if step in (1, 2, 6):
        return status == 200 and json.loads(body)["totalResults"] == (step != 2)
    return status in {3: (201,), 4: (200,), 8: (204,)}.get(step, (200, 204))


class Worker(threading.Thread):
    """One connection, asked until `end`."""

    def __init__(self, endpoint: Endpoint, salt: str, number: int, end: float) -> None:
        super().__init__(daemon=True)
        self.endpoint, self.salt, self.number, self.end = endpoint, salt, number, end
        self.took: list[float] = []
        self.errors, self.why = 0, ""

    def run(self) -> None:
        parts = urlsplit(self.endpoint.url)
        connection = http.client.HTTPConnection(parts.hostname or "localhost", parts.port, timeout=10)
        headers = {"Authorization": f"Bearer {self.endpoint.token}", "Content-Type": "application/scim+json"}
        asked = requests(self.endpoint, self.salt, self.number)
        step, method, path, body = next(asked)
        while (began := time.perf_counter()) < self.end:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, parts.path + path, body=data, headers=headers)
            answer = connection.getresponse()
            text = answer.read()
            self.took.append(time.perf_counter() - began)
            if fits(step, answer.status, text):
                identifier = json.loads(text)["id"] if step == 3 else None
                step, method, path, body = asked.send(identifier)
                continue
            self.errors, self.why = self.errors + 1, f"step {step}: {answer.status} {text[:120]!r}"
            asked = requests(self.endpoint, f"{self.salt}-{self.errors}", self.number)
            step, method, path, body = next(asked)
        connection.close()


def main(seconds: float, connections: int) -> None:
    order: Mapping[str, Any] = json.load(sys.stdin)
    endpoint = Endpoint(order["url"], order["token"], order["people"])
    began = time.perf_counter()
    workers = [Worker(endpoint, order["salt"], number, began + seconds) for number in range(connections)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(seconds + 30)
    elapsed = time.perf_counter() - began
    took = sorted(moment for worker in workers for moment in worker.took) or [0.0]
    load = Load(
        len(took),
        elapsed,
        took[len(took) // 2] * 1000,
        took[len(took) * 99 // 100] * 1000,
        sum(worker.errors for worker in workers),
    )
    print(json.dumps({"load": load._asdict(), "why": next((w.why for w in workers if w.why), "")}))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
