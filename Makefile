# Each target does all that it needs on a machine with only Python 3.11+ and git.
PYTHON ?= python3
VENV ?= .venv
INSTALLED = $(VENV)/.installed

.PHONY: demo test lint clean

demo: $(INSTALLED)  ## install, then track, score and plot with the shipped weights (about 5 minutes)
	$(VENV)/bin/dmtrack demo --output demo

test: $(INSTALLED)  ## install, then lint, types and tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m pytest

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --upgrade pip
	$(VENV)/bin/python -m pip install --quiet --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
