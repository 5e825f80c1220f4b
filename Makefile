# Everything that is done to this project. `make help` lists it.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
SCENARIO ?= dns-outage

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: requirements.lock pyproject.toml scripts/dev.sh
	@PYTHON="$(PYTHON)" scripts/dev.sh

.PHONY: dev
dev: $(VENV)/.ready ## Set up the environment in .venv

.PHONY: demo
demo: dev ## A simulated homelab, a real alert, its explanation; API and lab run until Ctrl-C
	@$(BIN)/sre demo --scenario "$(SCENARIO)"

.PHONY: lab
lab: dev ## The simulated homelab alone (SCENARIO=name), until Ctrl-C
	@$(BIN)/sre lab up --scenario "$(SCENARIO)"

.PHONY: serve
serve: dev ## Serve the HTTP API over your own homelab (settings in .env)
	@$(BIN)/sre serve

.PHONY: chat
chat: dev ## The web page in your browser, over your own homelab (settings in .env)
	@$(BIN)/sre serve --open

.PHONY: ingest
ingest: dev ## Index the runbooks
	@$(BIN)/sre ingest

.PHONY: test
test: dev ## Run all tests
	@$(BIN)/sre lab binaries
	@$(BIN)/pytest -n 2 --dist loadgroup

.PHONY: check
check: dev ## Lint, types, import layers, generated files current
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/generated.py --check

.PHONY: format
format: dev ## Format the code and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: generate
generate: dev ## Write the generated files anew
	@$(BIN)/python scripts/generated.py

.PHONY: eval
eval: dev ## Ask the eval sets (train and dev) and judge the answers
	@$(BIN)/sre eval

.PHONY: optimise
optimise: dev ## Tune the program on train, prove it on dev, promote it when the test split confirms
	@program=$$($(BIN)/sre optimise) && $(BIN)/sre promote "$$program"

.PHONY: compare
compare: dev ## Case by case, what B wins and loses against A (make compare A=… B=…)
	@$(BIN)/sre compare "$(A)" "$(B)"

.PHONY: mlflow
mlflow: dev ## Open the comparison UI on loopback (MLFLOW_PORT, 5000)
	@uri=$$($(BIN)/python -c 'from core.settings import load_settings as l; from optimise.mlflow_client import backend_uri; s = l(); print(backend_uri(s.mlflow_tracking_uri, s.data_dir))') && \
	case "$$uri" in \
		http*) echo "MLflow runs already: open $$uri" ;; \
		*) LITELLM_LOCAL_MODEL_COST_MAP=True MLFLOW_DISABLE_TELEMETRY=true PATH="$(BIN):$$PATH" \
			$(BIN)/mlflow ui --backend-store-uri "$$uri" --host 127.0.0.1 --port $${MLFLOW_PORT:-5000} --workers 1 ;; \
	esac

.PHONY: bench
bench: dev ## Measure speed and memory; writes docs/benchmark.md
	@$(BIN)/python -m bench.speed

.PHONY: lock
lock: dev ## Resolve the dependencies anew into requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --extra dev --upgrade \
		pyproject.toml --output-file requirements.lock

.PHONY: clean
clean: ## Remove the environment and caches
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache *.egg-info
