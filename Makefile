# GNU make 3.81, the one that macOS ships, is enough.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
PYTHONS := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)
UV := build/uv/bin/uv
# Most tests wait for sockets, files and processes: four workers keep two cores busy.
PYTEST = $(BIN)/pytest -n $(or $(JOBS),4) --dist worksteal
# Those of the core only compute: each further worker would but load the tests once more.
COMPUTING = $(BIN)/pytest -n $(or $(JOBS),2) --dist worksteal
# Workers, and the processes that tests start, read each other's bytecode.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test test-system test-browser test-office test-rest vendor soak mutation check lint format types rewritten layers cover wheel-test docs bench screens lock upgrade clean

help:
	@echo "make run         set up, then run specs/month-end.yaml on the built-in emulator"
	@echo "make test        set up, then lint, types, import layers and tests"
	@echo "make test-system kills, full disks, wrong clocks, editor, pre-commit (root installs and mounts)"
	@echo "make test-browser test-office  the report in Chromium and LibreOffice (root installs them)"
	@echo "make soak        the long proof: some hours on two cores; writes docs/reliability.md"
	@echo "make mutation    change the code that decides, line by line: the tests must notice"
	@echo "make check       make test with every module's coverage, then make wheel-test"
	@echo "make wheel-test  build sdist and wheel into dist/, install it elsewhere, compare and run it"
	@echo "make bench       measure speed and cost against the goals (an hour; ARGS=--quick: minutes)"
	@echo "make docs        build the pages of docs/ as a site in build/site/; a warning is an error"
	@echo "make screens     fill the pages with what the commands print (needs tmux; ARGS=--check)"
	@echo "make lint format types layers cover lock upgrade clean"
	@echo "PYTHON=python3.12 make ... chooses the interpreter of a new $(VENV)"

run: $(VENV)/.run
	$(BIN)/zbatch run specs/month-end.yaml

# The engine, the ledger and what reads answers are held to every branch, by their own tests alone.
CORE_TESTS = tests/engine tests/ledger tests/zuora
CORE = */zbatch/engine/*,*/zbatch/ledger/*,*/zbatch/zuora/reply.py,*/zbatch/zuora/rows.py
CORE_TOO = */zbatch/zuora/codes.py,*/zbatch/zuora/strict_json.py,*/zbatch/zuora/limits.py,*/zbatch/zuora/allowance.py

test: lint types layers rewritten
	$(COMPUTING) --cov --cov-branch --cov-report= $(CORE_TESTS)
	$(BIN)/coverage report --skip-covered --fail-under=100 --include='$(CORE),$(CORE_TOO)'
	$(PYTEST) $(CORE_TESTS:%=--ignore=%)

# Kills, full disks, wrong clocks, 10,000 items; who may not install or mount skips what needs it.
test-system: $(VENV)/.dev build/clients/.installed
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  ! { command -v strace && command -v faketime && command -v ps && command -v curl; } >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq strace faketime procps mount curl >/dev/null; fi
	$(BIN)/pytest -n $(or $(JOBS),2) tests/processes/system

# The report's page in a real browser, its tables in a real spreadsheet program; who may not install
# them skips what needs them.
test-browser: $(VENV)/.dev
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  ! { command -v chromium && command -v chromedriver; } >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends \
	    chromium chromium-driver fonts-dejavu-core >/dev/null; fi
	$(BIN)/pytest tests/browser

test-office: $(VENV)/.dev
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! command -v soffice >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends \
	    libreoffice-calc >/dev/null; fi
	$(BIN)/pytest tests/office

# All but `make test`, one after the other: the system installs for one at a time.
test-rest: $(VENV)/.dev
	$(MAKE) test-browser
	$(MAKE) test-office
	$(MAKE) test-system
	$(MAKE) wheel-test
	$(MAKE) docs

# The charts that the report's page carries, as their authors publish them: npm checks the bytes by
# the lock's hash, and tests/packaging and tests/browser that these are here.
ASSETS = runner/zbatch/report/assets
vendor:
	mkdir -p build/browser
	cp tests/browser/package.json tests/browser/package-lock.json build/browser/
	cd build/browser && npm ci --ignore-scripts --no-audit --no-fund
	cp build/browser/node_modules/uplot/dist/uPlot.iife.min.js $(ASSETS)/
	cp build/browser/node_modules/uplot/dist/uPlot.min.css $(ASSETS)/
	cp build/browser/node_modules/uplot/LICENSE $(ASSETS)/uPlot.LICENSE.txt

# Some hours on two cores; the result goes into docs/reliability.md. ARGS="--only saboteur" etc.
soak: $(VENV)/.mutation
	$(BIN)/python tests/soak.py $(ARGS)

