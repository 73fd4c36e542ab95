"""Builds the documentation as a site with search: `make site` runs this with the generator's own environment.

Stages the pages in build/site-src, has zensical build build/site from them, and checks every link of the result.
A page that a link leads to but that is not in docs/ comes along: README, CONTRIBUTING and others as pages, and
source files as a page that shows them. The navigation is that of docs/index.md.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
STAGE = ROOT / "build" / "site-src"
SITE = ROOT / "build" / "site"

INDEX = "docs/index.md"
NAMED = {"README.md": "index.md", INDEX: "contents.md"}
"""Where pages go that do not keep their path: the README is the site's home."""
START = ["docs/how-to/install.md", "docs/tutorial/three-failures.md", "docs/tutorial/test-a-client.md"]
PROJECT = ["CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "bench/README.md", "docker/README.md"]
LINK = re.compile(r"(?<=\]\()<?([^)\s>]+)>?(?=(?: \"[^\"]*\")?\))")
FENCE = re.compile(r"^ *(`{3,})[^\n]*\n.*?^ *\1`*$\n?", re.MULTILINE | re.DOTALL)
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".sh": "sh", ".toml": "toml", ".json": "json"}

CONFIGURATION = """\
[project]
site_name = "mockhost"
site_description = "Microsoft's ECMA Connector Host without Windows: healthy, or broken on command."
docs_dir = "docs"
site_dir = "site"
use_directory_urls = false
copyright = "Apache License 2.0"
extra_css = ["assets/site.css"]
nav = {nav}

[project.theme]
language = "en"
font = false
features = [
  "content.code.copy", "navigation.footer", "navigation.indexes", "navigation.tabs", "navigation.top",
  "search.highlight", "toc.follow",
]
icon.logo = "lucide/server-crash"

[[project.theme.palette]]
media = "(prefers-color-scheme: light)"
scheme = "default"
toggle.icon = "lucide/sun"
toggle.name = "Switch to dark mode"

[[project.theme.palette]]
media = "(prefers-color-scheme: dark)"
scheme = "slate"
toggle.icon = "lucide/moon"
toggle.name = "Switch to light mode"

[project.markdown_extensions.toc]
permalink = true
slugify = {{object = "pymdownx.slugs.slugify", kwds = {{case = "lower"}}}}

[project.markdown_extensions.tables]
[project.markdown_extensions.sane_lists]
[project.markdown_extensions.pymdownx.highlight]
[project.markdown_extensions.pymdownx.superfences]
"""


# -- the pages -------------------------------------------------------------------------------------------------------


def staged(source: str) -> str:
    """Where a file of the repository is in the site: the path of its page."""
    if source in NAMED:
        return NAMED[source]
    if source.startswith("docs/"):
        return source.removeprefix("docs/")
    if source.endswith(".md"):
        return "project/" + source.lower()
    return f"source/{source}.md"


