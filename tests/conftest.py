"""What every test shares: little. A fixture that only one room's tests need lives beside them."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Property tests are repeatable in CI and thorough on request (HYPOTHESIS_PROFILE=thorough); none is timed, because
# the machine may be busy.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, print_blob=True)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))
