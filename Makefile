# `make run` is the product, `make test` its tests; each sets up what it needs first.

.DEFAULT_GOAL := help
.PHONY: help setup run demo test test-postgresql check bench lock
SHELL := /bin/sh

venv := .venv
python := $(venv)/bin/python
stamp := $(venv)/.runtime
dev_stamp := $(venv)/.dev

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 17

setup: $(stamp) ## make the virtual environment, with uv, venv or pip, whichever is there

run: $(stamp) ## run the product; Ctrl-C stops it
	@trap 'stopping=1; kill -TERM $$child 2>/dev/null' INT TERM; stopping=''; \
	while :; do \
	  _TOMO_KEPT=1 $(python) manage.py serve & child=$$!; \
	  wait $$child; code=$$?; \
	  while kill -0 $$child 2>/dev/null; do wait $$child; code=$$?; done; \
	  [ -z "$$stopping" ] && [ $$code -gt 128 ] || exit $$code; \
	  echo "Tomo Monitor was killed; it is started again."; sleep 1; \
	done

demo: $(stamp) ## show the product over made-up servers with a month of history; Ctrl-C stops it
	@exec $(python) manage.py demo

test: $(dev_stamp) ## run the tests
	$(python) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(TESTS)

test-postgresql: $(dev_stamp) ## run those tests that ask the database most on PostgreSQL and Redis
	$(python) -m tests.on_postgresql $(TESTS)

check: $(dev_stamp) ## look at style, types, layers, templates, shell scripts and migrations
	$(venv)/bin/ruff check .
	$(venv)/bin/ruff format --check .
	TOMO_DATA_DIR=$$(mktemp -d) $(venv)/bin/mypy
	$(venv)/bin/lint-imports
	$(venv)/bin/djlint templates --lint --quiet
	shellcheck -s sh metrics/probe/probe.sh metrics/probe/helper.sh
	shellcheck .ci/run
	TOMO_DATA_DIR=$$(mktemp -d) $(python) manage.py makemigrations --check --dry-run
	TOMO_DATA_DIR=$$(mktemp -d) TOMO_PUBLIC_URL=https://tomo.example.org $(python) manage.py check --deploy --fail-level WARNING

bench: $(dev_stamp) ## measure what the product costs, beside the alternatives
	$(python) -m tests.bench

lock: $(dev_stamp) ## bring requirements*.txt up to date
	$(venv)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url requirements.in -o requirements.txt
	$(venv)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url requirements-dev.in -o requirements-dev.txt

# A stamp is newer than the requirements that were installed last.
$(stamp): requirements.txt | $(python)
	@$(call install,requirements.txt)
	@touch $@

$(dev_stamp): requirements-dev.txt $(stamp)
	@$(call install,requirements-dev.txt)
	@touch $@

$(python):
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Tomo Monitor needs Python 3.11 or newer as python3: install it, for example with apt install python3."; exit 1; }
	@if command -v uv >/dev/null; then uv venv --quiet --python python3 $(venv); \
	elif python3 -c 'import ensurepip' 2>/dev/null; then python3 -m venv $(venv); \
	elif python3 -m pip --version >/dev/null 2>&1; then python3 -m venv --without-pip $(venv); \
	else echo "There is neither uv nor venv nor pip: run apt install python3-venv, then make again."; exit 1; fi

define install
echo "Installing what $(1) lists …"; \
if command -v uv >/dev/null; then uv pip install --quiet --python $(python) -r $(1); \
elif $(python) -m pip --version >/dev/null 2>&1; then $(python) -m pip install --quiet --disable-pip-version-check -r $(1); \
else python3 -m pip --python $(python) install --quiet --disable-pip-version-check -r $(1); fi
endef
