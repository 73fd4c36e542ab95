#!/bin/sh
# Makes build/bench: an environment that holds the built wheel (as a user would install it, with bytecode),
# pytest for its plugin, and gunicorn for the reference. Quick when the lock and this file are those of last time.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
venv=$here/build/bench
wheel=$(ls "$here"/dist/mockhost-*.whl)
made_from=$(cat "$here/constraints.txt" "$0" | cksum)

if [ "$(cat "$venv/.lock" 2>/dev/null)" != "$made_from" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
    echo "making build/bench …" >&2
    "$here/.venv/bin/python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip --disable-pip-version-check -qq install -c "$here/constraints.txt" "${wheel}[ldap,people,sql]" gunicorn
    echo "$made_from" >"$venv/.lock"
else
    "$venv/bin/python" -m pip --disable-pip-version-check -qq install --force-reinstall --no-deps "$wheel"
fi
# for the rows of the pytest plugin
"$venv/bin/python" -c 'import pytest' 2>/dev/null ||
    "$venv/bin/python" -m pip --disable-pip-version-check -qq install -c "$here/constraints.txt" pytest
