"""What the tests of the pytest plugin share: pytest inside of pytest."""

from __future__ import annotations

from collections.abc import Callable

import flask  # noqa: F401  pytester forgets what is first imported inside of it, and these take long to import
import pytest
import requests  # noqa: F401
from cryptography import x509  # noqa: F401
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: F401

Play = Callable[..., pytest.RunResult]


@pytest.fixture
def play(pytester: pytest.Pytester) -> Play:
    """Run the text of a test file, with warnings as errors; more files by their names."""

    def run(text: str, *arguments: str, conftest: str = "", ini: str = "", **files: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=f"import pytest\n{text}", **files)
        if conftest:
            pytester.makeconftest(f"import pytest\n{conftest}")
        pytester.makeini(
            f"[pytest]\naddopts = -p no:randomly -p no:cacheprovider -p no:asyncio -W error\n{ini}"
        )
        return pytester.runpytest_inprocess(*arguments)

    return run
