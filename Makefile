# Berth. `make help` lists what there is. Needs Python 3.11 or newer with venv, and git; nothing else of ours.
# For the browser tests (skipped without): apt-get install -y --no-install-recommends chromium
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
JOBS ?= 3
N ?= 500
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help run test test-cluster check bench chaos demo mutants docs requirements clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/.run: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "berth: Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

run: $(VENV)/.run ## Set up and run the portal with embedded servers (ARGS="--port 8080 --data-dir var")
	@exec $(BIN)/python manage.py up $(ARGS)

test: $(VENV)/.dev ## Set up and run all tests (ARGS="-k f3")
	@$(BIN)/python -m pytest -q -n $(JOBS) $(ARGS)

test-cluster: $(VENV)/.dev ## Build and start a Kubernetes control plane, or use KUBECONFIG; run the tests that need one
	@$(BIN)/python -m tests.cluster test $(ARGS)

check: $(VENV)/.dev ## Lint, format, types, import order, templates, migrations, generated docs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy portal delivery observability provisioning catalog policies audit
	@$(BIN)/lint-imports
	@git ls-files -z 'templates/*.html' | xargs -0 $(BIN)/djade --target-version 5.2 --check
	@$(BIN)/python -m tests.checks

bench: $(VENV)/.dev ## Measure; the last line is one JSON object of figures
	@$(BIN)/python -m tests.bench

chaos: $(VENV)/.dev ## Break everything at random under load; the last line is one JSON object (N=500 SEED=1)
	@$(BIN)/python -m tests.chaos --faults $(N) --seed $(SEED) $(ARGS)

demo: $(VENV)/.run ## The scripted journey against a running or freshly started portal
	@$(BIN)/python manage.py demo $(ARGS)

mutants: $(VENV)/.dev ## Put named faults in, one at a time; each must turn the suite red
	@$(BIN)/python -m tests.mutants

docs: $(VENV)/.dev ## Build the documentation into site/
	@$(BIN)/mkdocs build --strict --quiet

requirements: $(VENV)/.dev ## Compile the pinned requirements again
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url requirements-dev.in -o requirements-dev.txt

clean: ## Remove the virtual environment, caches and the data in var/
	@rm -rf $(VENV) var site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
