"""`python -m mockhost`: the same as the command `mockhost`."""

from __future__ import annotations

import sys

from mockhost.cli import main

if __name__ == "__main__":
    sys.exit(main())
