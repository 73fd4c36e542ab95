"""Examines a running host from outside, one observation for each check, and names the cause and the cure."""
