"""Faults of HTTP: refusals and redirects, and heads that do not fit the body."""
