#!/usr/bin/env bash
# Runs a command with a PostgreSQL of its own, which runs for as long as the command does: in a temporary directory, on a private
# port, and as an unprivileged user, since it refuses root. The command finds its address in ATOLL_TEST_POSTGRESQL_URL.
set -euo pipefail

binaries=$(dirname "$(command -v initdb 2>/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1)")
directory=$(mktemp -d)
port=$((20000 + RANDOM % 20000))
if [ "$(id -u)" = 0 ]; then
  chown postgres "$directory"
  run() { (cd / && exec runuser -u postgres -- "$@"); }
else
  run() { "$@"; }
fi
stop() {
  run "$binaries/pg_ctl" -D "$directory/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$directory"
}
trap stop EXIT

run "$binaries/initdb" -D "$directory/data" -A trust -U atoll >/dev/null
run "$binaries/pg_ctl" -D "$directory/data" -l "$directory/log" -w \
  -o "-p $port -k $directory -c listen_addresses=127.0.0.1 -c max_connections=300" start >/dev/null
export ATOLL_TEST_POSTGRESQL_URL="postgres://atoll@127.0.0.1:$port/postgres"

"$@"
