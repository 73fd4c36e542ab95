#!/bin/sh
# Builds the documentation as a site with search, in build/site, and checks its links.
# The generator has an environment of its own, build/site-venv; it is made again when its requirements change.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
venv=$here/build/site-venv
wanted=$here/tools/site_requirements.txt

bin_of() { if [ -d "$1/Scripts" ]; then echo "$1/Scripts"; else echo "$1/bin"; fi; }

if ! cmp -s "$wanted" "$venv/.requirements" || ! "$(bin_of "$venv")/python" -c '' 2>/dev/null; then
    echo "making build/site-venv …" >&2
    "$(bin_of "$here/.venv")/python" -m venv --clear "$venv"
    "$(bin_of "$venv")/python" -m pip --disable-pip-version-check -qq install --no-deps -r "$wanted"
    cp "$wanted" "$venv/.requirements"
fi
exec "$(bin_of "$venv")/python" "$here/tools/site.py"
