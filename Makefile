# A fresh machine needs Python 3.11 or newer with pip, and make. Everything else lands in .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PYTEST_ARGS ?=
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TYPED := build/typed

.PHONY: help demo test test-all check typed bench docs clean

help:
	@echo "make demo       compile, prove, verify and tamper with a small model"
	@echo "make test       the fast tests (PYTEST_ARGS passes through)"
	@echo "make test-all   all tests"
	@echo "make check      ruff, mypy --strict, import directions"
	@echo "make bench      measure the backends, half an hour on two cores; writes benchmarks/results"
	@echo "make docs       write the generated pages again"

# pip's venv module is a separate package on some systems; virtualenv needs only pip.
$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m pip install --user virtualenv \
	  && $(PYTHON) -m virtualenv $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[chain,ezkl,dev]'
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/verifiable demo

test: $(STAMP)
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow" $(PYTEST_ARGS)

test-all: $(STAMP)
	$(BIN)/python -m pytest -n $(JOBS) $(PYTEST_ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) -s typed
	$(BIN)/mypy --strict --config-file pyproject.toml $(TYPED)/verifiable
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/structure

bench: $(STAMP)
	$(BIN)/python benchmarks/ezkl_baseline.py
	$(BIN)/python benchmarks/zk_peers.py
	$(BIN)/python benchmarks/growth.py

# The package as it is installed: `circuits` and `cli` are parts of `verifiable`.
typed:
	@rm -rf $(TYPED) && mkdir -p $(TYPED)/verifiable
	@ln -s $(CURDIR)/verifiable/* $(CURDIR)/circuits $(CURDIR)/cli $(TYPED)/verifiable/

docs: $(STAMP)
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/security_table.py

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
