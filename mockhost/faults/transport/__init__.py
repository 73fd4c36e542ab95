"""Faults of the transport: what is right is sent late, slowly, in part, or not at all."""
