#!/bin/sh
# Makes .venv inside the checkout, or finds that it is as it should be and says nothing.
#
#   sh tools/venv.sh run     what `mockhost` needs to run
#   sh tools/venv.sh dev     that, and what the tests, checks and the benchmark need
#
# The exact versions come from constraints.txt. PYTHON=… names another Python (3.11 or later).
# "As it should be" is decided by content (this folder's path, pyproject.toml, constraints.txt), so that a moved
# checkout, a changed lock or a Python that is gone gives a fresh environment instead of a broken one.
set -eu

level=${1:-dev}
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
venv=$here/.venv
version_of='import sys; print("%d.%d" % sys.version_info[:2])'

wanted() {
    printf '%s\n' "$here"
    cat "$here/pyproject.toml" "$here/constraints.txt"
}

# Windows (Git Bash, MSYS) has Scripts where the others have bin.
bin_of() { if [ -d "$1/Scripts" ]; then echo "$1/Scripts"; else echo "$1/bin"; fi; }

is_fresh() { # LEVEL: does .venv hold what it should, for this level or a larger one, on the Python asked for?
    [ -f "$venv/.ready-$1" ] && wanted | cmp -s - "$venv/.ready-$1" || return 1
    if [ -n "${PYTHON:-}" ]; then
        [ "$("$(bin_of "$venv")/python" -c "$version_of" 2>/dev/null)" = "$("$PYTHON" -c "$version_of")" ] || return 1
    else
        "$(bin_of "$venv")/python" -c '' 2>/dev/null || return 1
    fi
}

is_fresh dev && exit 0
[ "$level" = run ] && is_fresh run && exit 0

# The first Python that is recent enough and can make an environment.
python='' unable=''
for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
    if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
        python=$candidate
        break
    fi
    unable=${unable:-$candidate}
done
if [ -z "$python" ] && [ -n "$unable" ]; then
    version=$("$unable" -c "$version_of")
    echo "$unable ($version) can't make a virtual environment: its 'venv' or 'ensurepip' module is missing." >&2
    echo "On Debian and Ubuntu: apt-get install python3-venv (or python$version-venv), then try again." >&2
    exit 4
fi
if [ -z "$python" ]; then
    echo "mockhost needs Python 3.11 or later; none was found as ${PYTHON:-python3, python3.11 … python3.14 or python}." >&2
    echo "Install one, or name it: make PYTHON=/path/to/python3.12 …" >&2
    exit 4
fi

# A lock that is only being tightened or a changed pyproject.toml can go into the same environment; another Python,
# another folder or a broken environment can't.
kept=no
if [ -f "$venv/.made" ] && "$(bin_of "$venv")/python" -c '' 2>/dev/null; then
    [ "$(cat "$venv/.made")" = "$here $("$python" -c "$version_of")" ] && kept=yes
fi
if [ $kept = no ]; then
    echo "making .venv with $("$python" --version) …" >&2
    "$python" -m venv --clear "$venv"
    printf '%s %s\n' "$here" "$("$python" -c "$version_of")" >"$venv/.made"
fi
rm -f "$venv/.ready-run" "$venv/.ready-dev"

if [ "$level" = run ]; then extras='[people]'; else extras='[dev]'; fi
echo "installing mockhost$extras with the versions of constraints.txt …" >&2
pip() { "$(bin_of "$venv")/python" -m pip --disable-pip-version-check -qq "$@"; }
# The builder comes first and from the lock too, so that nothing is fetched that the lock does not name.
pip install -c "$here/constraints.txt" hatchling
pip install -c "$here/constraints.txt" --no-build-isolation -e "$here$extras"
# The line that leads from the environment to the checkout is relative, so that it is ASCII: without a UTF-8 locale,
# Python 3.11 does not start if that line holds anything else.
"$(bin_of "$venv")/python" - "$here" <<'PY'
import os, sys, sysconfig

site = sysconfig.get_path("purelib")
with open(os.path.join(site, "_mockhost.pth"), "w", encoding="ascii") as file:
    file.write(os.path.relpath(sys.argv[1], site) + "\n")
PY
wanted >"$venv/.ready-$level"
