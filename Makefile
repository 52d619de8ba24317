# A fresh machine needs Python 3.11 or newer with pip, and make. Everything else lands in .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PYTEST_ARGS ?=
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TYPED := build/typed

CONTRACTS := contracts/node_modules/.installed
# The binary itself: npm's launcher of it exits with 0 also when tests fail.
FORGE := node_modules/@foundry-rs/forge-*/bin/forge
SLITHER := build/slither

# Tests compare the embedded chain with anvil: take the one of `npm ci` if no other is named.
ANVIL ?= $(firstword $(wildcard $(CURDIR)/contracts/node_modules/@foundry-rs/anvil-*/bin/anvil))
ifneq ($(ANVIL),)
export ANVIL
endif

.PHONY: help demo test test-all check typed bench docs contracts contracts-check slither clean

help:
	@echo "make demo       compile, prove, verify and tamper with a small model"
	@echo "make test       the fast tests (PYTEST_ARGS passes through)"
	@echo "make test-all   all tests"
	@echo "make check      ruff, mypy --strict, import directions"
	@echo "make bench      measure the backends, half an hour on two cores; writes benchmarks/results"
	@echo "make docs       write the generated pages again"
	@echo "make contracts  compile the contracts, write their artifacts, test them (needs Node 20)"

# pip's venv module is a separate package on some systems; virtualenv needs only pip.
$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m pip install --user virtualenv \
	  && $(PYTHON) -m virtualenv $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[chain,ezkl,quorum,tee,dev]'
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/verifiable demo

test: $(STAMP)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not slow" $(PYTEST_ARGS)

test-all: $(STAMP)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

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

# Only for those who change a contract: what it compiles to is committed.
$(CONTRACTS): contracts/package-lock.json
	@command -v npm >/dev/null || { echo "Node 20 or newer with npm is needed"; exit 1; }
	cd contracts && npm ci --no-audit --no-fund
	@touch $@

contracts: $(STAMP) $(CONTRACTS)
	cd contracts && $(FORGE) fmt
	cd examples/escrow && ../../contracts/$(FORGE) fmt
	$(BIN)/python contracts/build.py
	cd contracts && $(FORGE) test --match-path 'test/**/*.gas.t.sol'
	FOUNDRY_PROFILE=thorough $(MAKE) contracts-check

# Writes nothing. The same code under two sets of rules: those it is compiled for and the newest.
# The linter has folders of its own: what it leaves there has no bytecode, and tests would find none.
contracts-check: $(STAMP) $(CONTRACTS)
	$(BIN)/python contracts/build.py --check
	cd contracts && $(FORGE) fmt --check
	cd contracts && FOUNDRY_OUT=out/lint FOUNDRY_CACHE_PATH=cache/lint $(FORGE) lint src
	cd contracts && $(FORGE) build --sizes --skip './test/**'
	cd contracts && FORGE_SNAPSHOT_CHECK=true $(FORGE) test
	cd contracts && FORGE_SNAPSHOT_CHECK=true FOUNDRY_HARDFORK=osaka $(FORGE) test
	cd examples/escrow && ../../contracts/$(FORGE) fmt --check && ../../contracts/$(FORGE) test

# In an environment of its own: it needs a web3 that is too old for the project.
$(SLITHER)/.installed:
	$(PYTHON) -m venv $(SLITHER)
	$(SLITHER)/bin/python -m pip install --quiet --disable-pip-version-check slither-analyzer==0.11.6
	@touch $@

slither: $(CONTRACTS) $(SLITHER)/.installed
	cd contracts && PATH="$$(dirname $(FORGE)):$$PATH" ../$(SLITHER)/bin/slither .

clean:
	rm -rf contracts/out contracts/cache contracts/node_modules
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
