"""`python -m mockhost`: the same as the command `mockhost`."""

from __future__ import annotations

from mockhost.cli import program

if __name__ == "__main__":
    program()
