# Everything here runs as root or not, on a fresh Debian or Ubuntu with Python 3.11 to 3.14.
PYTHON ?= python3
VENV := .venv
CONFIG ?= config/outputs4_phase1.yaml
ARGS ?=
PYTEST_ARGS ?=

.PHONY: phase1 postgres-user test check costs install constraints clean

# Once, and again after a change of what it is made from, in a clone that was moved, and for another Python.
install:
	@$(PYTHON) -m launcher.installation

# Before the installation: whether anything is missing for it, and whether PostgreSQL can run here as this user.
postgres-user:
	@$(PYTHON) -m launcher.installation check
	@$(PYTHON) -m launcher.postgres.user

phase1: postgres-user install
	@$(VENV)/bin/truestrength phase1 --config $(CONFIG) $(ARGS)

test: install
	$(VENV)/bin/python -m pytest -n 2 --no-loadscope-reorder $(PYTEST_ARGS)

check: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	PATH=$(VENV)/bin:$$PATH lint-imports
	$(VENV)/bin/deptry .

# What a trial costs beside its training; printed, not judged: statements, CPU of the server; time and memory of 4 workers.
costs: install
	$(VENV)/bin/python -m benchmarks.long_sweep --trials 200 2000 --more 50 --without report status
	$(VENV)/bin/python -m benchmarks.orchestration --trials 64 --workers 4 --without hydra ray

constraints: install
	$(VENV)/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.new
	{ sed -n '/^#/p' constraints.txt; cat constraints.new; } > constraints.txt.new
	mv constraints.txt.new constraints.txt && rm constraints.new

clean:
	rm -rf $(VENV) build *.egg-info
