# The one door for every command; the same here and in CI.

SHELL := /bin/bash
CARGO ?= cargo

.PHONY: setup ui demo test check format prove bench bench-ui screenshots clean

## Installs what building and testing need: system packages (with root or sudo), the test runner.
setup:
	@tools/setup.sh

## Builds the web UI into ui/dist, from where the manager takes it.
ui:
	@tools/setup.sh build
	@cd ui && npx --no-install tsc --noEmit && npx --no-install vite build --logLevel warn

## Builds, starts a manager and three agents with samples, and says what to try. Ctrl-C ends it.
demo: ui
	@$(CARGO) build --workspace --bins
	@tools/demo.sh target/debug

## Installs what the tests need, and runs all of them: unit, property, store on both databases, end to end, browser.
test:
	@tools/setup.sh
	@$(MAKE) --no-print-directory ui
	@cd ui && npx --no-install vitest run
	@tools/with-postgresql.sh tools/test.sh
	@cd ui && npx --no-install vitest run --config vitest.browser.config.ts

## Format, lints, the contract's rules, the arrows between crates and layers, and whether the UI's client is current.
check: ui
	@cd ui && npx --no-install oxlint src tests
	@tools/check-generated.sh
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	$(CARGO) test --quiet --workspace --test e2e -- contract:: architecture::

format:
	$(CARGO) fmt --all

## Plants each fault of tests/faults in turn and fails unless a test notices it. Takes some hours.
prove: ui
	@tools/setup.sh
	@tools/with-postgresql.sh tools/prove.sh

## Measures the manager under a simulated fleet against a floor; prints a table, keeps raw figures in bench-results/.
bench:
	@tools/setup.sh build
	$(CARGO) build --profile bench-run --bin atoll-manager --bin atoll-bench
	target/bench-run/atoll-bench

## Measures the web UI in a real browser before 10,000 nodes; prints a table.
bench-ui:
	@tools/setup.sh
	@$(MAKE) --no-print-directory ui
	$(CARGO) build --profile bench-run --bin atoll-manager --bin atoll-bench --bin atoll
	@cd ui && npx --no-install vitest run --config vitest.bench.config.ts

## Writes a picture of every screen in both themes to docs/pictures.
screenshots:
	@tools/setup.sh
	@$(MAKE) --no-print-directory ui
	$(CARGO) build --workspace --bins
	@cd ui && ATOLL_PICTURES=../docs/pictures npx --no-install vitest run --config vitest.browser.config.ts

clean:
	$(CARGO) clean
