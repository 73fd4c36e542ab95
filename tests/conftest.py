"""What every test shares: little. A fixture that only one room's tests need lives beside them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from mockhost.errors import NotInstalled

# What the developer's own shell says of mockhost, colours, width, proxies, trust, time and warnings is not what is
# tested, neither here nor in what is started from here, nor in a pytest inside of a test.
for name in list(os.environ):
    if name.startswith("MOCKHOST_") or name.lower().endswith("_proxy"):
        del os.environ[name]
for name in (
    *("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "PYTHONWARNINGS"),
    *("CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE"),
):
    os.environ.pop(name, None)
sys.warnoptions.clear()
os.environ["TZ"] = "UTC"
if hasattr(time, "tzset"):
    time.tzset()

# Property tests draw the same examples each time, so that who changes one thing is not told of another. Others are
# drawn on request, and many: HYPOTHESIS_PROFILE=thorough. None is timed, because the machine may be busy.
settings.register_profile(
    "default",
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "thorough", parent=settings.get_profile("default"), derandomize=False, max_examples=2_000
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """A scenario whose system is a server that this machine lacks can't be played here."""
    try:
        return (yield)
    except NotInstalled as lacking:
        pytest.skip(lacking.message)
