# Everything that a checkout needs is made by these targets; `make help` lists
# them. On Debian, as root, what is missing is installed with apt.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.NOTPARALLEL:
.DEFAULT_GOAL := build

GO      ?= go
# packages tested at a time; two suit a machine with two cores
JOBS    ?= 2
TIMEOUT ?= 20m
# what bench and fuzz run, and for how long
BENCH    ?= .
FUZZ     ?= .
FUZZTIME ?= 10s

WITNESS := $(CURDIR)/.cache/witness
KAFKA   := $(CURDIR)/.cache/kafka
export GO JOBS

.PHONY: build test test-kill test-storm test-library test-app test-witness test-interop test-kafka vet lint fmt-check bench fuzz demo demo-mysql demo-kafka clean help toolchain

build: toolchain ## bin/tarn
	$(GO) build -trimpath -o bin/tarn ./cmd/tarn

test: vet test-library test-app test-witness ## all tests; says so if the Java Paimon could not be had

vet: toolchain
	$(GO) vet ./...
	$(GO) vet -tags witness ./test/interop

# The library must build and pass without cgo: that is a promise to its users.
test-library: toolchain
	CGO_ENABLED=0 $(GO) build ./paimon/...
	CGO_ENABLED=0 $(GO) test -p $(JOBS) -timeout $(TIMEOUT) ./paimon/...

# A missing MariaDB is told twice: here, and by the tests that fail without it.
test-app: toolchain
	@bash test/env/mariadb.sh || true
	@all="$$($(GO) list ./...)"; \
	$(GO) test -p $(JOBS) -timeout $(TIMEOUT) $$(grep -v '/tarn/paimon\(/\|$$\)' <<<"$$all")

# Exit code 3: no JDK, no Maven, or Maven cannot fetch; anything else is an error.
test-witness:
	@rc=0; bash test/witness/build.sh $(WITNESS) || rc=$$?; \
	if [ $$rc = 0 ]; then $(MAKE) --no-print-directory test-interop THIN=3; \
	elif [ $$rc = 3 ]; then echo "NOT RUN: the interop tests against the Java Paimon (reason above); make test-interop runs them"; \
	else exit $$rc; fi

# of the random tables, one in so many; all tables of the fixtures in any case
THIN ?= 1

test-interop: toolchain ## tables to and fro between Tarn and the Java Paimon 1.4 and 2.0
	@bash test/witness/build.sh $(WITNESS)
	TARN_WITNESS=$(WITNESS) TARN_THIN=$(THIN) $(GO) test -tags witness -count 1 -timeout 45m -run TestWitness ./test/interop

ROUNDS ?= 50

test-kill: toolchain ## kill -9 of the jobs at ROUNDS random moments while MariaDB is written, both process layouts
	@bash test/env/mariadb.sh
	TARN_KILL_ROUNDS=$(ROUNDS) $(GO) test ./test/e2e -count 1 -run Kill -v -timeout 60m

STORM ?= 5m

test-storm: toolchain ## eight processes write one table for STORM beside a compactor and an expirer; Java reads it
	@bash test/witness/build.sh $(WITNESS)
	TARN_STORM=$(STORM) TARN_WITNESS=$(WITNESS) $(GO) test ./test/storm -count 1 -v -timeout 60m

test-kafka: toolchain ## kill -9 of a job that reads a real Kafka broker
	@bash test/env/jdk.sh
	TARN_KAFKA=$(KAFKA) $(GO) test ./test/env/kafka ./test/e2e -count 1 -run 'TestServer|TestKafka' -v -timeout 20m

lint: vet fmt-check ## vet, gofmt, and the tree's own rules
	$(GO) test ./internal/lint

fmt-check:
	@bad="$$(gofmt -l bench cmd internal paimon test)"; \
	if [ -n "$$bad" ]; then echo "not formatted, run gofmt -w on:"; echo "$$bad"; exit 1; fi

bench: toolchain ## Go benchmarks; BENCH=regexp
	$(GO) test -p 1 -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m ./paimon/... ./internal/...

fuzz: toolchain ## every fuzz test; FUZZ=regexp FUZZTIME=10s
	bash test/env/fuzz.sh '$(FUZZTIME)' '$(FUZZ)'

demo: build ## the three cases of the membership example, checked, with made-up events
	bin/tarn demo

demo-mysql: build ## the same, orders captured from a real MariaDB
	bash test/env/mariadb.sh
	bin/tarn demo --mysql

demo-kafka: build ## the same, impressions from a real Kafka broker
	bash test/env/jdk.sh
	TARN_KAFKA=$(KAFKA) bin/tarn demo --kafka

clean: ## what make made
	rm -rf bin .cache

toolchain:
	@bash test/env/cc.sh

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
