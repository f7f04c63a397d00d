# Ingle's tasks. `make demo` needs python3 (3.11 or newer), make and Linux, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup setup-dev demo docs changelog check test test-hosts bench clean

setup: $(VENV)/.base runtimes

$(VENV)/.base: requirements/base.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Ingle needs Python 3.11 or newer: make setup PYTHON=python3.12")'
	@echo "Installing Ingle's Python packages into $(VENV):"
	@$(PYTHON) -m venv $(VENV) || (echo "python3 -m venv needs ensurepip: install your system's python3-venv package" && exit 1)
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -r requirements/base.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: runtimes
runtimes: $(VENV)/.base
	@$(BIN)/ingle runtimes all

setup-dev: setup $(VENV)/.dev

$(VENV)/.dev: requirements/dev.txt $(VENV)/.base
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/dev.txt
	@touch $@

demo: setup
	@$(BIN)/ingle demo

$(VENV)/.docs: requirements/docs.txt $(VENV)/.base
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/docs.txt
	@touch $@

# One site of all pages, in site/. A link that leads nowhere ends it.
docs: $(VENV)/.docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "site/index.html"

# What the next release's part of CHANGELOG.md will be.
changelog: setup-dev
	@$(BIN)/towncrier build --draft

check: setup-dev
	$(BIN)/ruff format --check src tests benchmarks examples scripts
	$(BIN)/ruff check src tests benchmarks examples scripts
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n 2 tests/unit tests/contract tests/style

test: setup-dev
	@scripts/install_test_tools.sh
	$(BIN)/ruff format --check src tests benchmarks examples scripts
	$(BIN)/ruff check src tests benchmarks examples scripts
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -n 3 --dist loadfile -m 'not alone' --durations 15 tests
	$(BIN)/pytest -q -m alone --durations 5 tests

# The guest needs qemu-system-x86 and debootstrap, which the script installs; it takes hours. HOSTS=--core: minutes.
test-hosts: setup-dev
	$(BIN)/python scripts/test_hosts.py $(HOSTS)

bench: setup-dev
	@for script in sigv4_verify artifact_open ready cold_start snapstart isolated creation_rate thousand recovery memory control_plane hot_reload command_time events warm_invoke; do $(BIN)/python benchmarks/$$script.py || exit 1; done

clean:
	rm -rf $(VENV) .runtimes .rivals .hosts site
