# Everything a user and CI run. Python 3.11 or later and make are all that must be there.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8001
SIMULATOR_PORT ?= 8100

.DEFAULT_GOAL := help
.PHONY: help demo serve guide check format test soak chaos bench docs lock clean

help: ## Show what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: $(VENV)/.runtime ## Run the whole service on a simulated market, on port 8001; its providers on 8100
	@$(BIN)/market-data demo --port $(PORT) --simulator-port $(SIMULATOR_PORT)

serve: $(VENV)/.runtime ## Run the service with real providers, on port 8001
	@$(BIN)/market-data serve --port $(PORT)

guide: $(VENV)/.runtime ## Try the deployment guide's commands on a throw-away stack
	@scripts/guide-check

check: $(VENV)/.dev ## Format, lint, types, import contracts, size limits
	@echo "== format"; $(BIN)/ruff format --check .
	@echo "== lint"; $(BIN)/ruff check .
	@echo "== types"; $(BIN)/mypy
	@echo "== import contracts"; $(BIN)/lint-imports
	@echo "== sizes"; $(BIN)/python tools/check_sizes.py

format: $(VENV)/.dev ## Put the code into its format
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

test: $(VENV)/.dev ## Pass every test
	@echo "== tests: every server that they need is started and stopped by themselves"
	@$(BIN)/pytest -n auto --dist loadscope -m "not soak and not chaos and not paced"
	@echo "== tests that keep pace with a fast clock, one by one"
	@$(BIN)/pytest -m paced tests/route

soak: $(VENV)/.dev ## Pass the tests that take minutes
	@$(BIN)/pytest -m soak -rP

chaos: $(VENV)/.dev ## Pass the tests that kill and restart for minutes
	@$(BIN)/pytest -m chaos -rP

bench: $(VENV)/.dev ## Print the figures of docs/measurements.md
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

LOCK := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate requirements/bootstrap.in

docs: $(VENV)/.dev ## Make the pages and the files of deploy/ that are made from the code
	@$(BIN)/python tools/make_docs.py && $(BIN)/python tools/make_deploy.py

lock: $(VENV)/.dev ## Choose the newest versions that pyproject.toml allows
	@$(LOCK) --output-file requirements/bootstrap.txt
	@$(LOCK) pyproject.toml --output-file requirements/runtime.txt
	@$(LOCK) pyproject.toml --group dev --output-file requirements/dev.txt

clean: ## Remove what was installed; data in .market-data stay
	@rm -rf $(VENV)

# A stamp in the environment stands for an installation that went through.
$(VENV)/.runtime: requirements/bootstrap.txt requirements/runtime.txt pyproject.toml
	@PYTHON="$(PYTHON)" tools/install $(VENV) runtime
	@touch $@

$(VENV)/.dev: requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	@PYTHON="$(PYTHON)" tools/install $(VENV) dev
	@touch $@ $(VENV)/.runtime
