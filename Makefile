# The one door for every command; the same here and in CI.

SHELL := /bin/bash
CARGO ?= cargo

.PHONY: setup demo test check format bench clean

## Installs what building and testing need: system packages (with root or sudo), the test runner.
setup:
	@tools/setup.sh

## Builds, starts a manager and three agents with samples, and says what to try. Ctrl-C ends it.
demo:
	@tools/setup.sh build
	@$(CARGO) build --workspace --bins
	@tools/demo.sh target/debug

## Installs what the tests need, and runs all of them: unit, property, store on both databases, end to end.
test:
	@tools/setup.sh
	@tools/test.sh

## Format, lints, the contract's rules and the arrows between crates and layers.
check:
	@tools/setup.sh build
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	$(CARGO) test --quiet --workspace --test e2e -- contract:: architecture::

format:
	$(CARGO) fmt --all

## Measures the manager under a simulated fleet against a floor; prints a table, keeps raw figures in bench-results/.
bench:
	@tools/setup.sh build
	$(CARGO) build --profile bench-run --bin atoll-manager --bin atoll-bench
	target/bench-run/atoll-bench

clean:
	$(CARGO) clean
