# All targets that run Python create .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BACKENDS ?= tensorflow jax torch
# Marker expression of pytest: `make test MARKERS=slow` runs the slow tests.
MARKERS ?= not slow
ARGS ?=
# Test processes for each backend; building and tracing use a single core.
JOBS ?= 2

export TF_CPP_MIN_LOG_LEVEL ?= 3
export JAX_COMPILATION_CACHE_DIR ?= $(CURDIR)/$(VENV)/jax_cache
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0.3

.PHONY: demo test lint format slow docs clean

demo: $(VENV)/demo
	KERAS_BACKEND=$${KERAS_BACKEND:-tensorflow} $(BIN)/python examples/demo.py

test: lint $(BACKENDS:%=test-%)

test-%: $(VENV)/dev
	KERAS_BACKEND=$* $(BIN)/python -m pytest -q -m "$(MARKERS)" \
		-n $(JOBS) --dist worksteal $(ARGS)

slow:
	$(MAKE) test MARKERS=slow

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Build the documentation site in site/.
docs: $(VENV)/docs
	$(BIN)/python docs/scripts/generate.py
	$(BIN)/mkdocs build --strict

$(VENV)/docs: $(VENV)/dev
	$(BIN)/python -m pip install -q -e ".[docs]"
	touch $@

# The demo requires a single backend.
$(VENV)/demo: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -e ".[tensorflow]"
	touch $@

# Install torch first: version 2.13.0 is available as a small CPU build, which
# satisfies the packages installed after it. Others may install CUDA packages.
$(VENV)/dev: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q torch==2.13.0
	$(BIN)/python -m pip install -q -e ".[dev,peers]"
	touch $@ $(VENV)/demo

clean:
	rm -rf $(VENV) build dist demo
