# Everything is set up by `make` itself: Python 3.11 or newer, git and make are all it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Environments are built once, for the demonstration and the tests alike.
export HFBENCH_CACHE := $(CURDIR)/.cache
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

BASE := torch==2.13.0
BASELINE := transformers==4.57.6
CANDIDATE := transformers==5.23.0
STORE := build/demo/store
RESULTS := build/demo/results
SITE := build/demo/site

# Another Python than that of the tests, for `make pythons`.
OTHER ?= python3.13
OTHER_VENV := $(HFBENCH_CACHE)/pythons/$(notdir $(OTHER))

# Tests that measure nothing; the others would disturb each other, and have the machine to themselves.
BESIDE_EACH_OTHER := $(addprefix tests/,schema hostile fuzz hub aggregate calibration leaderboard)

.PHONY: demo test check pythons bias rules clean
.DELETE_ON_ERROR:

demo: $(VENV)/demo.stamp ## measure two transformers versions here, and read the verdict
	@echo "== measuring $(BASELINE) against $(CANDIDATE): about 3 minutes, and 2 more"
	@echo "== the first time, to build their environments; interrupt and repeat as you like"
	$(BIN)/hfbench-submit run smoke --base $(BASE) --with $(BASELINE) --with $(CANDIDATE) \
	    --output $(RESULTS)
	$(BIN)/hfbench-submit upload $(RESULTS)/*.json --store $(STORE)
	$(BIN)/hfbench-aggregate intake $(STORE)
	$(BIN)/hfbench-aggregate release $(STORE)
	$(BIN)/hfbench-aggregate compare $(STORE) --baseline $(BASELINE) --candidate $(CANDIDATE)
	$(BIN)/hfbench-leaderboard build $(STORE) --output $(SITE)

test: check ## lint, types and every test
	$(BIN)/python -m pytest --numprocesses auto --dist loadscope $(BESIDE_EACH_OTHER)
	$(BIN)/python -m pytest $(foreach part,$(BESIDE_EACH_OTHER),--ignore=$(part))

check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "hfbench needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml | $(VENV)/bin/pip
	@echo "== installing hfbench into $(VENV): about 20 seconds"
	$(BIN)/pip install --quiet --editable '.[leaderboard]'
	touch $@

$(VENV)/dev.stamp: pyproject.toml | $(VENV)/bin/pip
	@echo "== installing hfbench and its tools into $(VENV): about 30 seconds"
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/demo.stamp

pythons: $(OTHER_VENV)/stamp ## make a release and its site with another Python too: OTHER=python3.13
	$(BIN)/python -m pytest tests/test_two_pythons.py -rs

# Of the same libraries: what is compared is Python.
$(OTHER_VENV)/stamp: pyproject.toml $(VENV)/dev.stamp
	$(OTHER) -m venv --clear $(OTHER_VENV)
	$(BIN)/pip freeze --exclude-editable > $(OTHER_VENV)/versions.txt
	PIP_CONSTRAINT=$(OTHER_VENV)/versions.txt \
	    $(OTHER_VENV)/bin/pip install --quiet --editable '.[leaderboard]'
	touch $@

bias: $(VENV)/dev.stamp ## compare hfbench with a bare timing loop
	$(BIN)/python -m benchmarks.harness_bias

rules: $(VENV)/dev.stamp ## make the pages of docs/rules from the catalogue
	$(BIN)/python -m hfbench_schema.rule_pages docs/rules

clean: ## remove everything that was built, environments included
	rm -rf $(VENV) .cache build
