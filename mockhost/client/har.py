"""Writes exchanges as they happen to a HAR file (HTTP Archive 1.2), without secrets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from mockhost import __version__
from mockhost.client.dialect import Request
from mockhost.client.observation import Observation
from mockhost.clock import iso
from mockhost.errors import CannotRun, reason_of

HIDDEN = "[Redact]"
_SECRET_HEADERS = frozenset({"authorization", "cookie", "set-cookie", "proxy-authorization"})


class HarWriter:
    """A HAR file that is whole once it is closed; entries are written one by one."""

    def __init__(self, file: Path, secrets: Callable[[], Iterable[str]] = lambda: ()) -> None:
        """secrets: texts that are hidden in URLs and bodies, asked for at each exchange. Raises CannotRun."""
        try:
            self._out = file.open("w", encoding="utf-8")
        except OSError as error:
            raise CannotRun(f"{file} cannot be written: {reason_of(error)}") from None
        self.secrets = secrets
        self._first = True
        creator = json.dumps({"name": "mockhost", "version": __version__})
        self._out.write(f'{{"log": {{"version": "1.2", "creator": {creator}, "entries": [')

    def add(self, at: float, url: str, request: Request, seen: Observation) -> None:
        """Write one exchange. url: scheme, host and port; at: seconds since 1970."""
        entry = {
            "startedDateTime": iso(at),
            "time": round(seen.took * 1_000, 3),
            "request": {
                "method": request.method,
                "url": self._shown(url + request.target),
                "httpVersion": "HTTP/1.1",
                "headers": _pairs(request.headers),
                "queryString": [
                    {"name": name, "value": self._shown(value)}
                    for name, value in parse_qsl(urlsplit(request.target).query, keep_blank_values=True)
                ],
                "cookies": [],
                "headersSize": -1,
                "bodySize": len(request.body or b""),
            },
            "response": {
                "status": seen.status or 0,
                "statusText": seen.reason,
                "httpVersion": "HTTP/1.1",
                "headers": _pairs(seen.headers),
                "cookies": [],
                "content": {
                    "size": len(seen.body),
                    "mimeType": seen.header("content-type") or "",
                    "text": self._shown(seen.text),
                },
                "redirectURL": seen.header("location") or "",
                "headersSize": -1,
                "bodySize": len(seen.body),
                **({"_error": seen.describe()} if seen.status is None or not seen.complete else {}),
            },
            "cache": {},
            "timings": {"send": 0, "wait": round(seen.took * 1_000, 3), "receive": 0},
        }
        if request.body is not None:
            kind = next((value for name, value in request.headers if name.lower() == "content-type"), "")
            text = self._shown(request.body.decode("utf-8", "replace"))
            entry["request"] |= {"postData": {"mimeType": kind, "text": text}}  # type: ignore[operator]
        self._out.write(("" if self._first else ",") + "\n" + json.dumps(entry, ensure_ascii=False))
        self._first = False

    def _shown(self, text: str) -> str:
        for secret in self.secrets():
            text = text.replace(secret, HIDDEN)
        return text

    def close(self) -> None:
        """Write the end of the file."""
        self._out.write("\n]}}\n")
        self._out.close()

    def __enter__(self) -> HarWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _pairs(headers: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [
        {"name": name, "value": HIDDEN if name.lower() in _SECRET_HEADERS else value}
        for name, value in headers
    ]
