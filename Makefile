# The commands of the repository; `make help` lists them.
# `run` and `test` need cargo and a C compiler; only `check` and `servers` need Python, for what they install themselves.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

CARGO ?= cargo
PYTHON ?= python3
# The number of exchanges of `make bench`.
N ?= 2000000

# Written when the tools of `check` are installed as `requirements-dev.txt` says.
TOOLS := .venv/installed
# Written when the servers of some tests are installed as `requirements-test.txt` says.
SERVERS := .venv/servers

# The number of rows of `make bench-intake`, per format, and of `make bench-models`.
ROWS ?= 5000000

# Written when the peers of `bench-intake` are installed as their own requirements say.
PEERS := target/bench-peers/installed

.PHONY: attack bench bench-detection bench-intake bench-models check clean format help run servers test tools

help: ## list these commands
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 18

run: ## build, then the whole journey on the sample commons in this folder
	$(CARGO) build --locked
	$(CARGO) run --locked --quiet -- run

test: ## every test: units, models, jobs of people, architecture, examples in the docs
	$(CARGO) test --locked

check: $(TOOLS) ## spelling, formats, lints, documentation; installs its own tools into .venv
	.venv/bin/typos
	.venv/bin/taplo fmt --check
	$(CARGO) fmt --check
	.venv/bin/sqlfluff lint --processes 0 sql
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

format: $(TOOLS) ## rewrite Rust and TOML in the layout that `check` wants
	$(CARGO) fmt
	.venv/bin/taplo fmt

attack: target/attack/installed ## the forty attacks on releases made by the built command; red while one breaks
	$(CARGO) build --locked
	target/attack/bin/python tests/attacks/campaign.py --binary target/debug/antenne --quick

bench: ## time and memory of the journey on N invented exchanges (N=2000000)
	benches/journey $(N)

bench-detection: ## detection methods on one core: ours and R package surveillance in turn, then our scans
	benches/detection

bench-intake: $(PEERS) ## the intake job on ROWS rows per format: ours, DuckDB and Polars in turn (ROWS=5000000)
	PYTHON=$(CURDIR)/target/bench-peers/bin/python benches/intake $(ROWS)

bench-models: $(PEERS) ## six models on ROWS rows: ours and DuckDB in turn (ROWS=5000000)
	PYTHON=$(CURDIR)/target/bench-peers/bin/python benches/models $(ROWS)

tools: $(TOOLS) ## install the tools of `check` into .venv

servers: $(SERVERS) ## install the servers that some tests start into .venv

clean: ## remove what builds and runs made: target, lake, releases, reports, .venv
	rm -rf target lake releases reports .venv

$(TOOLS): requirements-dev.txt | .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@

$(SERVERS): requirements-test.txt | .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements-test.txt
	@touch $@

.venv:
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo 'this needs Python 3 with venv (Debian and Ubuntu: apt-get install python3-venv)' >&2; \
	    exit 2; }
	$(PYTHON) -m venv .venv

target/attack/installed: tests/attacks/requirements.txt
	$(PYTHON) -m venv target/attack
	target/attack/bin/pip install --quiet --disable-pip-version-check --requirement tests/attacks/requirements.txt
	@touch $@

$(PEERS): benches/peers/requirements.txt
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo 'make bench-intake needs Python 3 with venv (Debian and Ubuntu: apt-get install python3-venv)' >&2; \
	    exit 2; }
	mkdir -p target
	$(PYTHON) -m venv target/bench-peers
	target/bench-peers/bin/pip install --quiet --disable-pip-version-check --requirement benches/peers/requirements.txt
	@touch $@
