# What a person types. Every target installs what it needs into .venv from the locked, hashed list first.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: help demo load test check bench bench-peers lock format clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(INSTALLED): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say which with PYTHON="; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(INSTALLED)

demo: $(INSTALLED) ## the brand's story, live on this machine, in about a minute
	$(BIN)/waybill demo

load: $(INSTALLED) ## the reference workspace's flash sale; the report goes into build/load
	$(BIN)/waybill load --profile flash-sale --out build/load

test: $(INSTALLED) ## every test
	$(BIN)/python -m pytest -n logical --dist loadfile

check: $(INSTALLED) ## lint, types, import contracts, and the reference workspace's charter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/waybill check .

bench: $(INSTALLED) ## speed, as ratios within one run
	$(BIN)/python -m pytest benchmarks --ignore=benchmarks/peers --benchmark-enable --benchmark-disable-gc --benchmark-max-time=0.2 --benchmark-quiet -q -s

bench-peers: $(INSTALLED) ## the same beside Node-RED and locust, which npm and pip install into .benchmarks
	$(BIN)/python -m pytest benchmarks/peers --benchmark-enable -q -s

lock: $(INSTALLED) ## renew requirements/dev.lock
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra prove --group dev pyproject.toml -o requirements/dev.lock

format: $(INSTALLED) ## put the sources into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what was installed or built
	rm -rf .venv dist build
