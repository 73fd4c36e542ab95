"""What a test should not have passed with: bugs of the mock, rules left over, requests that matched no rule."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mockhost.control.plain import plainly
from mockhost.journal import Exchange, Sink, renderings
from mockhost.journal.sink import printable, shown

if TYPE_CHECKING:
    from mockhost.running import RunningHost

_MOST = 3
"""Of how many requests that matched no rule the details are shown."""


class Terms(NamedTuple):
    """What a test lets pass."""

    strict: bool = False
    allow_unused: bool = False
    own_rules: bool = False
    """whether the test itself wrote the scenario's rules, in a marker, a factory's call or `use`"""


class Finding(NamedTuple):
    """One thing that is wrong. `exchange` is the number of the one concerned, if there is one."""

    title: str
    detail: str = ""
    exchange: int = 0

    @property
    def text(self) -> str:
        """For people: the title, and the rest below it."""
        return "\n".join([self.title, *(f"  {line}" for line in self.detail.splitlines())])


def found(
    host: RunningHost,
    terms: Terms,
    bugs: Sequence[str] = (),
    *,
    raised: Sequence[Finding] = (),
    hanging: Sequence[Exchange] = (),
    again: bool = False,
    since: int = 0,
    older: Container[str] | None = None,
) -> list[Finding]:
    """What is wrong with this host's epoch. `bugs` of which the journal knows nothing are added.

    raised: what functions that compute replies did instead.
    hanging: exchanges whose clients still wait for an answer.
    again: only what can have come since it was asked last, which rules that are left over are not.
    since: only what came after this exchange. older: names of live rules that are not checked; with it, neither are
    the scenario's.
    """
    entries = host.journal.entries(since=since)
    hanging = [exchange for exchange in hanging if exchange.number > since]
    findings = [*raised]
    findings += [_bug(host, exchange) for exchange in entries if exchange.bug is not None]
    findings += [Finding(f"a bug in mockhost: {text}") for text in dict.fromkeys(bugs)]
    rules = host.rules
    if not again and not terms.allow_unused:
        findings += [_hanging(host, exchange) for exchange in hanging]
        mine = [rule for rule in rules if (rule["live"] or terms.own_rules) and not rule.get("optional")]
        if older is not None:
            mine = [rule for rule in mine if rule["live"] and rule["name"] not in older]
        left = [rule for rule in mine if rule["left"] or not rule["fired"]]
        findings += [
            _unused(host, rule, entries) for rule in left if not _used_on_demand(host, rule, entries)
        ]
    if terms.strict and rules:
        unforeseen = [each for each in entries if each.rule is None and each.bug is None]
        findings += [_unforeseen(host, exchange) for exchange in unforeseen[:_MOST]]
        if more := unforeseen[_MOST:]:
            findings.append(Finding(f"and {len(more)} more requests that matched no rule"))
    return [_redacted(each, host.journal.sink) for each in findings]


def failed_reply(rule: str, problem: str, where: str) -> Finding:
    """A function that computes a rule's reply did not: `problem` in a line, `where` is its traceback."""
    return Finding(printable(f"the reply function of rule {rule!r} {problem}"), where)


def _redacted(finding: Finding, sink: Sink) -> Finding:
    return finding._replace(title=sink.text(finding.title), detail=sink.text(finding.detail))


def has_rules(scenario: object, overrides: Mapping[str, object]) -> bool:
    """Whether a test that asks for this host writes rules of its own, so that they have to fire."""
    return "rules" in overrides or (isinstance(scenario, Mapping) and "rules" in scenario)


def _used_on_demand(host: RunningHost, rule: Mapping[str, Any], entries: Sequence[Exchange]) -> bool:
    """Whether a connector that was created on demand, which counts for itself, used up its own copy of a rule."""
    for connector in {each.connector for each in entries if each.rule == rule["name"] and each.connector}:
        own = host.call("list_rules", connector=connector)["rules"]
        if any(each["name"] == rule["name"] and each["fired"] and not each["left"] for each in own):
            return True
    return False


def said(exchange: Exchange) -> str:
    """What was asked, in a few words."""
    exchange = shown(exchange)
    words = [exchange.operation]
    if exchange.connector:
        words.append(f"at {printable(exchange.connector)}")
    if exchange.who:
        words.append(f"for {printable(exchange.who)!r}")
    return " ".join(words)


def _bug(host: RunningHost, exchange: Exchange) -> Finding:
    title = f"a bug in mockhost at #{exchange.number} ({said(exchange)}): {shown(exchange).bug}"
    return Finding(printable(title), _curl(host, exchange), exchange.number)


def _hanging(host: RunningHost, exchange: Exchange) -> Finding:
    rule = f", by rule {exchange.rule!r}" if exchange.rule else ""
    title = f"an answer still hangs at the end of the test: #{exchange.number} ({said(exchange)}){rule}"
    detail = "mockhost.release() lets it go on; a client with a time-out gives up by itself"
    return Finding(printable(title), detail, exchange.number)


def _unused(host: RunningHost, rule: Mapping[str, Any], entries: Sequence[Exchange]) -> Finding:
    fired, left = rule["fired"], rule["left"] or 0
    often = f"fired {fired} of {fired + left} times" if fired else "never fired"
    hidden = {"name", "live", "matched", "fired", "left", *(["on"] if rule.get("on") else [])}
    words = {word: value for word, value in rule.items() if word not in hidden}
    detail = [json.dumps(plainly(host.journal.sink, words), ensure_ascii=False, default=str)]
    exchange = _closest(host, rule["name"], entries)
    if exchange is not None:
        detail += [f"nearest: #{exchange.number} ({said(exchange)})", _near_miss(host, exchange)]
    elif not entries:
        detail.append("there was no request at all")
    number = 0 if exchange is None else exchange.number
    return Finding(f"rule {rule['name']!r} {often}", "\n".join(filter(None, detail)), number)


def _closest(host: RunningHost, name: object, entries: Sequence[Exchange]) -> Exchange | None:
    """The latest exchange to which this rule came closest of all, if there is one."""
    for exchange in reversed(entries):
        miss = host.near_miss(exchange)
        if (
            miss is not None
            and miss.closest is not None
            and miss.closest.rule == host.journal.sink.text(str(name))
        ):
            return exchange
    return None


def _unforeseen(host: RunningHost, exchange: Exchange) -> Finding:
    why = "the test is strict: where there are rules, every request has to match one"
    detail = "\n".join(filter(None, [_near_miss(host, exchange), why, _curl(host, exchange)]))
    return Finding(f"request #{exchange.number} ({said(exchange)}) matched no rule", detail, exchange.number)


def _near_miss(host: RunningHost, exchange: Exchange) -> str:
    miss = host.near_miss(exchange)
    return "" if miss is None else miss.text


def _curl(host: RunningHost, exchange: Exchange) -> str:
    return renderings.curl(exchange, ca_file=host.ca_file) if exchange.method else ""
