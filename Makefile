# Every target sets up .venv/ first; `make help` lists them.
PYTHON ?= python3
VENV := .venv/bin
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test clients fuzz crash stores lint format bench tpch lock clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

setup: ## make .venv/ with every package (editable) and the tools; quick when nothing changed
	@$(PYTHON) tools/setup.py

demo: setup ## load a real data set and answer questions about it
	@$(VENV)/heliosdb demo

test: setup ## run all tests; ARGS="-k name" narrows
	$(VENV)/pytest -n auto $(ARGS)

clients: setup ## run SQLAlchemy's suite and other drivers' programs on a server, after installing them; needs npm, mvn for theirs
	@$(VENV)/uv pip install --quiet --python $(VENV)/python --group clients
	$(VENV)/python -m tests.clients $(ARGS)
	$(VENV)/python -m tests.clients.compliance

fuzz: setup ## random histories and databases beside models, conversations, then statements beside PostgreSQL; ARGS="--help"
	$(VENV)/python -m tests.isolation.histories --seconds 120
	$(VENV)/python -m tests.isolation.random_schedules --seconds 120
	STATEFUL_EXAMPLES=500 $(VENV)/pytest -q -n 0 tests/test_stateful.py
	FUZZ_EXAMPLES=3000 $(VENV)/pytest -q -n 0 --timeout 1800 packages/heliosdb-server/tests/test_fuzz.py
	$(VENV)/python -m tests.fuzz $(ARGS)

crash: setup ## crash databases, by power loss and by kill, and compare what is left; ARGS="--help" lists the choices
	$(VENV)/python -m tests.crash --prove --rounds 300
	$(VENV)/python -m tests.crash --encrypted --rounds 300
	$(VENV)/python -m tests.crash $(ARGS)

stores: setup ## test backups in an object store, a server of S3's protocol, after installing that (400 MB)
	@$(VENV)/uv pip install --quiet --python $(VENV)/python --group object-stores
	$(VENV)/pytest -n 0 -k object_store packages/heliosdb-core/tests/dump

lint: setup ## format, rules, types, layers and version ranges
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/uv pip check --python $(VENV)/python

format: setup ## format the code and apply the safe fixes
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

bench: setup ## measure against sqlite3 in memory, then limits, sizes, disk, encryption; ARGS="--only word" narrows the first
	@$(VENV)/python benchmarks/run.py $(ARGS)
	@if [ -z "$(ARGS)" ]; then for name in limits storage durable encryption columns; do \
		printf '\n== benchmarks/%s.py\n' $$name && $(VENV)/python benchmarks/$$name.py || exit 1; done; \
		printf '\nbenchmarks/README.md says how the others are run: bounded, merge_join, vector/exact, vector/nearest.\n'; fi

tpch: setup ## measure TPC-H against sqlite3 and DuckDB, after installing the data generator
	@$(VENV)/uv pip install --quiet --python $(VENV)/python --group bench
	@$(VENV)/python benchmarks/tpch.py $(ARGS)

lock: setup ## write uv.lock anew, after a pyproject.toml changed
	$(VENV)/uv lock --quiet

clean: ## remove everything that setup and the tools made
	rm -rf .venv .bootstrap .bootstrap.lock dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find packages examples tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
