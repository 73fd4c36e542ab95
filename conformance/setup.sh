#!/bin/sh
# Makes build/conformance: an environment with the suites of requirements.txt and, where npm is there, newman.
# Quick when it is as it should be. PYTHON=… names another Python (3.11 or later).
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
there=$here/build/conformance
newman=newman@6.2.2

if ! cmp -s "$here/conformance/requirements.txt" "$there/venv/.ready" || ! "$there/venv/bin/python" -c '' 2>/dev/null; then
    echo "making build/conformance …" >&2
    mkdir -p "$there"
    "${PYTHON:-$here/.venv/bin/python}" -m venv --clear "$there/venv"
    "$there/venv/bin/python" -m pip --disable-pip-version-check -qq install -r "$here/conformance/requirements.txt"
    cp "$here/conformance/requirements.txt" "$there/venv/.ready"
fi
if [ "$(cat "$there/node_modules/.ready" 2>/dev/null)" != "$newman" ]; then
    if command -v npm >/dev/null && npm install --no-fund --no-audit --loglevel=error --prefix "$there" "$newman" >&2; then
        echo "$newman" >"$there/node_modules/.ready"
    else
        echo "going on without newman: Microsoft's Postman collections are not run" >&2
    fi
fi
