# Everything is done in .venv, which the first target that needs it makes. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo install dev test soak check bench scaffold docs lock clean

# The unit tests of what does no I/O: they run under a measure of what they cover.
CORES = audio billing calls errors rtp sdp sip smpp sms twiml webhook test_ids.py test_numbers.py
CORE_TESTS = $(CORES:%=tests/unit/%)
BENCHMARKS = $(filter-out %/media_load.py,$(wildcard benchmarks/*.py))

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install the platform into .venv.
	@$(PYTHON) scripts/install.py requirements/run.txt

dev: ## Install also what the tests and checks need.
	@$(PYTHON) scripts/install.py requirements/dev.txt

demo: install ## Call a virtual phone and text it, as the guide's programs do.
	@$(VENV)/offhook demo

test: dev ## Run the tests; those whose programs this machine lacks are skipped and say so.
ifdef TESTS
	@$(VENV)/python -m pytest $(TESTS)
else
	@$(VENV)/python scripts/coverage_cores.py $(CORE_TESTS)
	@$(VENV)/python -m pytest $(CORE_TESTS:%=--ignore=%)
endif

soak: dev ## Run the long tests of faults, some minutes.
	@$(VENV)/python -m pytest -m soak $(TESTS)

check: dev ## Check style, types and who may import whom.
	@$(VENV)/ruff check
	@$(VENV)/ruff format --check
	@$(VENV)/mypy
	@$(VENV)/lint-imports

bench: dev ## Measure; a single one by BENCHMARKS=benchmarks/texts.py.
	@for benchmark in $(BENCHMARKS); do echo "== $$benchmark"; PYTHONPATH=. $(VENV)/python $$benchmark; done

scaffold: dev ## Begin a new part: KIND=verb NAME=Echo, or noun, resource, carrier.
	@$(VENV)/python scripts/scaffold.py $(KIND) $(NAME)
	@$(VENV)/python scripts/coverage_api.py
	@$(VENV)/python scripts/coverage_twiml.py

docs: dev ## Regenerate the tables of what works and the diagrams of states.
	@$(VENV)/python scripts/coverage_api.py
	@$(VENV)/python scripts/coverage_twiml.py
	@$(VENV)/python scripts/state_diagrams.py

lock: dev ## Pin the newest versions that pyproject.toml allows, with hashes.
	@$(PYTHON) -m pip --python $(VENV)/python install --quiet uv
	@$(VENV)/uv lock --upgrade --quiet
	@$(VENV)/uv export --quiet --no-emit-project --no-annotate --no-header --no-dev --extra voices \
		-o requirements/run.txt
	@$(VENV)/uv export --quiet --no-emit-project --no-annotate --no-header --all-extras \
		-o requirements/dev.txt

clean: ## Remove .venv, caches and the demo's data.
	rm -rf .venv .offhook .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist build
