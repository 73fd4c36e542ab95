"""The faults of HTTP."""
