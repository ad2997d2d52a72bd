# Thin on purpose: every line can be run by hand. `make help` lists what there is.
PYTHON ?= python3
PORT ?=
PYTEST_ARGS ?=
BENCHMARKS ?= bptt rnn memory torch_bridge scan trees sampling reservoir imports grading browser
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help book html pdf serve lab test lint notebooks bench clean
.DEFAULT_GOAL := help

help:  ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## */  make \1\t/' | expand -t 18

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "rnnkit needs Python 3.11 to 3.13, this is %d.%d; name another: make PYTHON=python3.12" % sys.version_info[:2])'
	@echo "Making the environment in .venv (a few minutes the first time) ..."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@$(BIN)/python -m rnnkit.warm >/dev/null
	@touch $@

book: html serve  ## build the book and serve it on this machine

html: $(READY)  ## build the book into _build/html
	$(BIN)/python scripts/book.py build

pdf: $(READY)  ## build the book and one PDF of all of it (needs Chromium)
	$(BIN)/python scripts/book.py build --pdf

serve: $(READY)  ## serve the book that was built (PORT=8080)
	$(BIN)/python scripts/book.py serve $(if $(PORT),--port $(PORT))

lab: $(READY)  ## open the exercises in JupyterLab
	@echo "Opening JupyterLab in exercises/ (Ctrl-C twice ends it) ..."
	$(BIN)/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/exercises

test: $(READY)  ## run all tests (PYTEST_ARGS="-k bptt" for some)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(READY)  ## style, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

notebooks: $(READY)  ## write exercises, golden values and stored outputs anew from the masters
	$(BIN)/python scripts/notebooks.py

bench: $(READY)  ## measure against other libraries, side by side (BENCHMARKS="rnn scan" for some)
	@for script in $(BENCHMARKS); do echo "== $$script" && $(BIN)/python benchmarks/$$script.py || exit 1; done

clean:  ## remove what was built (the environment stays)
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
