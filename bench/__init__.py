"""The benchmark: `make bench`, or `python -m bench`. README.md beside this file tells how to read it."""
