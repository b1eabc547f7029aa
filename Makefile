# Short names for what one does with Graft; `make` alone lists them. Each sets up what it needs first.

PYTHON := .venv/bin/python
# Test files run side by side, at most four: each process has a Valkey, a database and a fork server of its own.
SIDE_BY_SIDE ?= -n logical --maxprocesses 4 --dist loadfile
.DEFAULT_GOAL := help
.PHONY: help run demo test check lint templates format types migrations imports setup static clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 20

run: ## start Graft and print the address to open; Ctrl-C stops it
	@scripts/setup.sh run
	@$(PYTHON) -m launcher run

demo: ## one real fine-tune over the REST API, with the scores before and after
	@scripts/setup.sh run
	@$(PYTHON) -m launcher demo

test: setup ## the whole test suite; ARGS="tests/jobs -k cancel" for a part of it, SIDE_BY_SIDE= for one process
	@$(PYTHON) -m pytest $(SIDE_BY_SIDE) $(ARGS)

check: lint templates types migrations imports ## all that CI checks beside the tests

lint: setup ## style and mistakes in Python
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .

templates: setup ## style and mistakes in templates
	@.venv/bin/djlint --lint --quiet templates
	@.venv/bin/djangofmt check templates
	@rm -rf build/templates && cp -r templates build/templates && .venv/bin/djangofmt build/templates
	@diff -rq templates build/templates || { echo "make format writes them as they should be."; exit 1; }

format: setup ## write Python and templates in the project's style
	@$(PYTHON) -m ruff check --fix-only --quiet .
	@$(PYTHON) -m ruff format --quiet .
	@.venv/bin/djangofmt templates
	@.venv/bin/djangofmt check --fix templates

types: setup ## mypy
	@$(PYTHON) -m mypy

migrations: setup ## whether a model changed without a migration
	@GRAFT_HOME=$(CURDIR)/build/home $(PYTHON) manage.py makemigrations --check --dry-run

imports: setup ## which package may import which
	@.venv/bin/lint-imports

setup: ## .venv and static files, also what the tests need
	@scripts/setup.sh test

static: setup ## the stylesheets and scripts that the pages use

clean: ## remove what was built and installed; the data in var/ stays
	rm -rf .venv build node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info
