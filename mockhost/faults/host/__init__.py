"""Faults of the host itself: it gets into a state, and then answers the request, and those after it, in that state."""
