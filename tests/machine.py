"""What the machine that runs the tests has: a test asks for what it needs, and is skipped with the reason.

A command that is there may still lack a part: `docker` its plugin `compose`, `curl` the library whose words are
compared. So a command is tried, and not only looked for.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

import pytest


@functools.cache
def output(*command: str) -> str:
    """What a command prints; empty if it is not there, fails, or does not end."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def needs(*command: str, says: str = "") -> pytest.MarkDecorator:
    """Skip a test unless the command works, and says this: `@needs("curl", "--version", says="OpenSSL/")`."""
    found = output(*command)
    reason = f"`{' '.join(command)}` does not work here"
    if found:
        reason = f"`{' '.join(command)}` does not say {says!r} here"
    return pytest.mark.skipif(not found or says not in found, reason=reason)


CURL = ("curl", "--version")
needs_curl = needs(*CURL)
needs_curl_with_openssl = needs(*CURL, says="OpenSSL/")  # others have other words for what is wrong


def copy_folder(source: Path, target: Path, *ignored: str) -> None:
    """Copy a folder to where it can be written to, also from a checkout that is read-only."""
    ignore = shutil.ignore_patterns("__pycache__", *ignored)
    shutil.copytree(source, target, ignore=ignore, copy_function=shutil.copyfile)
    for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
        folder.chmod(0o700)
