"""The console: the mock in a browser, at the control plane's address. See README.md in this folder."""
