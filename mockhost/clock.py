"""Time and chance: the only module that asks the machine for either.

Two clocks (virtual and wall) keep a scenario's minutes apart from a socket's seconds. The *virtual* clock
drives imports, autosync, timelines, `Date` and `meta`; the *wall* drives delays and time-outs.
Chance is a function of the seed, a name and an ordinal, so that one use of it never disturbs another.

The wall is the machine's real clock, also while a test in this process moves the clock that Python shows: by patching
`time.time`, with freezegun or with time-machine. Sockets, threads and certificates would not work by another one.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import heapq
import itertools
import sys
import time
from collections.abc import Callable
from typing import Any

FROZEN_START = 1_767_225_600.0
"""Where a frozen clock starts unless the scenario says otherwise: 2026-01-01T00:00:00Z."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _real(name: str) -> Callable[..., Any]:
    """A function of the module `time` as the machine has it, out of reach of what replaces that module's functions.

    freezegun replaces them in the namespace of every module that holds one. It compares identities, so it does not
    recognize one inside a partial. If it is at work already while this is imported, it has the original.
    """
    original: Callable[..., Any] = getattr(time, name)
    return functools.partial(getattr(sys.modules.get("freezegun.api"), f"real_{name}", original))


_time = _real("time")
_gmtime, _localtime, _strftime = _real("gmtime"), _real("localtime"), _real("strftime")
monotonic: Callable[[], float] = _real("perf_counter")
"""Seconds on a clock that never goes back, for durations on the wall."""


def wall_now() -> float:
    """Seconds since 1970 by the machine's clock."""
    # time-machine changes the functions themselves, in C, and documents this way around it.
    traveller = sys.modules.get("time_machine")
    if traveller is not None and traveller.escape_hatch.is_travelling():
        return float(traveller.escape_hatch.time.time())
    return float(_time())


def is_moved() -> bool:
    """Whether something in this process has moved Python's calendar by more than a day."""
    return abs((datetime.date.today() - datetime.date.fromtimestamp(wall_now())).days) > 1


def processor_seconds() -> float:
    """Processor time of the calling thread: other programs on the machine do not count."""
    return time.thread_time()


def http_date(moment: float) -> str:
    """`Thu, 01 Jan 2026 00:00:00 GMT` (RFC 9110 5.6.7), in English whatever the locale."""
    t = _gmtime(moment)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02d} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04d} "
        f"{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} GMT"
    )


def iso(moment: float) -> str:
    """`2026-01-01T00:00:00.000Z`: RFC 3339 with milliseconds, always UTC."""
    whole = int(moment)
    millis = int((moment - whole) * 1000)
    return f"{_strftime('%Y-%m-%dT%H:%M:%S', _gmtime(whole))}" + f".{millis:03d}Z"


def local_time(moment: float) -> str:
    """`14:03:59` in the machine's time zone, for a line on a terminal."""
    return str(_strftime("%H:%M:%S", _localtime(moment)))


