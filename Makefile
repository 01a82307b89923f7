# `make help` lists what there is. The work is in scripts/, one file for each longer command.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Parts of the machine that the tests may do without: make test WITHOUT="node amqp-tools"
export WITHOUT ?=

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: quickstart
quickstart: ## An agent, a broker by `terraform apply`, and messages through it over TLS
	@scripts/quickstart

.PHONY: quickstart-down
quickstart-down: ## Ends what `make quickstart` started and removes it
	@scripts/quickstart-down

.PHONY: pair-demo
pair-demo: ## Two agents on this machine: one is killed, the other goes on; tears down
	@scripts/pair-demo

.PHONY: multi-region-demo
multi-region-demo: build-aws ## Hosts, brokers and queues in two regions of a stand-in for AWS, by one apply; as root
	@cargo test --quiet --locked -p acceptance --test it hosts::multi_region -- --nocapture

.PHONY: test
test: ## Everything: formatting, lints, all tests; WITHOUT="node" leaves a part out
	@scripts/test

.PHONY: test-opentofu
test-opentofu: ## The Terraform tests with OpenTofu, built from its Go module
	@scripts/test-opentofu

.PHONY: conformance
conformance: ## tfplugin-rs against terraform-plugin-framework; SEED=1 REQUESTS=100000
	@scripts/conformance full

.PHONY: conformance-bench
conformance-bench: ## What a provider costs on each of the two, side by side
	@scripts/conformance bench

.PHONY: bench
bench: ## FerryMQ against other brokers; SCENARIOS="transient" RUNS=5 TARGETS=ferrymq,null
	@scripts/bench

.PHONY: bench-instructions
bench-instructions: ## Instructions of the engine for each message, counted by callgrind
	@scripts/bench-instructions

.PHONY: model
model: ## All that a replicated group can do, explored at full bounds, and each rule left out once
	@cargo run --quiet --locked -p replication-model

.PHONY: campaign
campaign: ## Faults of all kinds against the release build; MINUTES=10 SEED=1 OPTIONS="--single"
	@scripts/campaign

.PHONY: sim
sim: ## Replicated groups of simulated machines, and everything fails: SEEDS=10000 FIRST=1
	@SIM_SEEDS=$${SEEDS:-10000} SIM_FIRST=$${FIRST:-1} cargo test --quiet --locked --profile sim \
	  -p broker-core --test replication whatever_fails -- --nocapture

.PHONY: fuzz
fuzz: ## All fuzz targets for an hour in all; SECONDS_EACH=60
	@scripts/fuzz

.PHONY: build
build: ## Release binaries of agent and provider, without AWS
	@cargo build --release --locked -p broker-agent -p provider

.PHONY: build-aws
build-aws: ## The same with AWS in both, as release packages have it; takes minutes longer
	@RUSTC_WRAPPER=$(CURDIR)/scripts/rustc-aws cargo build --release --locked \
	  -p broker-agent -p provider --features provider/aws,broker-agent/aws

.PHONY: docs
docs: ## The provider's pages for the registry, in docs/, and its schema, provider/schema.json
	@cargo run --quiet --locked -p provider --example docs > provider/schema.json

.PHONY: install
install: build ## Puts the provider where plain `terraform init` finds it
	@scripts/install-provider "$$HOME/.terraform.d/plugins"
