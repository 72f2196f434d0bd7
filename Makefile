# Every task works in this folder alone: its environments are .venv, .venv-foreign and .venv-bench.
#   make test PYTHON=python3.13           which Python they are made with (3.11 or newer)
#   make test ARGS="-k quota"             arguments for pytest

PYTHON ?= python3
UV ?= uv
ARGS ?=
MINUTES ?= 60

PIP_INSTALL = python -m pip --quiet --quiet --disable-pip-version-check install
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo example-flask example-fastapi example-django screenshots test test-foreign \
    simulate chaos bench check lock clean

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.package ## the tour: a sandbox, a worker and some orders, on this machine alone
	@.venv/bin/order-worker demo

example-flask: ## a small shop in Flask: place an order, see it confirmed
example-fastapi: ## the same in FastAPI
example-django: ## the same in Django
example-flask example-fastapi example-django: .venv/.package
	@.venv/bin/python examples/start.py $(@:example-%=%)

screenshots: .venv/.package ## the pictures of the README, taken anew (needs chromium)
	.venv/bin/python examples/screenshots/take.py

test: .venv/.package ## the whole suite
	.venv/bin/python -m pytest --numprocesses auto --dist loadfile $(ARGS)

test-foreign: .venv-foreign/.package ## other people's clients against the sandbox
	ORDER_WORKER_FOREIGN=required .venv-foreign/bin/python -m pytest tests/foreign $(ARGS)

chaos: .venv/.package ## three workers that are killed, stopped and cut off all the time (ARGS="--seed 2")
	.venv/bin/python -m tests.chaos $(ARGS)

bench: .venv-bench/.package ## every figure of the README against its peers (ARGS="delay signing")
	.venv-bench/bin/python -m benchmarks $(ARGS)

simulate: .venv/.package ## histories of a fleet with faults at every step (MINUTES=60)
	.venv/bin/python -m tests.simulation --minutes $(MINUTES) $(ARGS)

check: .venv/.package ## style, types and the layers
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

lock: ## pin the dependencies anew, from pyproject.toml (needs uv; ARGS=--upgrade for newer ones)
	@command -v $(UV) >/dev/null || { \
	    echo "There is no $(UV) here: install uv, or name it: make lock UV=…" >&2; exit 1; }
	$(COMPILE) $(ARGS) --all-extras --group dev pyproject.toml --output-file requirements.lock
	$(COMPILE) $(ARGS) --group foreign --constraints requirements.lock \
	    --output-file requirements-foreign.lock
	$(COMPILE) $(ARGS) --group bench --constraints requirements.lock \
	    --constraints requirements-foreign.lock --output-file requirements-bench.lock

clean: ## remove the environments and what tools left behind (no ledger)
	rm -rf .venv .venv-foreign .venv-bench .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is made anew when a lock has changed; the package in it is a link to this folder.

.venv/.dependencies: requirements.lock
	$(call new-environment,.venv)
	@touch $@

.venv-foreign/.dependencies .venv-bench/.dependencies: .venv-%/.dependencies: \
    requirements.lock requirements-%.lock
	$(call new-environment,.venv-$*)
	@.venv-$*/bin/$(PIP_INSTALL) --require-hashes --use-pep517 --no-build-isolation \
	    --requirement requirements-$*.lock
	@touch $@

%/.package: %/.dependencies pyproject.toml
	@$*/bin/$(PIP_INSTALL) --no-index --no-deps --no-build-isolation --editable .
	@touch $@

.PRECIOUS: %/.dependencies %/.package

define new-environment
@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 or \
newer, or name one: make PYTHON=python3.12 …" >&2; exit 1; }
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older \
than Python 3.11: name a newer one: make PYTHON=python3.12 …" >&2; exit 1; }
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module: \
install it (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }
@echo "Making $(1): from the lock, which takes a minute." >&2
@$(PYTHON) -m venv --clear $(1)
@$(1)/bin/$(PIP_INSTALL) --require-hashes --requirement requirements.lock
endef