def parse_iso(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 date or date-time; without an offset it is UTC. Raises ValueError."""
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return moment.timestamp()


class Job:
    """Something that is due at a moment of the virtual clock. `cancel()` makes it never happen."""

    __slots__ = ("action", "at", "cancelled", "name")

    def __init__(self, at: float, action: Callable[[], None], name: str) -> None:
        self.at = at
        self.action = action
        self.name = name
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class VirtualClock:
    """The scenario's time: `wall` follows the machine, `frozen` stands still, `speed` runs n times as fast.

    Due jobs run in time order, on the thread that advances the clock or asks for `run_due`; the owner
    serialises calls (the runtime does so under its lock). Reading `now()` needs no lock.
    """

    __slots__ = ("_jobs", "_offset", "_order", "_origin", "_started", "mode", "speed", "start")

    def __init__(self, mode: str = "wall", *, speed: float = 1.0, start: float | None = None) -> None:
        self.mode = mode
        self.speed = 0.0 if mode == "frozen" else speed
        self.start = start
        self._jobs: list[tuple[float, int, Job]] = []
        self._order = itertools.count()
        self.restart()

    def restart(self) -> None:
        """Back to the start: no jobs, nothing advanced."""
        self._jobs.clear()
        self._started = monotonic()
        if self.start is not None:
            self._origin = self.start
        else:
            self._origin = FROZEN_START if self.mode == "frozen" else wall_now()
        self._offset = 0.0

    def now(self) -> float:
        """Virtual seconds since 1970."""
        if self.speed == 0.0:
            return self._origin + self._offset
        return self._origin + self._offset + (monotonic() - self._started) * self.speed

    def schedule(self, at: float, action: Callable[[], None], name: str = "") -> Job:
        """Have `action()` run once the clock reads `at` (virtual seconds since 1970)."""
        job = Job(at, action, name)
        heapq.heappush(self._jobs, (at, next(self._order), job))
        return job

    def next_due(self) -> float | None:
        """When the next job is due, or None."""
        while self._jobs and self._jobs[0][2].cancelled:
            heapq.heappop(self._jobs)
        return self._jobs[0][0] if self._jobs else None

    def wall_seconds_until(self, at: float) -> float | None:
        """How long on the wall until the clock reads `at`; None if it never will by itself."""
        return max(0.0, (at - self.now()) / self.speed) if self.speed else None

    def run_due(self) -> float:
        """Run every job whose time has come, earliest first; returns the time."""
        jobs, now = self._jobs, self.now()
        while jobs and jobs[0][0] <= now:
            _, _, job = heapq.heappop(jobs)
            if not job.cancelled:
                job.action()
            now = self.now()
        return now

    def advance(self, seconds: float) -> None:
        """Move the clock on by `seconds` (virtual, not negative); jobs on the way see their own moment."""
        if seconds < 0:
            raise ValueError("a clock can't be moved back")
        self.advance_to(self.now() + seconds)

    def advance_to(self, target: float, stop: Callable[[], bool] = lambda: False) -> bool:
        """Move the clock on to a moment; False if `stop` said so on the way, after the jobs of a moment had run."""
        self.run_due()
        while not stop() and (due := self.next_due()) is not None and due <= target:
            self._offset += max(0.0, due - self.now())
            self.run_due()
        if stop():
            return False
        self._offset += max(0.0, target - self.now())
        self.run_due()
        return True


class Chance:
    """Repeatable chance: every draw is a function of (seed, name, ordinal) and of nothing else."""

    __slots__ = ("seed",)

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def digest(self, name: str, ordinal: int, size: int = 16) -> bytes:
        """`size` (1 to 64) bytes that look random."""
        return hashlib.blake2b(f"{self.seed}\0{name}\0{ordinal}".encode(), digest_size=size).digest()

    def draw(self, name: str, ordinal: int) -> float:
        """A number in [0, 1)."""
        return int.from_bytes(self.digest(name, ordinal, 7), "big") / (1 << 56)

    def guid(self, name: str, ordinal: int) -> str:
        """A version 4 GUID in lower case, as a directory or `newid()` would generate one."""
        raw = bytearray(self.digest(name, ordinal, 16))
        raw[6] = raw[6] & 0x0F | 0x40
        raw[8] = raw[8] & 0x3F | 0x80
        text = raw.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def fresh_guid() -> str:
    """A GUID that was never seen before: for probes, which need a value that no user has."""
    import secrets

    return Chance(secrets.randbits(64)).guid("fresh", 0)


def fresh_secret(size: int = 24) -> str:
    """A secret for the control plane, from the operating system's source and never from a seed."""
    import secrets

    return secrets.token_urlsafe(size)


def fresh_key() -> bytes:
    """32 random bytes: the per-run key under which secrets are fingerprinted."""
    import secrets  # not at the start: pytest imports this module at each of its own

    return secrets.token_bytes(32)
