"""One running mock, without sockets."""

from __future__ import annotations

from mockhost.runtime.runtime import Accepted, Admission, Cut, Epoch, Runtime

__all__ = ["Accepted", "Admission", "Cut", "Epoch", "Runtime"]
