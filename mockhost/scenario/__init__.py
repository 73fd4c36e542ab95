"""Scenario files: text in, frozen values or the list of all problems out. README.md says the room's rule."""
