# `make run` sets up what is missing, starts the site and ingests the sample drops; `make test` runs every test.
PYTHON ?= python3.11
PY := .venv/bin/python
UV := .venv/.uv/bin/uv
COMPILE := $(UV) -q pip compile --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
export PYTHON
# embedded, or cluster: the same line on HDFS, standalone Spark, PostgreSQL, ZooKeeper and two Solr nodes.
SITE ?= embedded

# Two workers, each with one group of tests/conftest.py at a time.
PYTEST := $(PY) -m pytest tests --ignore=tests/bench --durations=10 -n 2 --dist loadscope --no-loadscope-reorder

.PHONY: help setup setup-dev jars run secrets down clean test test-all lint lock golden configset docs bench-line bench-read bench-collection bench-hdfs bench-page fuzz

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install into .venv what runs need, and fetch the jars
	@.ci/install requirements.lock
	@.venv/bin/dicomdex fetch

setup-dev:
	@.ci/install requirements-dev.lock
	@.venv/bin/dicomdex fetch

jars: setup

run: setup ## start the site, ingest the sample drops, show what became of every file (SITE=cluster: HDFS, Spark, ..)
	@DICOMDEX_ENGINES=$(SITE) .venv/bin/dicomdex run

secrets: setup ## what docker-compose.yaml mounts: passwords and keys, each in a file of mode 0600
	@$(PY) -m dicomdex_local.compose_secrets

down: ## stop all that `make run` started; data stays
	@test ! -x .venv/bin/dicomdex || .venv/bin/dicomdex down

clean: down ## stop, and empty .run/
	@if [ -d .run ]; then find .run -mindepth 1 -maxdepth 1 -exec rm -rf {} +; fi

test: setup-dev ## every test, with minutes per folder
	@$(PYTEST)

test-all: setup-dev ## the long sweeps besides
	@$(PYTEST) --long

lint: setup-dev ## ruff and mypy
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

lock: setup ## make the lock files again
	@echo 'uv==$(shell $(UV) --version | cut -d" " -f2)' | $(COMPILE) - -o requirements-uv.lock
	@$(COMPILE) --override overrides.txt requirements.txt -o requirements.lock
	@$(COMPILE) --override overrides.txt --constraint requirements.lock requirements-dev.txt -o requirements-dev.lock

golden: setup-dev ## write the golden spark-submit command again
	@$(PY) -m tests.dags.spark_submit

configset: setup-dev ## write Solr's schema.xml again from attributes.py
	@$(PY) -m dicomdex.schema include/configsets/dicom

docs: setup-dev ## write docs/reference again from the code, and docs/page from the site that runs
	@$(PY) -m dicomdex.reference docs/reference
	@$(PY) -m tests.screenshots docs/page

bench-read: setup-dev ## files per CPU-second of reading headers, beside pydicom
	@$(PY) -m tests.bench.read $(ARGS)

bench-collection: setup-dev ## a collection's life, timed: rebuild, search, validate, apply
	@$(PY) -m tests.bench.collection $(ARGS)

bench-hdfs: setup-dev ## listing and extracting from HDFS, beside bare reads
	@$(PY) -m tests.bench.hdfs $(ARGS)

bench-page: setup-dev ## the page, timed: search, the redis-dicom scenarios, a file of 1.58 GB
	@$(PY) -m tests.bench.page $(ARGS)

fuzz: setup-dev ## five minutes of coverage-guided fuzzing of the header reader
	@$(PY) -m tests.fuzz.headers $(ARGS)

bench-line: setup-dev ## time one drop through the whole line
	@$(PY) -m tests.bench.line $(ARGS)
