# Tallystick's commands. `make run` and `make test` are all a newcomer needs.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --no-annotate --no-header pyproject.toml
PAGE := src/tallystick/web/static/index.html

.PHONY: run test demo check lint types bench bench-orders bench-logs bench-ledger bench-detect bench-alerting soak conformance page pins dist clean help

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 16

run: $(VENV)/.run $(PAGE) ## start Tallystick on http://127.0.0.1:8080
	@exec ./tallystick serve

demo: $(VENV)/.run $(PAGE) ## real prices, a seeded client flow, planted anomalies, live in the terminal
	@exec ./tallystick demo $(ARGS)

test: $(VENV)/.dev $(PAGE) lint types ## the whole test suite
	$(PY) -m pytest -n 2 --dist worksteal $(ARGS)

check: lint types ## style, types and import contracts without the tests

lint: $(VENV)/.dev
	$(PY) -m ruff check src tests benchmarks conformance
	$(PY) -m ruff format --check src tests benchmarks conformance
	$(PY) -m interrogate -q tests
	$(VENV)/bin/lint-imports

types: $(VENV)/.dev
	$(PY) -m mypy

bench: bench-orders ## the same as bench-orders

bench-orders: $(VENV)/.bench ## orders against ceilings, peers and bare journals (needs PostgreSQL), see benchmarks/README.md
	$(PY) benchmarks/orders.py $(ARGS)

bench-logs: $(VENV)/.dev ## the log store against DuckDB's bulk insert, ten million lines searched; what watching costs an order
	$(PY) benchmarks/logs.py $(ARGS)
	$(PY) benchmarks/redaction.py
	$(PY) benchmarks/attached.py

bench-ledger: $(VENV)/.bench ## the ledger against a bare journal and Tessera, up to ten million entries
	$(PY) benchmarks/ledger.py $(ARGS)

bench-detect: $(VENV)/.dev ## what detection costs an order, how soon it tells, how fast its kernels are; then a simulated desk
	$(PY) benchmarks/detecting.py $(ARGS)
	$(PY) benchmarks/detect_events.py
	./tallystick detect bench trades

bench-alerting: $(VENV)/.bench ## from a commit to the alert on the wire, under full load; needs PostgreSQL, Java and Maven for its cluster
	$(PY) benchmarks/alerting.py $(ARGS)

soak: $(VENV)/.dev ## fifty kill -9 under load, every acknowledged order checked
	TALLYSTICK_TEST_KILLS=$(or $(TALLYSTICK_TEST_KILLS),50) $(PY) -m pytest tests/journeys/test_kill.py -m slow $(ARGS)

conformance: $(VENV)/.dev ## Tessera's hammer and fsck, a Go mirror, a witnessed log, an S3 server with Object Lock; skips without Go
	$(PY) conformance/run.py $(ARGS)
	$(PY) conformance/s3.py

page: $(PAGE) ## build the page from frontend/

pins: $(UV) ## resolve the pinned requirements anew
	$(COMPILE) -o requirements/run.txt
	$(COMPILE) --group dev -o requirements/dev.txt
	$(COMPILE) --group bench -o requirements/bench.txt
	$(COMPILE) --group page -o requirements/page.txt

dist: $(VENV)/.dev $(PAGE) ## a wheel with the page inside
	$(PY) -m hatchling build -t wheel

clean: ## forget the environment and what was built; data stays
	rm -rf $(VENV) .uv src/tallystick/web/static frontend/node_modules

.uv/bin/uv:
	@echo "installing uv with pip into .uv"
	@$(PYTHON) -m venv .uv 2>/dev/null && .uv/bin/python -m pip install --quiet uv \
	  || { rm -rf .uv && $(PYTHON) -m pip install --quiet --target .uv uv; }

$(VENV)/bin/python: | $(UV)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tallystick needs Python 3.11 or newer; say which with: make PYTHON=python3.12 ...")'
	@$(UV) venv --quiet --python $$($(PYTHON) -c 'import sys; print(sys.executable)') $(VENV)
	@$(PY) -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "tallystick.pth").write_text(str(pathlib.Path("src").resolve()))'

$(VENV)/.run: requirements/run.txt | $(VENV)/bin/python $(UV)
	$(UV) pip install --quiet --python $(PY) --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt | $(VENV)/bin/python $(UV)
	$(UV) pip install --quiet --python $(PY) --require-hashes -r requirements/dev.txt
	@touch $@ $(VENV)/.run

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	$(UV) pip install --quiet --python $(PY) --require-hashes -r requirements/bench.txt
	@touch $@

$(PAGE): $(shell find frontend -type f -not -path '*/node_modules/*' 2>/dev/null) | $(VENV)/bin/python
	frontend/build $(PY) $(UV)

include deploy/aws/aws.mk
