"""The control plane's token between runs: kept in the folder of `--state`, beside the CA."""

from __future__ import annotations

from pathlib import Path

from mockhost.errors import CannotRun, UsageError

NAME = "control-token"


def kept_token(state: Path) -> str:
    """The token in `state`; made up and kept there (mode 0600) the first time. Raises CannotRun, UsageError."""
    from mockhost.clock import fresh_secret
    from mockhost.tls.authority import write

    file = state / NAME
    try:
        token = file.read_text("ascii").strip()
    except FileNotFoundError:
        token = fresh_secret()
        write(file, token + "\n", mode=0o600)
    except UnicodeDecodeError:
        token = ""
    except OSError as error:
        raise CannotRun(
            f"the token in {file} can't be read: {error.strerror or error}",
            hint="give another folder with --state, or a token with --control-token",
        ) from None
    if not token.isprintable() or not token or " " in token:
        raise UsageError(f"what is in {file} is no token", hint="remove it to have a new one made up")
    return token
