"""mockhost: Microsoft's ECMA Connector Host without Windows, healthy or broken on command."""

from __future__ import annotations

TYPE_CHECKING = (
    False  # `typing` takes longer to import than everything else that a command needs to take signals
)
__version__ = "0.1.0"
__all__ = ["MockHost", "__version__"]

if TYPE_CHECKING:
    from mockhost.api import MockHost


def __getattr__(name: str) -> object:
    """Import the Python face only when it is asked for: `import mockhost` itself costs nothing."""
    if name == "MockHost":
        from mockhost.api import MockHost

        return MockHost
    raise AttributeError(f"module 'mockhost' has no attribute {name!r}")
