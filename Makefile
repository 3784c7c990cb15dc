# Everything here runs as root or not, on a fresh Debian or Ubuntu with Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
CONFIG ?= config/outputs4_phase1.yaml
ARGS ?=
PYTEST_ARGS ?=

.PHONY: phase1 postgres-user test check install constraints clean

# The stamp is younger than what it was made from, so `make` installs once and again only after a change. It says where
# the environment was made: the scripts in it know their own path, so in a clone that was moved it is made anew.
MOVED := $(shell [ "$$(cat $(VENV)/installed 2>/dev/null)" = "$$(pwd -P)" ] || echo moved)
.PHONY: moved
$(VENV)/installed: pyproject.toml constraints.txt $(MOVED)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is %s; set PYTHON=..." % sys.version.split()[0])'
	@$(PYTHON) -m venv $(if $(MOVED),--clear) $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv"; exit 2; }
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@pwd -P > $@

install: $(VENV)/installed

# Before the installation: whether PostgreSQL can run here as this user.
postgres-user:
	@$(PYTHON) -m launcher.postgres.user

phase1: postgres-user install
	@$(VENV)/bin/python -m launcher phase1 --config $(CONFIG) $(ARGS)

test: install
	$(VENV)/bin/python -m pytest $(PYTEST_ARGS)

check: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	PATH=$(VENV)/bin:$$PATH lint-imports
	$(VENV)/bin/deptry .

constraints: install
	$(VENV)/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.new
	{ sed -n '/^#/p' constraints.txt; cat constraints.new; } > constraints.txt.new
	mv constraints.txt.new constraints.txt && rm constraints.new

clean:
	rm -rf $(VENV) build *.egg-info
