"""`python -m conformance [SUITE …]`: run the suites, each against a fresh host, and write docs/conformance.md."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from conformance import checks, page, proxied
from conformance.checks import FAILED, Check, Report, Unavailable, one_line
from conformance.contradictions import contradiction, needless
from conformance.files import ROOT
from conformance.suites import SUITES, Suite
from conformance.target import Target, ask, served

REPORTS = ROOT / "build" / "conformance" / "reports"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="names of suites (default: all)")
    parser.add_argument("--list", action="store_true", help="print the names of the suites")
    parser.add_argument(
        "--proxied", action="store_true", help="servers of others through mockhost proxy instead"
    )
    parser.add_argument("--scenario", help="only against this scenario")
    parser.add_argument("--url", help="another endpoint instead of a host of our own (no page is written)")
    parser.add_argument("--token", default="", help="its bearer token")
    parser.add_argument("--ca-file", help="the CA to trust for it")
    parser.add_argument(
        "--mockhost", help="the command to serve with (default: the checkout's .venv, or PATH)"
    )
    parser.add_argument("--no-page", action="store_true", help="leave docs/conformance.md as it is")
    options = parser.parse_args()
    if unknown := set(options.suites) - {suite.name for suite in SUITES}:
        names = ", ".join(suite.name for suite in SUITES)
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; suites: {names}")
    return options


def command(asked: str | None) -> str:
    """The mockhost command: the one asked for, else the checkout's, else the path's."""
    own = ROOT / ".venv" / "bin" / "mockhost"
    found = asked or (str(own) if own.exists() else shutil.which("mockhost"))
    if not found:
        raise SystemExit("there is no mockhost command; try: make conformance")
    return found


@contextlib.contextmanager
def endpoint(options: argparse.Namespace, scenario: str) -> Iterator[Target]:
    if options.url:
        yield Target(options.url, options.token, options.ca_file, scenario)
        return
    with served(command(options.mockhost), "serve", scenario) as target:
        yield target


def run(suite: Suite, scenario: str, options: argparse.Namespace) -> Report:
    """One report; a suite that breaks is a failed check, and one that can't be had says why."""
    version, began = "", time.perf_counter()
    try:
        version = suite.version()
        with tempfile.TemporaryDirectory() as work, endpoint(options, scenario) as target:
            # A host that does not answer would cost every request of the suite its time limit.
            if (answer := ask(target, "GET", "/ServiceProviderConfig")).status != 200:
                raise RuntimeError(f"the host answers {answer.status} before the suite begins")
            found = suite.run(target, Path(work))
    except Unavailable as missing:
        return Report(suite.name, version, scenario, unavailable=str(missing))
    except Exception as error:  # a suite's own crash is a finding, and the others go on
        found = [Check("the suite runs to its end", FAILED, one_line(f"{type(error).__name__}: {error}"))]
    return Report(suite.name, version, scenario, tuple(found), seconds=round(time.perf_counter() - began, 1))


def main() -> int:
    options = arguments()
    if options.list:
        print(*(suite.name for suite in SUITES), sep="\n")
        return 0
    if options.proxied:
        return proxied.main(command(options.mockhost))
    chosen = [suite for suite in SUITES if not options.suites or suite.name in options.suites]
    unexplained = 0
    for suite in chosen:
        for scenario in suite.scenarios:
            if options.url:
                scenario = "given"
            elif options.scenario not in (None, scenario):
                continue
            report = run(suite, scenario, options)
            if not options.url:
                checks.write(report, REPORTS)
            unexplained += show(report)
            if options.url:
                break
    reports = checks.read(REPORTS)
    if not options.url and not options.no_page:
        page.write(reports)
    for each in needless(reports):
        print(f"no failure needs this entry of conformance/contradictions.py: {each.suite}, {each.check}")
    return 1 if unexplained else 0


def show(report: Report) -> int:
    """Print the report; the number of failures that no contradiction explains."""
    name = f"{report.suite} {report.version}, {report.scenario}"
    if report.unavailable:
        print(f"-    {name}: not run: {report.unavailable}", flush=True)
        return 0
    open_ones = [check for check in report.failures if contradiction(report, check) is None]
    explained = len(report.failures) - len(open_ones)
    counts = f"{report.count(checks.PASSED)} of {len(report.checks)} passed"
    counts += f", {report.count(checks.SKIPPED)} skipped" if report.count(checks.SKIPPED) else ""
    counts += f", {explained} contradict the RFC or Entra" if explained else ""
    print(f"{'FAIL' if open_ones else 'ok  '} {name}: {counts} ({report.seconds} s)", flush=True)
    for check in open_ones:
        print(f"       {check.name}: {check.reason}" + (f"\n         {check.asked}" if check.asked else ""))
    return len(open_ones)


if __name__ == "__main__":
    sys.exit(main())
