"""The data plane: Flask's application and the exchange behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os

    from mockhost.scenario.model import Scenario
    from mockhost.web.app import DataApp


def create_app(
    scenario: str | os.PathLike[str] | Mapping[str, Any] | Scenario = "basics/healthy",
    *,
    seed: int | None = None,
    sets: Sequence[str] = (),
    clock: str = "wall",
    **overrides: Any,
) -> DataApp:
    """Make the Flask application of a host with this scenario. Raises ScenarioError, UsageError.

    The arguments are those of `MockHost`. TLS and the port are the server's, so the host has plain HTTP.
    """
    from mockhost.runtime import Runtime
    from mockhost.scenario.loader import Terms
    from mockhost.tls.authority import Authority
    from mockhost.tls.serving import Certificates
    from mockhost.web.app import DataApp

    terms = Terms(tls=False, seed=seed, sets=tuple(sets), clock=clock)
    runtime = Runtime(terms.load(scenario, overrides), Certificates(Authority(None)))
    runtime.start_ticking()
    return DataApp(runtime)
