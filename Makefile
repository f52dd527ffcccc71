# Solvencia. `make` alone lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh
export PYTHONPATH := $(CURDIR):$(CURDIR)/include
AIRFLOW := .venv/airflow/bin/python
EMBEDDED := .venv/embedded/bin/python
MODEL := .venv/model/bin/python
ORACLES := .venv/oracles/bin/python
WEB := .venv/web/bin/python
NOTEBOOKS := .venv/notebooks/bin/python
RECORDS := $(AIRFLOW) -m local with $(MODEL) -m records
CHECK := .venv/check/bin
SCAN := .venv/scan/bin/python
PORTFOLIO ?= consumer_credit
# A variable of the shell that happens to be called so is no option: only what is typed counts.
option = $(if $(findstring command line,$(origin $(1))),--$(shell echo $(1) | tr A-Z a-z) "$($(1))")

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Build the environments (done by every other target when needed)
	@sh local/setup.sh airflow embedded model lambda-runtime

.PHONY: run
run: setup ## The main job: from nothing to a live, explained credit score (PORTFOLIO=name)
	@$(AIRFLOW) -m local run --portfolio $(PORTFOLIO)

.PHONY: up
up: setup ## Start the stack and leave it running, with Airflow's UI (PORTFOLIO=name)
	@$(AIRFLOW) -m local up --portfolio $(PORTFOLIO)

.PHONY: down
down: setup ## End the running stack; its data stays in build/
	@$(AIRFLOW) -m local down

.PHONY: test
test: setup ## Run all tests
	@$(MODEL) -m pytest tests/core
	@$(MODEL) -m pytest tests/drafting
	@sh local/setup.sh oracles
	@$(ORACLES) -m pytest tests/oracles
	@$(EMBEDDED) -m pytest tests/embedded tests/lambdas tests/resilience
	@$(AIRFLOW) -m pytest tests/airflow tests/local
	@sh local/setup.sh web
	@$(WEB) -m pytest tests/web
	@sh local/setup.sh notebooks
	@$(AIRFLOW) -m pytest tests/flow

