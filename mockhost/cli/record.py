"""`mockhost record`: a proxy that keeps what passes as a scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mockhost.cli.options import CONTROL_PORT, DATA_PORT, Hosting, hosting, option
from mockhost.cli.proxy import NAME, document, named, reaching
from mockhost.cli.saving import save, try_out
from mockhost.cli.serve import Source, lasting, run
from mockhost.cli.terminal import stderr

if TYPE_CHECKING:
    from mockhost.api import MockHost
    from mockhost.record.recorded import Recorded

MOST = 10_000
"""Exchanges of one recording."""
MOST_BYTES = 64 * 1024 * 1024
_PATIENCE = 60.0
"""Seconds that writing the recording may take after Ctrl-C."""


def writing(command: Any) -> Any:
    """The options that say where a recording goes."""
    for each in (
        option(
            "--scrub",
            type=click.Choice(["people"]),
            help="people: replace names, addresses and numbers of people, consistently. Secrets are always removed.",
        ),
        click.option(
            "--out",
            "out",
            required=True,
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="The scenario file to write, as YAML, or as JSON if it ends with .json.",
        ),
    ):
        command = each(command)
    return command


def write(exchanges: Sequence[Recorded], out: Path, title: str, scrub: str | None) -> None:
    """Write a recording, check it, and report what was done. Raises UsageError, CannotRun."""
    from mockhost.record import people, scenario
    from mockhost.scenario import loader

    said = []
    if scrub == "people":
        exchanges, report = people.scrubbed(exchanges)
        said.append(f"{report.values} values of people were replaced at {report.places} places; none is left")
        if report.kept:
            said.append(f"{report.kept} values are too short or too common to be a person's, and were kept")
    made, text, count = scenario.fitting(exchanges, NAME, title, as_json=out.suffix.lower() == ".json")
    loader.load_document(made)
    save(out, text)
    rules = len(made["rules"]) - 1
    stderr().line(f"{out}: {count} exchanges as {rules} rules; secrets are removed")
    if count < len(exchanges):
        said.append(
            f"{len(exchanges) - count} exchanges are left out: a scenario file may have 1 MiB; record fewer at a time"
        )
    stderr().lines(said)


class Recorder:
    """Keeps what passes through a proxy, as it will be written."""

    def __init__(self, host: MockHost) -> None:
        from mockhost.connectors.proxy.config import HELD

        self._host = host
        self._journal = host.journal
        self._journal.body_limit = HELD
        self.kept: list[Recorded] = []
        self.left_out = 0
        self._size = 0
        self._keep_whole()
        host.runtime.events.call(self._hear)

    def _keep_whole(self) -> None:
        """Have the connector, which a reset makes again, read answers whole."""
        from mockhost.connectors.proxy.connector import ProxyConnector

        connector = self._host.runtime.state.served.find(NAME)
        if isinstance(connector, ProxyConnector):
            connector.keep_whole()

    def _hear(self, kind: str, data: object) -> None:
        from mockhost.exchange import Exchange
        from mockhost.record.recorded import of_exchange

        if kind == "state" and isinstance(data, Mapping) and data.get("what") == "reset":
            self._keep_whole()
        if (
            kind != "exchange"
            or not isinstance(data, Exchange)
            or data.upstream is None
            or data.rule is not None
        ):
            return
        made = of_exchange(data, f"/ecma2host_{NAME}/scim", self._journal)
        size = 0 if made is None else len(made.body) + len(made.answer)
        if made is None or len(self.kept) >= MOST or self._size + size > MOST_BYTES:
            self.left_out += 1
            return
        self._size += size
        self.kept.append(made)


@click.command("record")
@click.argument("target", metavar="TARGET")
@writing
@reaching
@hosting(port=DATA_PORT, control_port=CONTROL_PORT)
@lasting
def command(
    connector: Mapping[str, Any],
    out: Path,
    scrub: str | None,
    hosting: Hosting,
    ready_file: Path | None,
    reload: bool,
    quiet: bool,
    log_format: str,
) -> None:
    """Keep what passes to a real server and back, until Ctrl-C, as a scenario that answers as the server did.

    It is `mockhost proxy TARGET` that writes FILE when it ends. Requests are told apart by method, path, query,
    filter and JSON body; repeats become a sequence. GUIDs and dates that a client made up are captured.

    \b
    mockhost record https://scim.example/scim/v2 --out recorded.yaml
    mockhost record https://scim.example/scim/v2 --out recorded.yaml --scrub people
    mockhost check ./recorded.yaml
    mockhost serve ./recorded.yaml
    """
    try_out(out)
    target = connector["target"].replace("$${", "${")
    recorders: list[Recorder] = []

    def end(host: MockHost) -> None:
        if not recorders:
            return
        if recorders[0].left_out:
            stderr().lines(
                [
                    f"{recorders[0].left_out} exchanges without a whole answer, or beyond the limits, are left out"
                ]
            )
        write(recorders[0].kept, out, f"Recorded from {target}", scrub)

    run(
        Source(document(target), named(connector, NAME), target),
        hosting,
        ready_file,
        reload=reload,
        quiet=quiet,
        as_json=log_format == "json",
        begun=lambda host: recorders.append(Recorder(host)),
        ending=end,
        patience=_PATIENCE,
    )
