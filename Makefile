# Antiphon. `make demo` to try it, `make test` to test it; each does the set-up it needs, once.
.PHONY: help setup demo test e2e lint types check bench clean
RUN := .venv/bin/
STAMP := .venv/.ready

help:
	@echo "make demo    set up, start a local SFU, a local model and a worker, place a call, stay up"
	@echo "make test    set up and run the tests (the SFU's too)"
	@echo "make e2e     only the tests that place real calls"
	@echo "make lint types check bench clean"

setup: $(STAMP)

$(STAMP): pyproject.toml uv.lock
	@echo "==> Setting up .venv from uv.lock (once; half a minute to two minutes, about 1 GB)"
	@command -v uv >/dev/null || python3 -m uv --version >/dev/null 2>&1 || \
		{ echo "==> Installing uv with pip"; python3 -m pip install -q uv; }
	@$$(command -v uv || echo python3 -m uv) sync --all-extras --locked --quiet
	@touch $@

demo: setup
	@echo "==> Local SFU, local model, worker, one recorded call (about 20 s; 3 min more the first time, if livekit-server has to be built)"
	@$(RUN)agent demo

test: setup
	@echo "==> Tests, about 5 minutes; 3 more the first time, if livekit-server has to be built"
	@$(RUN)pytest

e2e: setup
	@$(RUN)pytest tests/e2e

lint: setup
	@$(RUN)ruff check .
	@$(RUN)ruff format --check .

types: setup
	@$(RUN)mypy

check: lint types test

bench: setup
	@$(RUN)agent bench response,barge-in,resume,blocked --repeats 10

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
