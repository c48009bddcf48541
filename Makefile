# `make run` needs Python 3.11 or newer and nothing else; `make help` lists the rest.

# the first of these that is new enough; `make run PYTHON=/path/to/python3` names one
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed
PACKAGES := plugcontrol screens jobs people stations transactions transfers certificates charging_profiles ocpp_gateway api simulator
# two: every test process has its own database, and small machines have two cores
WORKERS ?= 2
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

# a virtual environment whose Python is gone (an upgrade, a moved folder) is made again
ifneq ($(shell $(BIN)/python -c 'print("works")' 2>/dev/null),works)
  $(shell rm -f $(RUNTIME) $(DEVELOPMENT) $(BIN)/python)
endif

.PHONY: help run ftp demo test test-long faults e2e screenshots lint types check security bench lock clean
.DEFAULT_GOAL := help

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

run: $(RUNTIME) ## install, migrate and serve on HOST (0.0.0.0) and PORT (8000)
	@exec $(BIN)/python manage.py serve --prepare

ftp: $(RUNTIME) ## serve files to chargers that know nothing but FTP, on FTP_PORT (2121); needs FTP_ADDRESS
	@exec $(BIN)/python manage.py serve_ftp

# A data folder of its own: no demo charger ever stands among real ones. The background jobs of a shell ignore Ctrl-C, so
# the trap ends both.
demo: $(RUNTIME) ## the same with simulated chargers that live an hour in a minute, in data/demo
	@export DATA_DIR="$${DATA_DIR:-data/demo}" DATABASE_URL= REDIS_URL= PUBLIC_URL=; \
	trap 'trap "" INT TERM; kill $$server $$chargers 2>/dev/null; wait; exit 0' INT TERM; \
	case "$${HOST:-0.0.0.0}" in 0.0.0.0 | ::) export DEMO_HOST=127.0.0.1 ;; *) export DEMO_HOST="$$HOST" ;; esac; \
	$(BIN)/python manage.py prepare && $(BIN)/python manage.py prepare_demo || exit 1; \
	$(BIN)/python manage.py serve & server=$$!; \
	until $(BIN)/python -c "$$HEALTHY" 2>/dev/null; do kill -0 $$server 2>/dev/null || exit 1; sleep 1; done; \
	$(BIN)/python manage.py simulate --demo --quiet --url "ws://$$DEMO_HOST:$${PORT:-8000}/ocpp/" & chargers=$$!; \
	echo "  Three chargers are at work, DEMO-NEW waits for your approval."; \
	wait $$server; status=$$?; kill $$chargers 2>/dev/null; wait; exit $$status

define HEALTHY
import os, urllib.request as r
address = "http://%s:%s/healthz" % (os.environ["DEMO_HOST"], os.environ.get("PORT") or 8000)
r.build_opener(r.ProxyHandler({})).open(address, timeout=2)
endef
export HEALTHY

test: $(DEVELOPMENT) ## run the tests; with DATABASE_URL and REDIS_URL set, on PostgreSQL and Redis
	$(BIN)/python -m pytest -n $(WORKERS) -m "not e2e and not long and not faults" $(ARGS)

test-long: $(DEVELOPMENT) ## run the tests that take their time: real servers, whole pages, foreign clients
	$(BIN)/python -m pytest -n $(WORKERS) -m "long and not e2e and not faults" $(ARGS)

faults: $(DEVELOPMENT) ## do harm and audit what is left; LONG=1 as often as docs/reliability.md says
	$(BIN)/python -m pytest -m faults -o faulthandler_timeout=0 tests/faults $(ARGS)

e2e: $(DEVELOPMENT) ## run the browser tests; needs Chromium
	$(BIN)/python -m pytest -m e2e tests/e2e $(ARGS)

screenshots: $(DEVELOPMENT) ## make the README's pictures anew; ALL=folder makes those of every page, theme and language
	$(BIN)/python -m tests.e2e.screenshots $(if $(ALL),--all $(ALL)) $(if $(LOOKS),--looks "$(LOOKS)")

lint: $(DEVELOPMENT) ## check style, layout and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(DEVELOPMENT) ## check types
	$(BIN)/mypy $(PACKAGES)

check: lint types ## lint, types, migrations, and Django's own checks for production
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python -m tests.security.tools deploy

security: $(DEVELOPMENT) ## packages with known holes, insecure code, secrets in the tree, settings for production
	$(BIN)/python -m tests.security.tools $(ARGS)

bench: $(DEVELOPMENT) ## measure everything of docs/performance.md; ARGS=--quick takes a quarter of an hour, else hours
	$(BIN)/python -m bench.all --write docs/performance.md $(ARGS)

lock: $(DEVELOPMENT) ## write requirements*.txt anew; LOCK=--upgrade takes newer versions
	for name in requirements requirements-dev; do \
	  $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	    --custom-compile-command "make lock" $(LOCK) $$name.in --output-file $$name.txt || exit 1; \
	done

clean: ## remove what can be made again; data/ stays
	rm -rf $(VENV) staticfiles .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@found=; for candidate in $(PYTHON); do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "plugcontrol needs Python 3.11 or newer: install it, or say where it is with PYTHON=/path/to/python3." >&2; exit 1; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$found has no venv module: install it (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; \
	fi; \
	"$$found" -m venv --clear $(VENV)

$(RUNTIME): requirements.txt | $(BIN)/python
	@echo "Installing packages into $(VENV) …"
	@$(PIP_INSTALL) -r requirements.txt
	@touch $@

$(DEVELOPMENT): requirements-dev.txt $(RUNTIME)
	@echo "Installing development packages into $(VENV) …"
	@$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@
