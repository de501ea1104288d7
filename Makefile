# Commands: `make demo`, `make test`, `make lint`, `make wheels`. Each sets up .venv when it is first called.

PYTHON ?= $(shell for p in python3.12 python3.11 python3.10 python3; do \
	$$p -c 'import sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/ready

.PHONY: demo test test-slow lint check wheels clean

demo: $(READY)  ## train, convert, verify and benchmark small models; one table
	$(BIN)/larq-el demo --picture demo.png --overwrite

test: $(READY)  ## everything but the full-size models
	$(BIN)/python -m pytest -m "not slow" -n 2

test-slow: $(READY)  ## the full-size models too
	$(BIN)/python -m pytest

lint: $(READY)  ## style, types, which package may import which, and the style of the C++
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	find native -name '*.cc' -o -name '*.h' | xargs $(BIN)/clang-format --dry-run -Werror

wheels: $(READY)  ## of both distributions, for x86-64 and 64-bit ARM with glibc 2.17 or later, into dist
	$(BIN)/pip install --quiet ziglang auditwheel
	$(BIN)/python native/wheels.py

check: lint test  ## what CI runs

$(READY): setup.cfg setup.py pyproject.toml
	@test -n "$(PYTHON)" || { echo "larq_el needs Python 3.10, 3.11 or 3.12; name one with make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $(READY)

clean:
	rm -rf .venv build dist *.egg-info
