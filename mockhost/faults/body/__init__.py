"""Faults of the body: answers whose JSON is none, has another shape, or says something else than it should."""
