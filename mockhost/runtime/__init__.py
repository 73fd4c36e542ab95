"""One running mock, without sockets."""

from __future__ import annotations

from mockhost.runtime.epochs import Admission, Cut, Epoch
from mockhost.runtime.outside import wait
from mockhost.runtime.runtime import Runtime

__all__ = ["Admission", "Cut", "Epoch", "Runtime", "wait"]
