# Everything runs in .venv, which the first target that needs it creates.
#   make PYTHON=python3.12 demo      to use another Python

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast check format bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.installed  ## see it recognise actions, no camera needed
	@$(BIN)/actionpose demo

test: .venv/.installed-dev  ## run all tests, on all cores
	$(BIN)/pytest -n auto

test-fast: .venv/.installed-dev  ## run the tests that take seconds
	$(BIN)/pytest -m "not slow"

check: .venv/.installed-dev  ## lint, format, types and architecture
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.installed-dev  ## rewrite the code in the house format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/.installed-bench  ## measure accuracy and speed; with ACTIONPOSE_DATA set, on real data too
	$(BIN)/python -m tests.benchmarks.bench_matching
	$(BIN)/python -m tests.benchmarks.bench_puppet
	$(BIN)/python -m tests.benchmarks.bench_picture
	$(BIN)/python -m tests.benchmarks.bench_start
ifdef ACTIONPOSE_DATA
	$(BIN)/python -m tests.benchmarks.bench_decode $(ACTIONPOSE_DATA)/video/*.avi $(ACTIONPOSE_DATA)/video/*.mp4
	$(BIN)/python -m tests.benchmarks.bench_recognize
	$(BIN)/python -m tests.benchmarks.bench_live
	$(BIN)/actionpose evaluate jk2017:$(ACTIONPOSE_DATA)/streams/jk2017_kinect
	$(BIN)/actionpose evaluate jk2017:$(ACTIONPOSE_DATA)/streams/jk2017_kinect --axes xy
	$(BIN)/actionpose evaluate jk2017:$(ACTIONPOSE_DATA)/streams/jk2017_kinect --feature angles
	$(BIN)/actionpose evaluate jk2017:$(ACTIONPOSE_DATA)/streams/jk2017_kinect --mode window --feature angles
	$(BIN)/actionpose evaluate jk2017:$(ACTIONPOSE_DATA)/streams/jk2017_leap
	$(BIN)/actionpose evaluate utkinect:$(ACTIONPOSE_DATA)/streams/utkinect --iou 0.3
	$(BIN)/actionpose evaluate msr:$(ACTIONPOSE_DATA)/clips/msr_action3d.npz
	$(BIN)/actionpose evaluate natops:$(ACTIONPOSE_DATA)/clips/natops.npz
	$(BIN)/actionpose evaluate signs:$(ACTIONPOSE_DATA)/clips/mediapipe_signs.npz
endif

clean:  ## remove .venv and every cache
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made after the environment is whole, so an interrupted installation is taken up again.
.venv/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  found=$$($(PYTHON) -V 2>&1) || found=missing; \
	  echo "error: actionpose needs Python 3.11 or newer; $(PYTHON) is $$found." >&2; \
	  echo "hint: install one and name it, for instance: make PYTHON=python3.12 demo" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.installed: pyproject.toml | .venv/.created
	@echo "Installing actionpose into .venv (a minute or two) ..." >&2
	@$(PIP) install --editable .
	@touch $@

# Dependency groups need a newer pip than older Pythons bring along. Named together with the package, so that their
# versions suit its own.
.venv/.installed-dev: .venv/.installed
	@echo "Installing the development tools into .venv ..." >&2
	@$(PIP) install --upgrade "pip>=25.1"
	@$(PIP) install --group dev --editable .
	@touch $@

.venv/.installed-bench: .venv/.installed-dev
	@$(PIP) install --group bench --editable .
	@touch $@
