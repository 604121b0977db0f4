# ai-lab: `make run` shows it working, `make help` lists the rest.
# Every target makes .venv by itself, once, and again only when requirements.lock changes.

HOST ?= 127.0.0.1
PORT ?= 8000
UI_PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Candidates for making .venv, best first; `make PYTHON=/path/to/python3.12 run` names one.
PYTHON ?=
CANDIDATES := $(if $(PYTHON),$(PYTHON),python3 python3.13 python3.12 python3.11 python3.14 python)

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run serve ui test e2e check bench screenshots lock clean

help:  ## List the targets
	@sed -n 's/^\([a-z0-9]*\):.*##/  make \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-20s%s\n", $$1, $$2}'

run: $(STAMP)  ## Train a small sweep, store it, rank it over HTTP, say what to type next
	@$(BIN)/python -m scripts.demo

serve: $(STAMP)  ## Start the server (HOST=127.0.0.1 PORT=8000)
	@$(BIN)/python -m uvicorn backend.api:app --host $(HOST) --port $(PORT) --no-proxy-headers

ui: $(STAMP)  ## Start the dashboard of the server at LAB_SERVER_URL (UI_PORT=8501)
	@$(BIN)/python -m streamlit run stream.py --server.port $(UI_PORT)

test: $(STAMP)  ## Run all tests, in a process per core; a Chromium is installed if there is none (ARGS="-k name" passes options on)
	@$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 $(ARGS)

e2e: $(STAMP)  ## Run only the tests that drive the dashboard with a real browser (ARGS passes options on)
	@$(BIN)/python -m pytest tests/e2e $(ARGS)

check: $(STAMP)  ## Lint, format check, types, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(STAMP)  ## Measure every time and size budget; writes benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks $(ARGS)

screenshots: $(STAMP)  ## Train a small study and take pictures of every page of the dashboard into docs/images
	@$(BIN)/python -m scripts.screenshots $(ARGS)

# Plain package names and versions for Python 3.11 and later, on every platform: no index address goes into the lock.
lock: $(STAMP)  ## Resolve the requirements into requirements.lock (ARGS=--upgrade takes newer versions)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-emit-index-url \
		--no-emit-find-links $(ARGS) --output-file requirements.lock requirements-dev.txt

clean:  ## Remove .venv, caches and build output; runs and checkpoints stay
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist libs/*/build libs/*/dist
	@find . -type d -name __pycache__ -prune -exec rm -rf {} +

# A .venv whose interpreter is gone or too old is made anew; an unfinished one is completed.
$(STAMP): requirements.lock libs/lab_logger/pyproject.toml libs/lightml/pyproject.toml
	@if ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		python=; \
		for candidate in $(CANDIDATES); do \
			if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
				python=$$candidate; break; \
			fi; \
		done; \
		if [ -z "$$python" ]; then \
			echo "ai-lab needs Python 3.11 or newer; none answered as: $(CANDIDATES)." >&2; \
			echo "Install one, or name it: make PYTHON=/path/to/python3.12 run" >&2; exit 1; \
		fi; \
		if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
			version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
			echo "$$python cannot make a virtual environment: its venv module is not complete." >&2; \
			echo "On Debian or Ubuntu: sudo apt install python$$version-venv" >&2; exit 1; \
		fi; \
		echo "Making $(VENV) with $$("$$python" --version)"; \
		rm -rf $(VENV) && "$$python" -m venv $(VENV); \
	fi
	@echo "Installing requirements.lock into $(VENV) (once; a few minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@touch $@
