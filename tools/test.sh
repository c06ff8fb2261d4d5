#!/usr/bin/env bash
# Runs every Rust test.
set -euo pipefail
cargo build --workspace --bins
cargo nextest run --workspace "$@"
