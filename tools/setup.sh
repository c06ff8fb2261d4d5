#!/usr/bin/env bash
# Installs what is missing where it may (as root, or with sudo), and otherwise names it.
#   setup.sh build   what building needs: a C compiler, and the packages of the web UI
#   setup.sh         that, and what the tests need: PostgreSQL, Chromium and the test runner
set -euo pipefail

packages=()
command -v cc >/dev/null || packages+=(gcc libc6-dev)
if [ "${1:-all}" != build ]; then
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || packages+=(postgresql)
  command -v psql >/dev/null || packages+=(postgresql-client)
  command -v chromium >/dev/null || packages+=(chromium fonts-dejavu-core)
fi

if [ ${#packages[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ]; then as_root=(); elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root=(sudo); else
    echo "setup: please install these packages, then run this again: ${packages[*]}" >&2
    exit 1
  fi
  command -v apt-get >/dev/null || { echo "setup: please install the equivalents of: ${packages[*]}" >&2; exit 1; }
  echo "setup: installing ${packages[*]}" >&2
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

command -v cargo >/dev/null || { echo "setup: please install Rust (1.94 or newer), see https://www.rust-lang.org" >&2; exit 1; }
command -v npm >/dev/null || { echo "setup: please install Node.js (20.19 or newer) with npm, see https://nodejs.org" >&2; exit 1; }
ui=$(cd "$(dirname "$0")/../ui" && pwd)
if [ ! "$ui/node_modules/.package-lock.json" -nt "$ui/package-lock.json" ]; then
  echo "setup: installing the packages of the web UI" >&2
  (cd "$ui" && npm ci --loglevel=error)
  touch "$ui/node_modules/.package-lock.json"
fi
if [ "${1:-all}" != build ] && ! cargo nextest --version >/dev/null 2>&1; then
  echo "setup: installing cargo-nextest" >&2
  cargo install --quiet --locked cargo-nextest
fi
