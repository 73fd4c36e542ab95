"""The harness of `make conformance`: what it reads, judges and writes. The suites themselves are not run here."""
