"""Shells: which one a line will be pasted into, how it wants words quoted, and what it offers at Tab.

Sources: POSIX 1003.1 "Shell Command Language" 2.2 (quoting); fish documentation, "Quotes"; Microsoft Learn,
about_Quoting_Rules (PowerShell); "Parsing C command-line arguments" (cmd, as the C runtime splits what it is given).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

SHELLS = ("sh", "fish", "powershell", "cmd")
"""sh: bash, zsh, dash and every other shell that quotes as POSIX says."""

_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAMES = {"fish": "fish", "pwsh": "powershell", "powershell": "powershell", "cmd": "cmd"} | dict.fromkeys(
    ("sh", "bash", "zsh", "dash", "ash", "ksh"), "sh"
)
_GENERATIONS = 8


def detect(env: Mapping[str, str] | None = None, *, windows: bool = os.name == "nt") -> str:
    """The shell that this process was started from, one of SHELLS; a guess where nothing says so."""
    variables = os.environ if env is None else env
    if windows:
        # A Unix shell on Windows names itself; PowerShell adds folders of its own to what the system sets.
        if "SHELL" in variables:
            return _named(variables["SHELL"]) or "sh"
        own = [part for part in variables.get("PSModulePath", "").split(";") if part]
        return "powershell" if len(own) >= 3 else "cmd"
    return _ancestor(os.getppid()) or _named(variables.get("SHELL", "")) or "sh"


def _named(program: str) -> str | None:
    name = program.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe").lstrip("-")
    return _NAMES.get(name)


def _ancestor(pid: int, proc: Path = Path("/proc")) -> str | None:
    """The nearest shell among a process's ancestors where /proc tells of them (between it and us: make, env, uv).

    `make` and scripts run their lines in `sh`, so a plain `sh` counts only if nothing better stands above it.
    """
    found: str | None = None
    for _ in range(_GENERATIONS):
        try:
            text = (proc / str(pid) / "stat").read_text("utf-8", "replace")
        except OSError:
            return found
        name, _, rest = text.partition("(")[2].rpartition(")")
        shell = _named(name)
        if shell is not None and name.lstrip("-") not in ("sh", "dash", "ash"):
            return shell
        found = found or shell
        fields = rest.split()
        if len(fields) < 2 or not fields[1].isdecimal() or int(fields[1]) <= 1:
            return found
        pid = int(fields[1])
    return found


def quoted(word: str, shell: str) -> str:
    """One word as the shell wants it, without quotes where none are needed."""
    if _PLAIN.fullmatch(word) and not (shell == "powershell" and word[0] in "@,"):
        return word
    return _QUOTES[shell](word)


def _sh(word: str) -> str:
    return "'" + word.replace("'", "'\"'\"'") + "'"


def _fish(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _powershell(word: str) -> str:
    # PowerShell takes typographic quotes for quotes, too.
    return "'" + re.sub(r"(['‘’‚‛])", r"\1\1", word) + "'"


def _cmd(word: str) -> str:
    # For the program: a backslash counts only before a quote. For cmd itself nothing between quotes is special
    # but `%`, and at the prompt that only where a variable of the name between two of them exists.
    word = re.sub(r'(\\*)"', r'\1\1\\"', word)
    return '"' + re.sub(r"(\\+)$", r"\1\1", word) + '"'


_QUOTES: Mapping[str, Callable[[str], str]] = {
    "sh": _sh,
    "fish": _fish,
    "powershell": _powershell,
    "cmd": _cmd,
}


def command_line(words: Sequence[str], shell: str) -> str:
    """A whole command for the shell to paste."""
    return " ".join(quoted(word, shell) for word in words)


def behind_proxy(env: Mapping[str, str] | None = None) -> bool:
    """Whether programs would ask a proxy for an address of this machine."""
    variables = os.environ if env is None else env
    folded = {name.lower(): value for name, value in variables.items()}
    spared = re.split(r"[\s,]+", folded.get("no_proxy", ""))
    proxied = any(folded.get(f"{scheme}_proxy") for scheme in ("http", "https", "all"))
    return proxied and not {"*", "localhost"} & set(spared)


_GOES_ON = {"sh": "\\", "fish": "\\", "powershell": "`", "cmd": "^"}
"""What stands at the end of a line for the command to go on in the next one."""
_WITH_VALUE = frozenset({"--cacert", "--noproxy", "-H", "-d", "--url", "--token"})
_WORD = re.compile(r"""(?:'[^']*'|"[^"]*"|[^\s'"])+""")