def stage() -> None:
    """Write the pages, those that links lead to, and the generator's configuration."""
    shutil.rmtree(STAGE, ignore_errors=True)
    todo = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*") if path.is_file()]
    todo += ["README.md", *PROJECT]
    done: set[str] = set()
    while todo:
        source = todo.pop()
        if source in done:
            continue
        done.add(source)
        target = STAGE / "docs" / staged(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.endswith(".md"):
            text, links = rewritten(source, (ROOT / source).read_text("utf-8"))
            todo += links
            target.write_text(text, "utf-8")
        elif source.startswith("docs/"):
            shutil.copyfile(ROOT / source, target)
        else:
            target.write_text(shown(source), "utf-8")
    text = CONFIGURATION.format(nav=toml(navigation()))
    (STAGE / "zensical.toml").write_text(text, "utf-8")


def rewritten(source: str, text: str) -> tuple[str, list[str]]:
    """A page with its links as the site has them and without comments, and what the links lead to."""
    found: list[str] = []

    def link(match: re.Match[str]) -> str:
        parts = urlsplit(match[1])
        if parts.scheme or not parts.path:
            return match[1]
        path = os.path.normpath(os.path.join(os.path.dirname(source), unquote(parts.path)))
        target = PurePosixPath(path).as_posix()
        if (ROOT / target / "README.md").is_file():
            target += "/README.md"
        if not (ROOT / target).exists():
            return match[1]  # the generator reports it
        found.append(target)
        relative = os.path.relpath(staged(target), os.path.dirname(staged(source)) or ".")
        return PurePosixPath(relative).as_posix() + (f"#{parts.fragment}" if parts.fragment else "")

    pieces: list[str] = []
    at = 0
    for fence in FENCE.finditer(text):
        pieces += [prose(text[at : fence.start()], link), fence[0]]
        at = fence.end()
    return "".join([*pieces, prose(text[at:], link)]), found


def prose(text: str, link: Callable[[re.Match[str]], str]) -> str:
    """What is between the snippets, without comments, which are for tests and tools."""
    return LINK.sub(link, re.sub(r" *<!--.*?-->\n?", "", text, flags=re.DOTALL))


def shown(source: str) -> str:
    """A page that shows a file, or the list of a folder's files."""
    path = ROOT / source
    if path.is_dir():
        files = sorted(each.name for each in path.iterdir() if each.is_file())
        return f"# {source}\n\n" + "".join(f"- `{name}`\n" for name in files)
    return f"# {source}\n\n````{LANGUAGES.get(path.suffix, 'text')}\n{path.read_text('utf-8')}````\n"


# -- the navigation --------------------------------------------------------------------------------------------------

Nav = list[dict[str, object]]


def navigation() -> Nav:
    """Home, how to start, the sections of docs/index.md, and the pages about the project."""
    seen = set(START)
    nav: Nav = [{"Home": ["index.md", "contents.md"]}, {"Start": pages(START)}]
    for heading, section in sections((ROOT / INDEX).read_text("utf-8")):
        entries: Nav = []
        for title, block in blocks(section):
            sources = [each for each in targets(block) if each not in seen]
            seen.update(sources)
            entries += [{title: pages(sources)}] if title and sources else pages(sources)
        nav.append({heading: entries})
    return [*nav, {"Project": pages(PROJECT)}]


def sections(text: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^## +", text, flags=re.MULTILINE)[1:]:
        heading, _, rest = part.partition("\n")
        yield heading.strip(), rest


def blocks(section: str) -> Iterator[tuple[str, str]]:
    """The lists of a section, each with the line above it that ends with a colon."""
    parts = re.split(r"^(\w[^\n]*):\n", section, flags=re.MULTILINE)
    yield "", parts[0]
    yield from zip(parts[1::2], parts[2::2], strict=True)


def targets(text: str) -> list[str]:
    """The pages of docs/ that a text links to, in its order."""
    links = (urlsplit(each).path for each in LINK.findall(text))
    return list(dict.fromkeys("docs/" + each for each in links if each.endswith(".md") and ".." not in each))


def pages(sources: list[str]) -> Nav:
    return [{heading_of(source): staged(source)} for source in sources]


def heading_of(source: str) -> str:
    """The page's own title."""
    found = re.search(r"^# (.+)$", (ROOT / source).read_text("utf-8"), re.MULTILINE)
    return found[1].replace("`", "") if found else source


def toml(value: object) -> str:
    """A list or map as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


# -- the links -------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The links of a built page, and what a fragment can name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key in ("href", "src") and value and tag != "base":
                self.links.append(value)
            elif key in ("id", "name") and value:
                self.names.add(value)


def broken_links(site: Path) -> list[str]:
    """The links of a built site that lead to no file or no anchor of it; links to other hosts are not followed."""
    built = {path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    broken = []
    for path, page in built.items():
        if path.name == "404.html":  # is served under any path, so its links are absolute
            continue
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            known = built[target].names if target in built else {""}
            if not target.is_file() or (target in built and unquote(parts.fragment) not in known):
                broken.append(f"{path.relative_to(site).as_posix()}: {link}")
    return broken


def main() -> int:
    stage()
    shutil.rmtree(SITE, ignore_errors=True)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "-f", "zensical.toml"]
    done = subprocess.run(command, cwd=STAGE, capture_output=True, text=True, check=False)
    if done.returncode:
        print(
            re.sub(r"\033\[[\d;]*m", "", done.stdout + done.stderr.partition("Traceback")[0]), file=sys.stderr
        )
        return 1
    shutil.move(STAGE / "site", SITE)  # the generator writes below its own folder only
    broken = broken_links(SITE.resolve())
    for each in broken:
        print(f"broken link in {each}", file=sys.stderr)
    count = len(list(SITE.rglob("*.html")))
    print(f"build/site: {count} pages, {len(broken)} broken links; open build/site/index.html")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
