# Each target does all its set-up: a machine needs Python 3.11 or newer, git and make. `make PYTHON=python3.13 test` names a Python.
PYTHON ?= python3
PYTEST ?= -n auto --dist loadfile
RUN := .venv/bin/python
export PATH := $(CURDIR)/.venv/bin:$(PATH):$(CURDIR)/.venv-tools/bin

.PHONY: help demo test check lock simulate-gate clean

help:
	@echo "make demo     render a project and go the whole road with it: gate, serve, simulate, sign, release, roll back"
	@echo "make test     all tests; make test PYTEST='tests/render -x' runs some"
	@echo "make check    lint, format, types, imports, and the digests and pins that must agree"
	@echo "make lock     resolve the tested versions and requirements.txt again; make lock UPGRADE=--upgrade takes the newest"
	@echo "make simulate-gate   how often the gate errs, simulated; writes docs/benchmarks/gate-simulation.md"
	@echo "make clean    remove what these commands made"

demo: .venv/ready
	$(RUN) hooks/demo.py

test: .venv/ready
	$(RUN) -m pytest $(PYTEST)

# The settings are named, or ruff would read fearless/ruff.toml, which leaves the toolkit out.
check: .venv/ready
	$(RUN) -m ruff check --config pyproject.toml .
	$(RUN) -m ruff format --check --config pyproject.toml .
	$(RUN) -m mypy template/fearless/src template/fearless/ci hooks tests
	PYTHONPATH=template/fearless/src .venv/bin/lint-imports --no-logo
	$(RUN) hooks/ownership.py
	$(RUN) hooks/releases.py
	$(RUN) hooks/tested.py --check
	$(RUN) hooks/manifest.py --check
	$(RUN) hooks/policy_schema.py --check
	$(RUN) hooks/report_schema.py --check

simulate-gate: .venv/ready
	$(RUN) benchmarks/simulate_gate.py

lock: .venv/ready
	$(RUN) hooks/tested.py $(UPGRADE)
	$(RUN) hooks/manifest.py
	uv pip compile $(UPGRADE) requirements.in template/fearless/pyproject.toml --extra tested --extra serve --universal \
	    --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet --output-file requirements.txt

clean:
	rm -rf .venv .venv-tools demo .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# uv is taken from the machine, or fetched with pip in the version and with the hashes of requirements.txt.
.venv/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 test")'
	@command -v uv > /dev/null || test -x .venv-tools/bin/uv || { \
	    $(PYTHON) -m venv .venv-tools \
	    && awk '/^uv==/,/[^\\]$$/' requirements.txt > .venv-tools/uv.txt \
	    && .venv-tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv-tools/uv.txt; }
	uv venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	uv pip sync --quiet --require-hashes --python .venv/bin/python requirements.txt
	@touch .venv/ready
