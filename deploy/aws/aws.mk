# Commands for deploy/aws. Its environments are its own, never the product's.
AWS := deploy/aws
AWS_PY := $(AWS)/.venv/bin/python
AWS_LOCAL_PY := $(AWS)/.venv-local/bin/python
AWS_ENV := CDK_VALIDATION=false JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20
WITH_NODE := UV=$(abspath $(UV)) ./with-node

.PHONY: aws-synth aws-lint aws-test aws-gates aws-effects aws-diff aws-cost aws-docs aws-package aws-release aws-local

$(AWS)/.venv/.ready: $(AWS)/requirements/synth.txt $(AWS)/requirements/gates.txt | $(UV)
	$(UV) venv --quiet --allow-existing $(AWS)/.venv
	$(UV) pip sync --quiet --require-hashes --python $(AWS_PY) $^
	cd $(AWS) && $(AWS_ENV) $(WITH_NODE) .venv/bin/python -c 'import stack.synth'  # compiled once, not in the tests
	@touch $@

$(AWS)/.venv-local/.ready: $(AWS)/requirements/local.txt | $(UV)
	$(UV) venv --quiet --allow-existing $(AWS)/.venv-local
	$(UV) pip sync --quiet --require-hashes --python $(AWS_LOCAL_PY) $^
	@touch $@

aws-synth: $(AWS)/.venv/.ready ## the templates of PROFILE, or of all profiles, offline, in deploy/aws/cdk.out
	cd $(AWS) && $(WITH_NODE) .venv/bin/python -m proof.synthesise $(PROFILE) $(ARGS)

aws-lint: $(AWS)/.venv/.ready ## style and strict types of everything in deploy/aws
	cd $(AWS) && .venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

aws-test: aws-lint ## aws-lint, and what the templates must say: coverage, controls, lens, cost (no emulator, no account)
	cd $(AWS) && $(AWS_ENV) $(WITH_NODE) .venv/bin/python -m pytest -q $(ARGS)

aws-gates: $(AWS)/.venv/.ready ## cdk-nag's four packs, the CDK's validator, cfn-lint; prints time and memory
	cd $(AWS) && $(WITH_NODE) .venv/bin/python -m pytest -c tests/gates/pytest.ini tests/gates $(ARGS)

aws-effects: $(AWS)/.venv/.ready $(AWS)/.venv-local/.ready ## each service's effect, by real calls to emulators on this machine
	cd $(AWS) && $(WITH_NODE) .venv-local/bin/python -m pytest -c tests/effects/pytest.ini tests/effects $(ARGS)

$(AWS)/node_modules/.package-lock.json: $(AWS)/package-lock.json $(AWS)/.venv/.ready
	cd $(AWS) && $(WITH_NODE) npm ci

aws-diff: aws-synth $(AWS)/node_modules/.package-lock.json ## what a deployment would change (asks the account; needs credentials)
	cd $(AWS) && $(WITH_NODE) npx --no-install cdk diff --app cdk.out/$(or $(PROFILE),full) $(ARGS)

aws-cost: $(AWS)/.venv/.ready ## what each profile costs a month, and each switch: docs/cost.md, cost/budgets.json
	cd $(AWS) && $(WITH_NODE) .venv/bin/python -m cost.report $(or $(PROFILE),--switches) $(ARGS)

aws-docs: $(AWS)/.venv/.ready ## write the pages of deploy/aws/docs that are read off files
	cd $(AWS) && .venv/bin/python -m proof.tables
	cd $(AWS) && $(WITH_NODE) .venv/bin/python -m cost.report

aws-package: $(VENV)/.dev ## the functions' zip for Lambda
	PATH="$(dir $(abspath $(UV))):$$PATH" $(PY) $(AWS)/package.py $(ARGS)

aws-release: $(AWS)/.venv/.ready ## templates and code of PROFILE as an archive that needs no Node, in dist/
	$(MAKE) aws-package ARGS=
	rm -rf $(AWS)/build/release
	cd $(AWS) && $(AWS_ENV) CDK_OUTDIR=build/release CDK_CONTEXT_JSON='{"profile":"$(or $(PROFILE),small)"}' $(WITH_NODE) .venv/bin/python app.py
	cd $(AWS) && .venv/bin/python release.py $(or $(PROFILE),small) --assembly build/release $(ARGS)

aws-local: $(VENV)/.dev $(AWS)/.venv-local/.ready ## the core path on ministack: an order in by HTTP, an alert out
	PATH="$(dir $(abspath $(UV))):$$PATH" $(PY) $(AWS)/local/run.py $(ARGS)
