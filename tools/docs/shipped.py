"""Writes mockhost/scenario/shipped.json: the shipped scenarios as JSON, so that a start needs no YAML."""

from __future__ import annotations

from mockhost.scenario import shipped
from tools.docs import File

FILES = (File(shipped.PARSED_FILE, shipped.text),)
