# make demo   the whole product on invented customers: nothing to configure
# make test   every test          make check   format, lint, types, imports
# make words  write what is to be translated anew, bring every catalogue up to it, and say what each language still lacks
# make lock   resolve the dependencies anew          make bench   measure
# make torture MINUTES=60   the rules against every mishap that can be thought of, until one breaks; SEED=… plays it again
#
# Needs Python >= 3.11 (another than python3: make PYTHON=python3.12) and nothing else; all of it lands in .venv.

PYTHON ?= python3
JOBS ?= 4
MINUTES ?= 10
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
COMPILE := .venv-lock/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet

export PIP_NO_WARN_SCRIPT_LOCATION := 1

.PHONY: demo test torture check bench words lock clean
.DELETE_ON_ERROR:

demo: $(VENV)/.runtime
	$(BIN)/gatekeeper demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

torture: $(VENV)/.dev
	PYTHONPATH=. $(BIN)/python -m tests.torture.long --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/.dev
	@for script in bench/[a-z]*.py; do echo "$$script"; $(BIN)/python "$$script" || exit; done

words: $(VENV)/.dev
	PYTHONPATH=. $(BIN)/python docs/make_words.py

# Pins that still fit stay. To move to newer releases, delete the lock file first.
lock: .venv-lock/bin/uv
	$(COMPILE) pyproject.toml --output-file requirements.lock
	$(COMPILE) pyproject.toml --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(COMPILE) bench/djstripe_app/requirements.in --output-file bench/djstripe_app/requirements.lock
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], "editables", sep="\n")' \
	  | $(COMPILE) - --constraint requirements-dev.lock --output-file requirements-build.lock

clean:
	rm -rf $(VENV) .venv-lock .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Every byte that is installed is named by a hash in a lock file; the project itself is built from this folder, off line.
$(VENV)/.runtime: $(BIN)/pip requirements.lock requirements-build.lock pyproject.toml
	$(PIP) install --quiet --require-hashes -r requirements.lock -r requirements-build.lock
	$(PIP) install --quiet --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || { echo "gatekeeper needs Python 3.11 or newer, and there is no $(PYTHON): make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("gatekeeper needs Python 3.11 or newer, and $(PYTHON) is %d.%d: make PYTHON=/path/to/python" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)

.venv-lock/bin/uv:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet uv
