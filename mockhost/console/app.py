"""The console as the control plane asks for it: which page answers at which path, and what keeps pages from harm.

Nothing that a client of the mock sent may do anything in a page: templates escape every value, scripts come from
files only (Content-Security-Policy), and the one module that makes elements of text does so through a Trusted Types
policy. Who may ask at all is decided by `mockhost.control`.
"""

from __future__ import annotations

import json
import mimetypes
import re
import threading
import weakref
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from flask import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from werkzeug.exceptions import NotFound

from mockhost import __version__
from mockhost.console import views
from mockhost.console.feed import Feed
from mockhost.console.views import PAGES, Asked, Page
from mockhost.operations import find
from mockhost.operations.row import EVENTS
from mockhost.runtime.operations import Operated, may

_HERE: Final = Path(__file__).parent
_ASSETS: Final = re.compile(r"[a-z][a-z-]*\.(?:js|css|svg)")
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_POLICY: Final = "; ".join([
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
    "form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'",
    "require-trusted-types-for 'script'", "trusted-types console",
])  # fmt: skip
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Console:
    """The pages of every host that a control plane serves."""

    def __init__(self) -> None:
        self._feeds: weakref.WeakValueDictionary[int, Feed] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()
        self._env = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.filters.update(
            words=views.words,
            plain=views.plain,
            moment=views.moment,
            pretty=views.pretty,
            parts=views.parts,
            field=_field,
        )
        self._env.globals.update(asks=_asks, version=__version__, field=_field)

    def pages(self, host: Operated) -> list[Page]:
        """The pages that a caller may see."""
        return [each for each in PAGES if _may(host, each.needs)]

    def answer(self, host: Operated, asked: Request, *, session: str) -> Response:
        """The page at a path, or a file, or the feed. Raises NotFound, and what an operation raises."""
        path = asked.path.removeprefix("/console/").strip("/")
        if path in ("", "console"):
            allowed = self.pages(host)
            if not allowed:
                raise NotFound
            return _guarded(Response(status=303, headers={"Location": f"/console/{allowed[0].name}"}))
        if path.startswith("assets/"):
            return _asset(path.removeprefix("assets/"))
        if path == "feed":
            return self._listen(host, asked)
        name, _, rest = path.partition("/")
        page = next((each for each in self.pages(host) if each.name == name), None)
        if page is None:
            raise NotFound
        shown = page.show(Asked(host, asked.args, rest))
        if shown is None:
            raise NotFound
        template, values = shown
        return self._page(
            template,
            page=page,
            pages=self.pages(host),
            host=views.overview(host),
            session=session,
            may=lambda operation: _may(host, (operation,)),
            **values,
        )

    def problem(self, status: int, message: str, hint: str) -> Response:
        """A page that says what is wrong; with 401, one that asks for the token. Nothing of a host is in it."""
        template = "sign_in.html" if status == 401 else "problem.html"
        response = self._page(template, status=status, message=message, hint=hint)
        response.status_code = status
        return response

    def _page(self, template: str, **values: Any) -> Response:
        return _guarded(Response(self._env.get_template(template).render(values), mimetype="text/html"))

    def _listen(self, host: Operated, asked: Request) -> Response:
        if not _may(host, ("stream_events",)):
            raise NotFound
        with self._lock:
            # A feed is there for as long as a page listens; until then its host is, too.
            feed = self._feeds.get(id(host.runtime))
            if feed is None:
                feed = self._feeds[id(host.runtime)] = Feed(host.runtime)
        epoch, since = (_number(asked.args.get(name, "")) for name in ("epoch", "since"))
        response = Response(feed.listen(epoch, since), content_type=EVENTS)
        return _guarded(response)


def _number(given: str) -> int:
    return int(given) if _NUMBER.fullmatch(given) else 0


def _may(host: Operated, operations: tuple[str, ...]) -> bool:
    """Whether the caller may do all of these."""
    return all(may(host.role, find(name)) for name in operations)


def _guarded(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return response


def _asset(name: str) -> Response:
    """A file of the folder `assets`; it is asked for again after each new version only."""
    file = _HERE / "assets" / name
    if not _ASSETS.fullmatch(name) or not file.is_file():
        raise NotFound
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    kind = "text/javascript" if name.endswith(".js") else kind
    return _guarded(Response(file.read_bytes(), content_type=f"{kind}; charset=utf-8"))


# -- for the templates -----------------------------------------------------------------------------------------------


def _asks(operation: str, **in_path: str) -> dict[str, str]:
    """How a page asks for an operation: method and path, as the table has them."""
    row = find(operation)
    path = row.path
    for name, value in in_path.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return {"method": row.method, "path": path}


def _field(value: object) -> str:
    """A value for a hidden field, which the page sends as JSON."""
    return json.dumps(value, ensure_ascii=False)
