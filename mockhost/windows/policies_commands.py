"""Policies: Get-ExecutionPolicy, Set-ExecutionPolicy, and gpedit for what only Group Policy changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mockhost.windows.config import FACTS, POLICIES, SCOPES
from mockhost.windows.machine import KEYS, Machine
from mockhost.windows.powershell import CommandFailed, failed, table
from mockhost.windows.shell import Call, Done, Session, cmdlet, program

_GROUP: Final = {"machine": "MachinePolicy", "user": "UserPolicy"}


def _of(machine: Machine, session: Session, scope: str) -> str:
    return session.policy if scope == "Process" else machine.config.execution_policy.get(scope, "Undefined")


@cmdlet("Get-ExecutionPolicy")
def get_execution_policy(call: Call, scope: str = "", *, list: bool = False) -> Done:
    """Shows the execution policy that counts, or with -List that of each scope."""
    held = {name: _of(call.machine, call.session, name) for name in SCOPES}
    if list:
        return Done(table({"Scope": -13, "ExecutionPolicy": -15}, [*held.items()]), held)
    if scope:
        found = held[_one_of("Get-ExecutionPolicy", "Scope", scope, SCOPES)]
    else:
        found = call.machine.config.policy(call.session.policy)
    return Done(f"{found}\n", found)


@cmdlet("Set-ExecutionPolicy")
def set_execution_policy(
    call: Call, execution_policy: str, scope: str = "LocalMachine", *, force: bool = False
) -> Done:
    """Sets the execution policy of a scope; it can't set MachinePolicy and UserPolicy."""
    name, machine = "Set-ExecutionPolicy", call.machine
    policy, scope = (
        _one_of(name, "ExecutionPolicy", execution_policy, POLICIES),
        _one_of(name, "Scope", scope, SCOPES),
    )
    if scope in _GROUP.values():
        raise failed(name, "CantSetGroupPolicy")
    if scope == "LocalMachine" and not call.elevated:
        raise failed(name, "policy_denied")
    session = call.session
    if scope == "Process":
        session = session._replace(policy=policy)
    else:
        held = {**machine.config.execution_policy, scope: policy}
        machine.config = machine.config._replace(execution_policy=held)
    counts = machine.config.policy(session.policy)
    if policy not in ("Undefined", counts):
        return Done(failed(name, "ExecutionPolicyOverride", counts=counts).shown, code=1, session=session)
    return Done("", session=session)


def _one_of(command: str, parameter: str, said: str, known: Sequence[str]) -> str:
    for name in known:
        if name.casefold() == said.casefold():
            return name
    raise failed(command, "not_of_enumeration", name=parameter, value=said, known=",".join(known))


@program("gpedit")
def gpedit(call: Call, words: Sequence[str]) -> Done:
    """Changes policies: gpedit machine|user POLICY, or gpedit logon ACCOUNT granted|denied."""
    machine = call.machine
    if not words:
        held = [
            (f"Turn on Script Execution ({scope})", _of(machine, call.session, scope))
            for scope in _GROUP.values()
        ]
        held += [
            (f"Log on as a service: {machine.config.service(key).account}", machine.config.service(key).logon)
            for key in KEYS
        ]
        return Done("".join(f"{name:<70}{value}\n" for name, value in held), dict(held))
    if not call.elevated:
        raise CommandFailed("You do not have permission to perform this operation.\nAccess is denied.", 5)
    where = words[0].casefold()
    if where in _GROUP and len(words) == 2:
        policy = _one_of("gpedit", "Policy", words[1], POLICIES)
        held_now = {**machine.config.execution_policy, _GROUP[where]: policy}
        machine.config = machine.config._replace(execution_policy=held_now)
        return Done(f"{_GROUP[where]}: {policy}\n")
    if where == "logon" and len(words) == 3 and words[2] in ("granted", "denied"):
        keys = [key for key in KEYS if machine.config.service(key).account.casefold() == words[1].casefold()]
        if not keys:
            names = ", ".join(str(FACTS["services"][key]["account"]) for key in KEYS)
            raise CommandFailed(f"no service runs as {words[1]!r}; known: {names}")
        for key in keys:
            machine.config = machine.config.with_service(key, logon=words[2])
        return Done(f"Log on as a service: {words[1]} {words[2]}\n")
    raise CommandFailed("usage: gpedit machine|user POLICY, or gpedit logon ACCOUNT granted|denied")
