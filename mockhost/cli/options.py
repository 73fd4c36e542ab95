"""The options that verbs share, those of every verb that starts a host, and how `MOCKHOST_…` variables are read.

Precedence: flag, environment, `--set`, the file, its parent. click knows where each value came from, so a flag that
says what the default says still wins over the environment.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from mockhost.errors import CannotRun, UsageError, reason_of

if TYPE_CHECKING:
    from mockhost.api import MockHost

    TextType = click.ParamType[str]
    PortType = click.ParamType[int]
    SecondsType = click.ParamType[float]
else:
    # Not generic before click 8.4.
    TextType = PortType = SecondsType = click.ParamType

DATA_PORT = 8585
"""The real host's default port (Microsoft Learn, ECMA Connector Host configuration, "Properties")."""
CONTROL_PORT = 8586
DEFAULT_URL = f"http://127.0.0.1:{CONTROL_PORT}"
"""Where `control` looks for a host by default."""

_NEXT_SETTING = re.compile(r"\s+(?=[A-Za-z_$][^\s=]*=)")


class Setting(TextType):
    """`PATH=VALUE`. In the environment one a line; on a single line, blanks before the next `path=` part them too."""

    name = "PATH=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        path, equals, _ = str(value).partition("=")
        if not equals or not path.strip():
            self.fail(f"{value!r} is not PATH=VALUE; for example host.debug=true", param, ctx)
        return str(value)

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        lines = [line.strip() for line in rv.splitlines() if line.strip()]
        return lines if len(lines) != 1 else _NEXT_SETTING.split(lines[0])


class Port(PortType):
    """A port's number; 0 is any free one."""

    name = "PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if not text.isascii() or not text.isdecimal() or int(text) > 65_535:
            self.fail(f"{value!r} is not a valid port; it is a number from 0 to 65535", param, ctx)
        return int(text)


class Seconds(SecondsType):
    """A length of time on the wall: seconds, or a number with a unit such as 30s or 2m."""

    name = "SECONDS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from mockhost.durations import seconds

        try:
            number = float(value)
        except ValueError:
            try:
                number = seconds(value)
            except ValueError:
                number = 0.0
        if not 0.0 < number < 86_400.0:
            self.fail(f"{value!r} is not a length of time; write seconds, or a unit: 30s, 2m", param, ctx)
        return number


class Name(TextType):
    """A host name or address. In the environment several are parted by blanks or commas."""

    name = "NAME"

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        return [part for part in re.split(r"[\s,]+", rv) if part]


class Folder(click.Path):
    """A folder that is there. In the environment several are parted as in PATH."""

    def __init__(self) -> None:
        super().__init__(exists=True, file_okay=False, path_type=Path)

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        return [part for part in rv.split(os.pathsep) if part]