mutation: $(VENV)/.mutation
	PYTHONPATH=tests $(BIN)/python -m mutation $(ARGS)

check: lint types layers cover wheel-test

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(VENV)/.dev
	$(BIN)/mypy

# The tests' assertions are rewritten once, for all workers to read.
rewritten: $(VENV)/.dev
	@mkdir -p build
	$(BIN)/pytest --collect-only -qq >build/collected.txt || { cat build/collected.txt; exit 1; }

layers: $(VENV)/.dev
	$(BIN)/lint-imports

cover: $(VENV)/.dev
	$(PYTEST) --cov --cov-report=term-missing:skip-covered

wheel-test: $(VENV)/.dev
	$(BIN)/python tests/packaging/wheel_smoke.py

# Root gets the load generator and a compiler; without them the bench says what it leaves out.
bench: $(VENV)/.run
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  ! { command -v wrk && command -v cc && test -e /usr/include/zlib.h; } >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq wrk gcc libc6-dev zlib1g-dev >/dev/null; fi
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.docs
	$(BIN)/python docs/build.py

# ARGS="docs/start.md README.md" fills these alone, ARGS=--check compares and writes nothing.
screens: $(VENV)/.run
	$(BIN)/python docs/screens.py $(ARGS)
	$(if $(ARGS),,$(BIN)/python docs/live.py)  # of runs under way: no two of them are alike

clean:
	rm -rf $(VENV) build dist

# --- environment -----------------------------------------------------------------------------
# One environment for both uses: those who only run zbatch never wait for the tools, and the two
# locks agree on every version that they share.

# An environment knows its own path: one that was moved or copied is made anew.
ifneq ($(shell cat $(VENV)/.path 2>/dev/null),$(CURDIR))
.PHONY: $(BIN)/python
endif

$(BIN)/python:
	@for python in $(PYTHONS); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	  python=; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "zbatch needs Python 3.11 or newer; tried: $(PYTHONS)." \
	    "Install one, or name it: PYTHON=/path/to/python3 make $(MAKECMDGOALS)" >&2; exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$python has no venv module; on Debian and Ubuntu: sudo apt install python3-venv" >&2; \
	  exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv --clear $(VENV) && pwd -P >$(VENV)/.path

$(VENV)/.run: $(BIN)/python requirements/run.txt pyproject.toml
	@echo "Installing what requirements/run.txt locks"
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "Installing what requirements/dev.txt locks"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.mutation: $(VENV)/.dev requirements/mutation.txt
	@echo "Installing what requirements/mutation.txt locks"
	@$(PIP) install --require-hashes -r requirements/mutation.txt
	@touch $@

# Clients of Zuora that are not ours, to try the emulator with.
CLIENTS = tests/processes/system/clients/requirements.txt

build/clients/.installed: $(BIN)/python $(CLIENTS)
	@$(BIN)/python -m venv --clear --without-pip build/clients
	@$(PIP) --python build/clients/bin/python install --no-compile --require-hashes -r $(CLIENTS)
	@touch $@

$(VENV)/.docs: $(VENV)/.dev requirements/docs.txt
	@echo "Installing what requirements/docs.txt locks"
	@$(PIP) install --require-hashes -r requirements/docs.txt
	@touch $@

# --- locks -----------------------------------------------------------------------------------
# lock keeps every version that still fits pyproject.toml; upgrade takes the newest that does.

COMPILE = $(UV) pip compile --quiet $(UPGRADE) --universal --python-version 3.11 \
  --generate-hashes --no-strip-extras --no-header --no-annotate --no-emit-index-url

lock: $(UV)
	$(COMPILE) pyproject.toml requirements/build.in -o requirements/run.txt
	$(COMPILE) pyproject.toml requirements/build.in --extra dev -c requirements/run.txt \
	  -o requirements/dev.txt
	$(COMPILE) pyproject.toml requirements/build.in --extra dev --extra mutation \
	  -c requirements/dev.txt -o requirements/mutation.txt
	$(COMPILE) pyproject.toml requirements/build.in --extra dev --extra docs \
	  -c requirements/dev.txt -o requirements/docs.txt
	$(COMPILE) benchmarks/rivals.in -c requirements/dev.txt -o benchmarks/rivals.txt
	$(COMPILE) $(CLIENTS:.txt=.in) -o $(CLIENTS)

upgrade:
	$(MAKE) lock UPGRADE=--upgrade

$(UV): | $(BIN)/python
	@$(BIN)/python -m venv --clear build/uv
	@build/uv/bin/python -m pip --disable-pip-version-check --quiet install uv