.PHONY: check
check: ## Lint, types, templates and their security, locks
	@sh local/setup.sh check scan guard docker
	@$(CHECK)/ruff check .
	@$(CHECK)/ruff format --check .
	@$(CHECK)/mypy include plugins local deployment drafting benchmarks records resilience notebooks
	@for handler in lambdas/*/handler.py; do $(CHECK)/mypy $$handler || exit 1; done
	@$(CHECK)/cfn-lint infra/*.yaml
	@.venv/docker/bin/hadolint Dockerfile
	@$(CHECK)/python -m deployment.parity
	@$(CHECK)/python -m notebooks.outputs
	@$(SCAN) -W ignore -m deployment.scan

.PHONY: scan
scan: ## Judge templates and policies; WRITE=yes: write docs/security.md; REGISTRY=checkout of AWS's guard rules
	@sh local/setup.sh scan guard
	@$(SCAN) -W ignore -m deployment.scan $(if $(findstring command line,$(origin WRITE)),--write) $(call option,REGISTRY)

.PHONY: portfolio
portfolio: setup ## Draft a portfolio: NAME=x FROM=data.csv|connection TARGET=column (docs/your-portfolio.md)
	@$(MODEL) -m drafting --name "$(NAME)" --from "$(FROM)" --target "$(TARGET)" \
		$(if $(findstring command line,$(origin FORCE)),--force) \
		$(foreach each,BAD VIEWS KEY TIME WINDOW TEST OWNER TITLE TABLE CONNECTION ROWS TEXT SKIP MISSING DELIMITER DECIMAL DATES ENCODING,$(call option,$(each)))

.PHONY: delivery
delivery: setup ## A sample portfolio's history as a bulk delivery, for an account without a warehouse (PORTFOLIO=name)
	@$(AIRFLOW) -m local.delivery --portfolio $(PORTFOLIO)

.PHONY: contracts
contracts: setup ## Generate expectations/ and contracts/ from the portfolios
	@$(MODEL) -m solvencia.contracts

.PHONY: notebooks
notebooks: setup ## Open the notebooks in JupyterLab, on make up's stack or an account (PORTFOLIO=name)
	@sh local/setup.sh notebooks
	@$(AIRFLOW) -m local with env SOLVENCIA_PORTFOLIO=$(PORTFOLIO) PYTHONWARNINGS=ignore::SyntaxWarning \
		$(NOTEBOOKS) -m jupyterlab --ServerApp.ip=127.0.0.1 --ServerApp.root_dir=notebooks \
		--ServerApp.allow_root=True --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate \
		--LabApp.news_url=None

.PHONY: bench
bench: setup ## Measure, beside what a user would pick instead (ONLY="accuracy"; about 25 min)
	@$(AIRFLOW) -m benchmarks $(ONLY)

.PHONY: fuzz
fuzz: setup ## Training rows, broken bodies and schemathesis against the API (BODIES=100000 REQUESTS=2000)
	@sh local/setup.sh fuzz
	@$(EMBEDDED) -m resilience fuzz $(call option,BODIES) $(call option,REQUESTS)

.PHONY: storm
storm: setup ## Requests while instances die, the log throttles and functions freeze (REQUESTS=10000 CLIENTS=100)
	@$(EMBEDDED) -m resilience storm $(call option,REQUESTS) $(call option,CLIENTS); status=$$?; \
		$(MODEL) -m resilience.plot build/resilience/storm.json build/resilience/storm.png && exit $$status

.PHONY: bulk
bulk: setup ## A batch of a million rows: each row once in its result, memory flat (ROWS=1000000 PORTFOLIO=name)
	@$(EMBEDDED) -m resilience bulk $(call option,ROWS) $(call option,PORTFOLIO)

.PHONY: replay
replay: setup ## Make a logged decision once more, bit for bit (DECISION=id; needs make up or an account)
	@$(RECORDS) replay "$(DECISION)"

.PHONY: letter
letter: setup ## Write a logged decision's letter (DECISION=id, LANGUAGE=en|es)
	@$(RECORDS) letter "$(DECISION)" $(call option,LANGUAGE)

.PHONY: person
person: setup ## Answer a person's request (PERSON=id, DO=find|export|erase, CONFIRM=id to erase)
	@$(RECORDS) "$(or $(DO),find)" "$(PERSON)" $(call option,CONFIRM)

.PHONY: package
package: setup ## Build Lambda zips (build/dist), and what MWAA and CodeBuild take (build/bundles)
	@$(AIRFLOW) -m deployment.package
	@$(AIRFLOW) -m deployment.package_bundles

.PHONY: deploy
deploy: package ## Deploy to AWS: ENV=name of deployment/environments; shows the change set, YES=1 does not ask
	@$(AIRFLOW) -m deployment.deploy --bundles build/bundles --outputs build/$(or $(ENV),stack).json \
		$(call option,ENV) $(if $(findstring command line,$(origin YES)),--yes) \
		$(if $(findstring command line,$(origin GIVE_UP)),--give-up $(GIVE_UP))

.PHONY: destroy
destroy: setup ## Delete a stack, its data kept (ENV=name; LIST=1 shows it; DELETE_DATA=stack's name asks once more)
	@$(AIRFLOW) -m deployment.destroy $(call option,ENV) $(if $(findstring command line,$(origin YES)),--yes) \
		$(if $(findstring command line,$(origin LIST)),--list) \
		$(if $(findstring command line,$(origin DELETE_DATA)),--delete-data "$(DELETE_DATA)")

.PHONY: smoke
smoke: setup ## Look at a deployed stack, line by line, with the next step of each (ENV=name; else the running stack)
	@$(if $(call option,ENV),,$(AIRFLOW) -m local with) $(AIRFLOW) -m deployment.smoke $(call option,ENV)

.PHONY: cost
cost: setup ## Estimate the monthly bill: ENV=name of deployment/environments; HELP=1 lists what it may assume
	@$(AIRFLOW) -m deployment.cost $(call option,ENV) $(if $(findstring command line,$(origin HELP)),--help) $(ASSUME)

.PHONY: lock
lock: ## Resolve locks/*.in anew (MWAA=path to MWAA's constraints.txt)
	@sh local/lock.sh $(MWAA)

.PHONY: clean
clean: down ## Forget all data and downloads of the stack; the environments stay
	@rm -rf build
