# Needs Python 3.11 or later, git and make. Everything else is installed into .venv from requirements.lock.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

# More interpreters for `make portable`: PYTHONS='3.12 3.13'. Each gets an environment of its own, from the same lock.
PYTHONS ?=

.PHONY: setup repro locks test test-forms test-cluster check bench charts portable attack rehearse mutants lock clean

repro: setup ## the whole pipeline with the active settings
	$(BIN)/diziner repro
	@$(BIN)/diziner summary

locks: setup ## after an edit to code: pages, schemas, pipelines, digests of code, dvc.lock files and metrics as it makes them
	$(BIN)/python tests/derived.py
	$(BIN)/diziner data link
	$(BIN)/diziner repro

test: setup ## all tests
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -rs

test-forms: .venv-forms/.installed ## what we write is read by the tools it is for: Label Studio's converter, spaCy, Argilla, MLflow (an environment of its own)
	.venv-forms/bin/python -m pytest -rs tests/forms/test_other_tools.py tests/standalone/test_export.py tests/commands/test_exchange.py

test-cluster: .venv-cluster/.installed ## Ray on three machines of namespaces (root), S3 by moto, machines lost; DVC's remote for a team (an environment of its own)
	.venv-cluster/bin/python -m pytest -rs -m slow tests/labelling/test_ray.py tests/labelling/test_cluster.py tests/pipeline/test_team.py

check: setup ## lint, format, types, doctests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --doctest-modules diziner

bench: setup ## the performance figures, as ratios of one run
	@out=0; for file in tests/perf/bench_*.py; do \
		PYTHONPATH=.:tests $(BIN)/python $$file || { out=1; echo "out of bounds: $$file"; }; \
	done; exit $$out

charts: setup ## docs/performance.md and its charts, measured anew (on a quiet machine; half an hour)
	for bench in "bench_growth.py" "bench_agreement.py --whole" "bench_llm.py floor" "bench_anchors.py"; do \
		set -- $$bench; name=$$1; shift; \
		PYTHONPATH=.:tests $(BIN)/python tests/perf/$$name --json docs/performance.json "$$@" || exit 1; \
	done
	$(BIN)/python tests/derived.py

portable: setup $(PYTHONS:%=.venv-%/.installed) ## after `make repro`: the same bytes under every kernel, SIMD level, locale, … (BRIEF=1: the most telling)
	PYTHONPATH=tests $(BIN)/python -m portable $(if $(BRIEF),--brief) $(PYTHONS:%=--python .venv-%/bin/python)

attack: setup ## thousands of odd settings, broken files, wrong arguments, HTTP faults, damage and kills (BRIEF=1: two minutes; SEED=N)
	PYTHONPATH=tests $(BIN)/python -m attack $(if $(BRIEF),--brief) $(SEED:%=--seed %)

rehearse: setup ## the paper's scale on scripted models: calls, cost, overhead (minutes)
	PYTHONPATH=. $(BIN)/python tests/perf/rehearse.py

mutants: setup ## 300 small changes to the code, each for the tests of its room to see (SEED=2: others)
	PYTHONPATH=tests $(BIN)/python -m mutants --seed $(or $(SEED),1)

setup: $(STAMP) ## the virtual environment, from the lock, with bytecode compiled

# seqeval comes as source alone; the pip of Python 3.11 builds that the old way, unless told otherwise, and it fails.
INSTALL := -m pip install --quiet --disable-pip-version-check --use-pep517

# pip compiles bytecode whatever PYTHONDONTWRITEBYTECODE says; without it every import is slow.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11; set PYTHON=/path/to/a/newer/one" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python $(INSTALL) --require-hashes --compile -r requirements.lock
	$(BIN)/python $(INSTALL) --no-deps --no-build-isolation -e .
	@touch $(STAMP)

.venv-%/.installed: requirements.lock pyproject.toml
	test -x .venv-$*/bin/python || python$* -m venv .venv-$*
	.venv-$*/bin/python $(INSTALL) --require-hashes --compile -r requirements.lock
	@touch $@

.venv-forms/.installed: requirements.lock pyproject.toml
	test -x .venv-forms/bin/python || $(PYTHON) -m venv .venv-forms
	.venv-forms/bin/python $(INSTALL) --require-hashes -r requirements.lock
	.venv-forms/bin/python $(INSTALL) --no-build-isolation -e '.[forms]'
	@touch $@

.venv-cluster/.installed: requirements-cluster.lock pyproject.toml
	test -x .venv-cluster/bin/python || $(PYTHON) -m venv .venv-cluster
	.venv-cluster/bin/python $(INSTALL) --require-hashes --compile -r requirements-cluster.lock
	.venv-cluster/bin/python $(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

# The larger set first: what its packages allow is what the smaller one gets, so that the one can be put on the other.
LOCKED := uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --quiet

lock: ## requirements.lock and requirements-cluster.lock anew from pyproject.toml (needs uv)
	$(LOCKED) --extra cluster -o requirements-cluster.lock
	cp requirements-cluster.lock requirements.lock
	$(LOCKED) -o requirements.lock

clean: ## outputs, not answers
	rm -rf data/*/corpus data/*/rounds data/*/gold data/*/final .ablations
