"""The faults of the body."""
