# The commands of this repository. `make help` lists them; the README says which two a newcomer needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup lab lab-down test test-without-lab check offline-tests offline-model offline-stacks consumer-tests lint soak upgrade-test bench report clean

PROVINCE := .venv/bin/province
OFFLINE_TESTS := tests/unit tests/static tests/render tests/synth
# Judged by programs that tools/consumers or the lock install; they need no lab.
CONSUMER_TESTS := tests/consumers tests/migration
LIVE_TESTS := tests/lab tests/cluster tests/browser
# How many communes the lab runs, instead of those that inventories/lab/environment.yml names.
export PROVINCE_COMMUNES := $(COMMUNES)
# LAB_HA=1: with spare hosts, so that clusters survive the loss of one.
export PROVINCE_SPARE := $(LAB_HA)

help: ## what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: ## the virtual environment in .venv from uv.lock; needs Python 3.11 to 3.13
	@tools/setup

lab: setup ## the province on this machine: boots hosts, runs the whole job, prints the report's path (root)
	@tools/need-root "make lab"
	@$(PROVINCE) up

lab-down: setup ## stop the lab and remove everything of it (root)
	@tools/need-root "make lab-down"
	@$(PROVINCE) lab down

test: setup ## everything that CI runs: lint, types, every test, the real lab (root)
	@tools/need-root "make test"
	@$(PROVINCE) toolchain build >/dev/null # also what only a test asks for: inside the lab no registry answers
	@tools/browser
	@tools/consumers
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint offline-tests consumer-tests
	@$(MAKE) --no-print-directory lab
	@$(PROVINCE) lab run -- .venv/bin/pytest --durations=30 --durations-min=5 $(LIVE_TESTS)

test-without-lab: setup lint ## the same where no host can start; tests that need one are skipped with the reason
	@tools/consumers
	@.venv/bin/pytest $(OFFLINE_TESTS) $(CONSUMER_TESTS) $(LIVE_TESTS)

check: setup ## lint, types and every offline test, both at once; needs neither root nor network
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint offline-tests

# Two processes for two cores.
offline-tests: setup
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target offline-model offline-stacks

offline-model:
	@.venv/bin/pytest -q tests/unit tests/static tests/render

offline-stacks:
	@.venv/bin/pytest -q tests/synth

consumer-tests: setup
	@.venv/bin/pytest -q $(CONSUMER_TESTS)

lint: setup ## ruff, mypy strict, yamllint, ansible-lint, shellcheck, actionlint, the data
	@tools/lint

soak: setup ## the full province, all 204 nodes booted, configured and verified; then the long fault lists (root)
	@tools/need-root "make soak"
	@$(MAKE) --no-print-directory lab COMMUNES=102
	@$(PROVINCE) lab run -- .venv/bin/pytest -m soak $(CONSUMER_TESTS) $(LIVE_TESTS)
	@$(MAKE) --no-print-directory lab-down upgrade-test

upgrade-test: setup ## a lab of the last release is brought to this commit by the written steps (root; no lab is up)
	@tools/need-root "make upgrade-test"
	@.venv/bin/pytest -m soak -s tests/upgrade

bench: setup ## figures as JSON in bench/results
	@.venv/bin/python -m bench
	@.venv/bin/python -m bench.shown

report: setup ## the report of the newest verification
	@$(PROVINCE) report

clean: ## remove what this checkout generated; the shared cache stays
	@if [ -d .province/lab ]; then tools/need-root "make clean, because a lab is there"; $(PROVINCE) lab down; fi
	@rm -rf .venv .province .mypy_cache .pytest_cache .ruff_cache .hypothesis .ansible
