#!/bin/sh
# Installs the mocks of the benchmark's optional rows into build/peers; needs npm and, for WireMock, Java.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
mkdir -p "$here/build/peers"
npm install --no-fund --no-audit --prefix "$here/build/peers" wiremock@3.13.2 @mockoon/cli@9.9.0 \
    express@5.3.0 scimmy@1.3.5 scimmy-routers@1.3.2
"${PYTHON:-python3}" -m venv "$here/build/peers/venv"
"$here/build/peers/venv/bin/python" -m pip --disable-pip-version-check -qq install scim2-server==0.8.3