Option = Callable[[Any], Any]
"""Adds an option to a command."""
FILE = click.Path(dir_okay=False, path_type=Path)
READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)
PATH = click.Path(path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


def option(flag: str, *names: str, help: str, **rest: Any) -> Option:
    """An option with its variable: `--tls-name` is MOCKHOST_TLS_NAME."""
    variable = "MOCKHOST_" + flag.removeprefix("--").upper().replace("-", "_")
    text, bracket, default = help.partition(" [default")
    return click.option(
        flag, *names, envvar=variable, help=f"{text} [env: {variable}]{bracket}{default}", **rest
    )


def formats(*forms: str, help: str = "") -> Option:
    """`--format`, as the argument `form`; the first one is the default."""
    text = f"{help} [default: {forms[0]}]".strip()
    return click.option("--format", "form", type=click.Choice(forms), default=forms[0], help=text)


FORMAT = formats("text", "json")
FORCE = click.option("--force", is_flag=True, help="Overwrite the file if it is there.")


def out(help: str, **rest: Any) -> Option:
    """`--out`: the file to write."""
    return click.option("--out", type=FILE, metavar="FILE", help=help, **rest)


def sets(help: str) -> Option:
    """`--set`, as the argument `sets`."""
    return click.option("--set", "sets", multiple=True, type=Setting(), metavar="PATH=VALUE", help=help)


def ca(more: str = "") -> Option:
    """`--ca`: what to trust at an endpoint."""
    text = f"Certificates to trust, as PEM{more}. [default: what this machine trusts]"
    return click.option("--ca", type=READABLE, metavar="FILE", help=text)


def timeout(help: str = "For each request.", default: float = 10.0) -> Option:
    """`--timeout` in seconds."""
    text = f"{help} [default: {default:g}]"
    return click.option("--timeout", type=Seconds(), default=default, metavar="SECONDS", help=text)


def together(*options: Option) -> Option:
    """Several options, in the order in which `--help` has them."""
    return lambda command: functools.reduce(lambda made, each: each(made), reversed(options), command)


def gathered(name: str, make: Callable[[dict[str, Any]], object], options: Sequence[Option]) -> Option:
    """These options as one argument `name`, which `make` takes out of what the command was given."""

    def decorate(command: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(command)
        def called(*args: Any, **given: Any) -> object:
            given[name] = make(given)
            return command(*args, **given)

        decorated: Callable[..., object] = together(*options)(called)
        return decorated

    return decorate


MACHINE = "{hostname}"
"""In `--public-name`, replaced by this machine's name, which in a container is the container's."""
_MADE_UP = re.compile(r"[0-9a-f]{12}")
"""What Docker calls a container without a host name of its own: the beginning of its ID (Docker's reference of
`docker run`, `--hostname`)."""


def public_names(said: Sequence[str], machine: str | None = None) -> tuple[str, ...]:
    """The names by which clients reach a host, in order, each once; the first is the one for URLs.

    A name that Docker made up is not known outside, so it comes last: it is in the certificate, not in the URLs.
    """
    import socket

    name = socket.gethostname() if machine is None else machine
    names = dict.fromkeys(each.replace(MACHINE, name) for each in said)
    return tuple(sorted(names, key=is_made_up))


def is_made_up(name: str) -> bool:
    """Whether it looks like a container's ID."""
    return _MADE_UP.fullmatch(name) is not None


def kept_token(state: Path) -> str:
    """The control plane's token in the folder of `--state`; made up and kept there (mode 0600) the first time.

    Raises CannotRun, UsageError.
    """
    from mockhost import tokens
    from mockhost.clock import fresh_secret
    from mockhost.files import write

    file = state / "control-token"
    try:
        token = file.read_text("ascii").strip()
    except FileNotFoundError:
        token = fresh_secret()
        write(file, token + "\n", mode=0o600)
    except UnicodeDecodeError:
        token = ""
    except OSError as error:
        raise CannotRun(
            f"the token in {file} can't be read: {reason_of(error)}",
            hint="give another folder with --state, or a token with --control-token",
        ) from None
    if tokens.problem(token):
        raise UsageError(f"{file} does not hold a valid token", hint="remove it to get a new one")
    return token


class Hosting(NamedTuple):
    """What the shared options say."""

    host: tuple[str, ...]
    port: int
    control_host: str
    control_port: int
    control_token: str | None
    tls_name: tuple[str, ...]
    tls: bool | None
    seed: int | None
    set: tuple[str, ...]
    state: Path | None
    public_name: tuple[str, ...] = ()
    public_url: str | None = None
    control_files: tuple[Path, ...] = ()
    control_env: tuple[str, ...] = ()
    drive: Path | None = None
    data: Path | None = None
    blind: bool = False

    def make(self, scenario: str | Mapping[str, Any], **overrides: Any) -> MockHost:
        """A host with a scenario, not yet started. Raises ScenarioError, UsageError, CannotRun."""
        from mockhost.api import MockHost
        from mockhost.public_url import in_url

        if self.state is not None:
            _make_writable(self.state)
        names = public_names(self.public_name)
        return MockHost(
            scenario,
            listen=self.addresses or None,
            port=self.port,
            control_host=self.control_host,
            control_port=self.control_port,
            control_token=self._token(),
            control_files=self.control_files,
            control_env=self.control_env,
            tls=self.tls,
            tls_names=tuple(dict.fromkeys([*names, *self.tls_name])),
            # With a public URL the names are for the certificate and the control plane.
            public_name=None if self.public_url else next((in_url(name) for name in names), None),
            public_url=self.public_url or None,
            seed=self.seed,
            sets=self.set,
            state_dir=self.state,
            drive=self.drive,
            data=self.data,
            blind=self.blind,
            clock="wall",
            **overrides,
        )

    def _token(self) -> str | None:
        """The control plane's token: as given, or the one that is kept where it needs one and state is kept."""
        loopback = self.control_host in ("127.0.0.1", "::1", "localhost")
        if self.control_token is not None or loopback or self.state is None:
            return self.control_token
        return kept_token(self.state.absolute())

    @property
    def addresses(self) -> tuple[str, ...]:
        """What to bind, each once; `localhost` is two addresses. Empty: the default."""
        both = {"localhost": ("127.0.0.1", "::1")}
        return tuple(dict.fromkeys(address for name in self.host for address in both.get(name, (name,))))

    @property
    def wants_ipv6(self) -> bool:
        """Whether an IPv6 address is to be bound, where the machine has IPv6."""
        return not self.addresses or any(":" in address for address in self.addresses)


def _make_writable(folder: Path) -> None:
    """Have the folder of `--state` there. Raises CannotRun where nothing can be kept in it."""
    import tempfile

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotRun(
            f"nothing can be kept in {folder}, the folder of --state: {reason_of(error)}",
            hint="give one that you may write to (in a container: a volume or a tmpfs there), or do without it: "
            "MOCKHOST_STATE= and, if it is to be there, MOCKHOST_READY_FILE=",
        ) from None


def hosting(*, port: int, control_port: int) -> Option:
    """The shared options; the command gets them as one argument `hosting`."""

    def make(given: dict[str, Any]) -> Hosting:
        _check_names(click.get_current_context(), given["public_url"], given["public_name"])
        fields = {field: given.pop(field) for field in Hosting._fields if field in given}
        if given.pop("plain") and fields["tls"] is None:
            fields["tls"] = False
        return Hosting(**fields)

    return gathered("hosting", make, _options(port, control_port))


def _check_names(ctx: click.Context, url: str | None, names: Sequence[str]) -> None:
    """Refuse two flags that name the host in URLs. Names from the environment are an image's: they stay its others."""
    flags = {ctx.get_parameter_source(name) for name in ("public_url", "public_name")}
    if not url or flags != {click.core.ParameterSource.COMMANDLINE}:
        return
    from mockhost.public_url import in_url, parse

    public, known = parse(url), public_names(names)
    if public.url_host not in [in_url(name.lower()) for name in known]:
        raise click.UsageError(
            f"--public-url {public} and --public-name {known[0]} are two names for URLs; leave --public-name out "
            "(more names for the certificate go in --tls-name)"
        )


def _options(port: int, control_port: int) -> list[Option]:
    def port_text(number: int) -> str:
        return "any free port" if number == 0 else f"{number}; 0 takes any free one"

    return [
        option(
            "--host",
            multiple=True,
            type=Name(),
            metavar="ADDRESS",
            help="The address to bind; repeatable. [default: 127.0.0.1 and ::1]",
        ),
        option(
            "--port",
            type=Port(),
            default=port,
            metavar="PORT",
            help=f"The data plane's port. [default: {port_text(port)}]",
        ),
        option(
            "--control-host",
            default="127.0.0.1",
            metavar="ADDRESS",
            help="The control plane's address; :: is all of them, IPv4 and IPv6. Wider than loopback it asks for a "
            "token. [default: 127.0.0.1]",
        ),
        option(
            "--control-port",
            type=Port(),
            default=control_port,
            metavar="PORT",
            help=f"The control plane's port. [default: {port_text(control_port)}]",
        ),
        option(
            "--control-token",
            metavar="TOKEN",
            help="The control plane's bearer token; where one is needed and none given, it is made up, and kept where "
            "--state says.",
        ),
        option(
            "--control-files",
            multiple=True,
            type=Folder(),
            metavar="DIR",
            help="A folder whose files may be named in what comes over the control plane; repeatable. [default: none]",
        ),
        option(
            "--control-env",
            multiple=True,
            type=Name(),
            metavar="NAME",
            help="An environment variable that may be named there; repeatable. [default: none]",
        ),
        option(
            "--tls-name",
            multiple=True,
            type=Name(),
            metavar="NAME",
            help="One more name for the certificate; repeatable.",
        ),
        option(
            "--public-name",
            multiple=True,
            type=Name(),
            metavar="NAME",
            help="What clients call this host: the first name is the one in URLs, and all are in the certificate. "
            "{hostname} is replaced by this machine's name; repeatable. [default: localhost in URLs]",
        ),
        option(
            "--public-url",
            metavar="URL",
            help="Where clients reach the data plane through a proxy or a mapped port, such as "
            "https://scim.contoso.example. It is the base of URLs and of Location, and its host name is in the "
            "certificate; with --no-tls the proxy has the certificate. [default: from --public-name and --port]",
        ),
        click.option(
            "--tls/--no-tls",
            "tls",
            default=None,
            help="Plain HTTP on the data plane with --no-tls. [env: MOCKHOST_NO_TLS] [default: as the scenario says]",
        ),
        click.option("--plain", "plain", is_flag=True, hidden=True, envvar="MOCKHOST_NO_TLS"),
        option(
            "--seed", type=int, metavar="N", help="The scenario's seed: chance, and the people of a crowd."
        ),
        option(
            "--set",
            "set",
            multiple=True,
            type=Setting(),
            metavar="PATH=VALUE",
            help="Set a value of the scenario, such as connectors.SQL.system.people.count=50; repeatable.",
        ),
        option(
            "--state",
            type=FOLDER,
            metavar="DIR",
            help="Keep the CA, the certificate and the control plane's token here between runs.",
        ),
        option(
            "--data",
            type=FOLDER,
            metavar="DIR",
            help="Keep what is changed in connectors' objects here, so that it is there in the next run with the same "
            "scenario, also after a kill. A reset empties it.",
        ),
        option(
            "--drive",
            type=FOLDER,
            metavar="DIR",
            help="Make this folder drive C: of the Windows server around the host: an edit of a file counts when the "
            "service next starts. A new or empty folder, or one of an earlier run, which keeps its edits.",
        ),
    ]