def folded(line: str, shell: str, width: int | None, indent: str = "  ") -> list[str]:
    """A command as lines of at most `width` columns that can be pasted as they are; words stay whole.

    A command with quotes inside of quotes stays one line in shells that escape them with a backslash.
    """
    if width is None or len(indent) + len(line) <= width or (shell != "sh" and '\\"' in line):
        return [indent + line]
    parts: list[str] = []
    for word in _WORD.findall(line):
        if parts and parts[-1] in _WITH_VALUE:
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    lines = [indent + parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + 1 + len(part) + 2 <= width:
            lines[-1] += f" {part}"
        else:
            lines[-1] += f" {_GOES_ON[shell]}"
            lines.append(f"{indent}  {part}")
    return lines


def curl(
    url: str,
    secret_token: str,
    ca_file: str | None,
    shell: str,
    *,
    windows: bool = os.name == "nt",
    proxy: bool = False,
    variable: str = "",
    user: tuple[str, str] | None = None,
) -> str:
    """A search as a curl line with the client's configuration: for an attribute and value in `user`, or as the probe.

    The probe looks for an ID that no user has.
    `url` is the tenant URL, `ca_file` what the client trusts (None: what the machine trusts); `proxy`: see
    `behind_proxy`. `variable`: the environment's variable that holds the token; then the line names it instead.
    """
    from mockhost.clock import fresh_guid

    # In Windows PowerShell `curl` is another command's alias; with `.exe` it is curl everywhere on Windows.
    words = ["curl.exe" if windows and shell in ("powershell", "cmd") else "curl", "-sS", "-i"]
    if ca_file is not None and url.lower().startswith("https:"):
        words += ["--cacert", ca_file]
        if windows:
            # Windows' own TLS asks where a certificate could have been revoked; a mock's says nowhere.
            words.append("--ssl-no-revoke")
    if proxy:
        words += ["--noproxy", "*"]
    words.append("-H")
    attribute, value = user or ("PLACEHOLDER", fresh_guid())
    # -G puts what -d has behind the URL: so no word is longer than a terminal is wide.
    rest = ["-G", f"{url.rstrip('/')}/Users", "-d", f"filter={attribute}%20eq%20%22{value}%22"]
    if set(url) & set("[]{}"):
        rest.insert(0, "-g")
    if not _VARIABLE.fullmatch(variable):
        return command_line([*words, f"Authorization: Bearer {secret_token}", *rest], shell)
    held = {"powershell": f"$env:{variable}", "cmd": f"%{variable}%"}.get(shell, f"${variable}")
    return f'{command_line(words, shell)} "Authorization: Bearer {held}" {command_line(rest, shell)}'


# -- what is offered at Tab -----------------------------------------------------------------------------------------
#
# click asks these functions when the variable `_MOCKHOST_COMPLETE` is set (click documentation, "Shell Completion").
# A failure offers nothing: no message may come between the words of a command line.

PATIENCE = 1.0
"""Seconds that a running host has to name its connectors."""

Complete = Callable[["click.Context", "click.Parameter", str], list[str]]


def _from(names: Callable[[click.Context], Iterable[str]]) -> Complete:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        try:
            return [name for name in names(ctx) if name.startswith(incomplete)]
        except Exception:
            return []

    return complete


def scenarios(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem] | list[str]:
    """Full names; once something is typed also short ones that are unique; files where a path is typed."""
    if incomplete.startswith((".", "/", "~")):
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]
    found = _full(ctx, param, incomplete)
    if incomplete:
        found += _short(ctx, param, incomplete)
    return found


def _names(ctx: click.Context) -> Iterable[str]:
    from mockhost.scenario import shelves

    return shelves.names()


def _short_names(ctx: click.Context) -> Iterable[str]:
    short = [name.rpartition("/")[2] for name in _names(ctx) if "/" in name]
    return [name for name in short if short.count(name) == 1]


def _shelf_names(ctx: click.Context) -> Iterable[str]:
    return dict.fromkeys(name.partition("/")[0] for name in _names(ctx) if "/" in name)


def _fault_names(ctx: click.Context) -> Iterable[str]:
    from mockhost.faults import ALIASES, FAULTS, installed

    return [*FAULTS, *ALIASES, *installed()]


def _behaviour_names(ctx: click.Context) -> Iterable[str]:
    from mockhost.connectors.ecma import behaviours

    return list(behaviours.TABLE)


def _operation_names(ctx: click.Context) -> Iterable[str]:
    from mockhost.operations import TABLE

    return [row.name for row in TABLE]


def _lab_ids(ctx: click.Context) -> Iterable[str]:
    from mockhost.labs import lab

    return [folder.name for folder in lab.folders()]


def _connector_names(ctx: click.Context) -> Iterable[str]:
    """Of the running host that the command line, or the environment, means."""
    from mockhost.cli.planes import target_of

    control = ctx.parent
    assert control is not None
    plane = target_of(control, **control.params).plane(timeout=PATIENCE)
    names: dict[str, object] = plane.call("list_connectors")["connectors"]
    return names


_full, _short = _from(_names), _from(_short_names)
shelf_names, faults, behaviours = _from(_shelf_names), _from(_fault_names), _from(_behaviour_names)
operations, connectors, labs = _from(_operation_names), _from(_connector_names), _from(_lab_ids)
