# pathmix: every command of the project.
#
#  make demo       how many clusters of galaxies? By NUTS and by BIC; in examples/output/
#  make test       the tests, without the slow sweeps
#  make test-all   every example, then every test, in parts with the time of each:
#                  make test-all PART=families (or pathwise, mixtures, rest, examples)
#  make laws       which laws the tests hold of each family
#  make bench      ours and every peer side by side, in a few minutes; table in benchmarks/results/
#  make bench-all  the same with sweeps of every size: hours of an idle machine
#  make docs       the site, in site/
#  make docs-serve the same, shown while pages are written
#  make check      format, lint, types, import order, documented examples
#  make format     rewrite the sources in the house format
#  make release-check  build, check, install and use what a release would be (CONTRIBUTING.md)
#  make clean      remove what the commands above left behind, except the environment
#
#  Each makes the environment it needs in .venv, from Python 3.11 or newer.
#  Options: PYTHON=python3.12   ARGS='-k icdf'  (passed to pytest)   VENV=elsewhere
#           ARGS=--check (passed to bench: compare with the last committed result)

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
# Python compiles what is imported; most of what is installed never is.
INSTALL := $(PIP) install --no-compile
PYTEST := $(BIN)/python -m pytest
EXAMPLES = $(wildcard examples/[a-z]*.py)

# Two at once would install into one environment.
.NOTPARALLEL:
# A half-made environment must not count as made.
.DELETE_ON_ERROR:
.PHONY: help demo test test-all laws bench bench-all docs docs-serve check format release-check clean

help:
	@sed -n '/^#/!q; s/^# *//p' Makefile

demo: $(VENV)/.has-examples
	$(BIN)/python examples/galaxies.py

test: $(VENV)/.has-test
	$(PYTEST) -n 2 --dist worksteal $(ARGS)

# Each part takes less than an hour on two cores, and 8 GiB.
PART ?= families pathwise mixtures rest examples
FILES_families := $(wildcard tests/test_families.py tests/test_laws_*.py tests/test_leaf_order.py)
FILES_pathwise := $(wildcard tests/test_pathwise_*.py tests/test_expectation*.py)
FILES_mixtures := $(wildcard tests/test_mixture_*.py tests/test_density.py)
FILES_rest := $(filter-out $(FILES_families) $(FILES_pathwise) $(FILES_mixtures), \
	$(wildcard tests/test_*.py tests/*/test_*.py))

test-all: $(VENV)/.has-test $(VENV)/.has-examples $(PART:%=test-all-%)

test-all-examples:
	@set -e; for example in $(EXAMPLES); do echo "== $$example"; $(BIN)/python "$$example"; done

test-all-%:
	@echo "== part $*"; start=$$(date +%s); \
	$(PYTEST) -n 2 --dist worksteal -m '' $(FILES_$*) $(ARGS); status=$$?; \
	echo "== part $*: $$(($$(date +%s) - start)) seconds"; exit $$status

laws: $(VENV)/.has-test
	$(BIN)/python tests/cases/coverage.py

bench: $(VENV)/.has-bench
	$(BIN)/python benchmarks/run.py $(ARGS)

bench-all: $(VENV)/.has-bench
	$(BIN)/python benchmarks/run.py --all $(ARGS)

docs: $(VENV)/.has-docs
	$(BIN)/python tools/make_site.py

docs-serve: $(VENV)/.has-docs
	$(BIN)/python tools/make_site.py --serve

# The documented examples (`>>>` in docstrings, python blocks in pages) are the last line.
check: $(VENV)/.has-check $(VENV)/.has-test
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(PYTEST) -n 2 --dist worksteal --doctest-modules --markdown-docs src README.md docs

format: $(VENV)/.has-check
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

release-check: $(VENV)/.has-release
	$(BIN)/python .ci/release_check.py $(ARGS)

clean:
	rm -rf build dist site examples/output
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests examples benchmarks tools -name __pycache__ -type d -prune -exec rm -rf {} +

# .venv/.has-test stands for "the extra `test` of pyproject.toml is installed", and so on.
$(VENV)/.has-%: pyproject.toml $(VENV)/pyvenv.cfg
	@echo "Installing pathmix[$*] into $(VENV)"
	@$(INSTALL) --editable '.[$*]'
	@touch $@

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "pathmix needs Python 3.11 or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1)."; \
	  echo "Install one, or name the one to use: make PYTHON=python3.12 ..."; \
	  exit 1; } >&2
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
