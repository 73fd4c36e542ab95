# Everything here works without make too: README.md gives the plain lines, also for Windows.
.DEFAULT_GOAL := help
.PHONY: help venv serve lab test coverage check format lint types docs site bench bench-peers conformance lock wheel clean

PYTHON ?=
ARGS ?=
export PYTHON

bin := .venv/bin
run := $(bin)/python

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo '  ARGS="…" goes to the command, PYTHON=… names another Python (3.11 or later)'

venv: ## the virtual environment .venv, with everything that work on mockhost needs
	@sh tools/venv.sh dev

serve: ## the healthy host: make serve ARGS="documented/secret_token_mismatch --port 9585"
	@sh tools/venv.sh run
	@exec $(bin)/mockhost serve $(ARGS)

lab: ## the next exercise, or one: make lab ARGS="start L05"
	@sh tools/venv.sh run
	@exec $(bin)/mockhost lab $(ARGS)

test: venv ## the tests, side by side; in one process, e.g. for --pdb: make test ARGS="-n 0 -k paging"
	$(run) -m pytest -n auto --maxprocesses 4 $(ARGS)

coverage: venv ## the tests, and which lines and branches they reach
	$(run) -m coverage erase
	$(run) -m coverage run -m pytest $(ARGS)
	$(run) -m coverage combine --quiet
	$(run) -m coverage report

check: lint types test ## everything quick: lint, types, tests, and whether the generated docs are current
	@$(MAKE) --no-print-directory docs ARGS=--check

format: venv ## format the code and mend what can be mended by itself
	$(run) -m ruff check --fix .
	$(run) -m ruff format .

lint: venv ## style and format
	$(run) -m ruff check .
	$(run) -m ruff format --check .

types: venv ## mypy --strict
	$(run) -m mypy

docs: venv ## write the generated pages and files (make docs ARGS="--check cli" names those that are not current)
	$(run) -m tools.docs $(ARGS)

site: venv ## the documentation as a site with search, in build/site; a broken link fails
	@sh tools/site.sh

bench: wheel ## the speed and memory rows, beside their references: make bench ARGS="--quick find-http"
	@sh tools/bench_venv.sh
	@build/bench/bin/python -m bench $(ARGS)

bench-peers: ## the servers of others for the optional rows of the benchmark
	sh bench/peers.sh

conformance: venv ## suites of others against the SCIM connector, and docs/conformance.md: make conformance ARGS="scim2-tester"
	@sh conformance/setup.sh
	@build/conformance/venv/bin/python -m conformance $(ARGS)

lock: ## constraints.txt anew: the newest versions that fit, from a fresh environment
	sh tools/lock.sh

wheel: venv ## the wheel and the source archive, in dist/
	@rm -rf dist
	$(run) -m build --no-isolation --outdir dist .

clean: ## remove what was made; constraints.txt and the sources stay
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
