"""`mockhost` as a program: started, read line by line, told to end. Nothing here sleeps; every wait has a deadline."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent.parent
DEADLINE = 120.0
"""Seconds after which a test gives up; nothing that works comes near it, also on a machine that is busy."""


@contextmanager
def all_signals() -> Iterator[None]:
    """What is started within can be told everything: `nohup` and a shell's `&` have signals ignored, by heirs too."""
    names = ("SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM", "SIGUSR1", "SIGUSR2")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    ignored = [number for number in numbers if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


class Lines:
    """The lines of a stream, as they come."""

    def __init__(self, stream: IO[str]) -> None:
        self.seen: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def until(self, text: str) -> str:
        """The next line with `text` in it."""
        while (line := self._queue.get(timeout=DEADLINE)) is not None:
            self.seen.append(line)
            if text in line:
                return line
        self._queue.put(None)
        raise AssertionError(f"no line with {text!r} in:\n" + "\n".join(self.seen))

    def rest(self) -> str:
        """Everything up to the end of the stream."""
        while (line := self._queue.get(timeout=DEADLINE)) is not None:
            self.seen.append(line)
        self._queue.put(None)
        return "\n".join(self.seen)


class Program:
    """One run of `mockhost`."""

    def __init__(self, words: Sequence[str], env: dict[str, str] | None = None) -> None:
        variables = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", **os.environ, **(env or {})}
        with all_signals():
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mockhost", *words],
                cwd=ROOT,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out = Lines(self.process.stdout)
        self.err = Lines(self.process.stderr)

    def ready(self) -> dict[str, Any]:
        """Wait for a host with `--log-format json` to be ready; its document."""
        document: dict[str, Any] = json.loads(self.out.until('"event": "ready"'))
        return document

    def event(self, text: str) -> dict[str, Any]:
        """The next event with `text` in its line."""
        document: dict[str, Any] = json.loads(self.out.until(text))
        return document

    def tell(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def code(self) -> int:
        """Wait for the end; the exit code."""
        return self.process.wait(DEADLINE)

    def kill(self) -> None:
        """End it whatever it does; it gets the chance to tidy up first."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait(DEADLINE)
