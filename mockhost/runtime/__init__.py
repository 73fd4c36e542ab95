"""One running mock, without sockets."""

from __future__ import annotations

from mockhost.runtime.runtime import Admission, Cut, Epoch, Runtime

__all__ = ["Admission", "Cut", "Epoch", "Runtime"]
