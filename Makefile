# `make demo` and `make test` set everything up on a machine that has Python 3.11 or 3.12 and nothing else.
#
# torch is installed apart from the rest, so that its build can be chosen:
#   make setup TORCH_INDEX=https://download.pytorch.org/whl/cpu      CPU only, 200 MB
#   make setup TORCH_INDEX=https://download.pytorch.org/whl/cu128    for NVIDIA GPUs
#   make setup TORCH=torch==2.8.0                                    another version
TORCH       ?= torch==2.13.0
TORCH_INDEX ?=
PYTHON      ?= $(shell for p in python3.12 python3.11 python3; do $$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)
VENV        := .venv
BIN         := $(VENV)/bin
PIP         := $(BIN)/python -m pip --disable-pip-version-check install --quiet
DEMO        ?= demo

.PHONY: help setup demo test lint format clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.ready ## prepare .venv with everything pinned in infra/constraints.txt

$(VENV)/.ready: pyproject.toml infra/constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed; set PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "$(TORCH)"
	$(PIP) --constraint infra/constraints.txt --editable ".[dev]"
	@touch $@

demo: setup ## make damaged photos, restore them, say where the report lies
	$(BIN)/lacuna demo $(DEMO)

test: setup lint ## everything that this machine can run
	$(BIN)/python -m pytest

lint: setup ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pip check

format: setup ## rewrite to the house's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what setup and demo made
	rm -rf $(VENV) $(DEMO)
