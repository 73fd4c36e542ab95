#!/bin/sh
# Writes constraints.txt: the newest versions that pyproject.toml allows, from a fresh environment.
# Only names and versions go in, never where they came from.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

python=${PYTHON:-python3}
"$python" -m venv "$work/venv"
pip() { "$work/venv/bin/python" -m pip --disable-pip-version-check -qq "$@"; }
pip install hatchling
pip install --no-build-isolation -e "${here}[dev]"
{
    echo "# The exact versions that mockhost is developed and tested with. Written by 'make lock'; don't edit."
    echo "# Use: pip install -c constraints.txt mockhost"
    "$work/venv/bin/python" -m pip freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+==[^ ]+$' | LC_ALL=C sort -f
} >"$work/constraints.txt"
mv "$work/constraints.txt" "$here/constraints.txt"
echo "constraints.txt: $(grep -c == "$here/constraints.txt") packages"
