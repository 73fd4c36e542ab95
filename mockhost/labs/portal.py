"""What an administrator does in the portal, as `portal …` lines of a lab."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from mockhost.entra import agent, machine
from mockhost.entra.portal import PortalVerdict, from_agent
from mockhost.errors import UsageError, did_you_mean
from mockhost.expect.check import default_connector
from mockhost.expect.steps import Player
from mockhost.running import ClientTarget
from mockhost.scenario.model import Scenario
from mockhost.windows import powershell
from mockhost.windows.network_commands import PORT

if TYPE_CHECKING:
    from mockhost.windows.powershell import Word


class Host(Protocol):
    """What is asked of the host."""

    def call(self, operation: str, /, **arguments: Any) -> Any: ...

    def clients(self) -> Mapping[str, ClientTarget]: ...


class Portal:
    """The application's provisioning page."""

    def __init__(self, host: Host, scenario: Scenario) -> None:
        self._host = host
        self._connector = default_connector(scenario)

    def run(self, line: str) -> tuple[str, int]:
        """What the portal shows, and an exit code. Raises UsageError."""
        words: Sequence[Word] = powershell.split(line)
        verb, *rest = [word.text for word in words] or ["help"]
        if verb.casefold() not in _VERBS:
            raise UsageError(
                f"the portal has no {verb!r}", hint=did_you_mean(verb, _VERBS) or ", ".join(_VERBS)
            )
        return _VERBS[verb.casefold()](self, rest)

    def as_shown(self, text: str) -> str:
        """A text with the port of the learner's server in the place of the free one that the host really has."""
        port = urlsplit(self._host.call("get_truth")["connectors"][self._connector]["url"]).port
        return text.replace(f":{port}", f":{PORT}")

    def _help(self, words: Sequence[str]) -> tuple[str, int]:
        """List these lines."""
        return "".join(f"portal {name:<22}{each.__doc__}\n" for name, each in _VERBS.items()), 0

    def _show(self, words: Sequence[str]) -> tuple[str, int]:
        """Show the Tenant URL; the token is never shown."""
        url = self.as_shown(self._host.clients()[self._connector].url)
        return f"Tenant URL:    {url}\nSecret Token:  {'*' * 12}\n", 0

    def _test(self, words: Sequence[str]) -> tuple[str, int]:
        """Test connection."""
        found: PortalVerdict | None
        there = agent.SOUND.on(machine.read(self._host))
        blocked = agent.problem([there], 0.0, 0.0)
        if blocked is not None:  # no request gets to the host
            found = from_agent(blocked)
        else:
            player = Player(self._host.clients(), None, self._connector)
            found = player.play({"send": "test_connection"}).verdict
        if found is None:
            raise UsageError("the test could not be made", hint="'portal show' shows the Tenant URL")
        return f"{self.as_shown(found.words)}\n", 0 if found.ok else 1

    def _enter(self, words: Sequence[str]) -> tuple[str, int]:
        """Enter a value: enter tenant-url URL, enter secret-token TOKEN. 'save' saves it."""
        if len(words) != 2 or words[0] not in _FIELDS:
            raise UsageError("usage: portal enter tenant-url|secret-token VALUE", hint="put blanks in quotes")
        value = words[1].replace(f":{PORT}/", ":{port}/", 1) if words[0] == "tenant-url" else words[1]
        self._host.call("set_host", set={f"client.{self._connector}.{_FIELDS[words[0]]}": value})
        return "", 0

    def _save(self, words: Sequence[str]) -> tuple[str, int]:
        """Save what was entered."""
        return "saved\n", 0


_FIELDS = {"tenant-url": "tenant_url", "secret-token": "secret_token"}
_VERBS: Mapping[str, Callable[[Portal, Sequence[str]], tuple[str, int]]] = {
    "show": Portal._show,
    "test-connection": Portal._test,
    "enter": Portal._enter,
    "save": Portal._save,
    "help": Portal._help,
}
