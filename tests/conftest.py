"""What every test shares: little. A fixture that only one room's tests need lives beside them."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# What the developer's own shell says of mockhost, colours, width, proxies and trust is not what is tested, neither here
# nor in what is started from here.
for name in list(os.environ):
    if name.startswith("MOCKHOST_") or name.lower().endswith("_proxy"):
        del os.environ[name]
for name in (
    *("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"),
    *("CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE"),
):
    os.environ.pop(name, None)

# Property tests are repeatable in CI and thorough on request (HYPOTHESIS_PROFILE=thorough); none is timed, because
# the machine may be busy.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, print_blob=True)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))
