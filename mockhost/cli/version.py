"""`mockhost version`: the versions that a report of a bug needs."""

from __future__ import annotations

import os
import platform
import re
import ssl
from importlib import metadata

import click

from mockhost import __version__
from mockhost.cli.options import FORMAT
from mockhost.cli.terminal import tell
from mockhost.paragraphs import columns

_INDIRECT = ("click", "werkzeug", "faker", "pytest")
"""Packages that mockhost uses without requiring them itself: they come with Flask, with an extra or with the tests."""


@click.command("version")
@click.option(
    "--verbose", "-v", is_flag=True, help="With Python, OpenSSL, the platform and the dependencies."
)
@FORMAT
def command(verbose: bool, form: str) -> None:
    """Print the version; with --verbose, the versions of everything that it runs on.

    The verbose output belongs in a bug report. It has no host name, no user name, no path and no value of an
    environment variable: of the variables that begin with MOCKHOST_ it has only the names.

    \b
    mockhost version
    mockhost version --verbose
    """
    rows = {"mockhost": __version__, **(_details() if verbose else {})}
    lines = columns(list(rows.items())) if verbose else [f"mockhost {__version__}"]
    tell(form, rows, lambda terminal: lines)


def _details() -> dict[str, str]:
    variables = sorted(name for name in os.environ if name.startswith("MOCKHOST_"))
    return {
        "python": f"{platform.python_version()} {platform.python_implementation()}",
        "openssl": ssl.OPENSSL_VERSION,
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        **{name: _version(name) for name in dict.fromkeys((*_required(), *_INDIRECT))},
        "environment": " ".join(variables) or "no MOCKHOST_ variables",
    }


def _required() -> list[str]:
    """The names of the packages that mockhost requires; none if it runs without having been installed."""
    try:
        requirements = metadata.requires("mockhost") or []
    except metadata.PackageNotFoundError:
        return []
    return [re.split(r"[^\w.-]", each, maxsplit=1)[0] for each in requirements if "extra ==" not in each]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
