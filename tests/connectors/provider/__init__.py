"""Tests of the service provider without HTTP."""
