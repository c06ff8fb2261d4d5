#!/usr/bin/env bash
# A manager on its embedded database, three agents in two groups, samples published; then five things to try.
# Everything lives in one temporary directory and ends with Ctrl-C.
set -euo pipefail
umask 077

programs=$(cd "$1" && pwd)
samples=$(cd "$(dirname "$0")/../samples" && pwd)
export PATH="$programs:$PATH"
demo=${ATOLL_DEMO_DIRECTORY:-$(mktemp -d /tmp/atoll-demo-XXXXXX)}
mkdir -p "$demo"
admin=${ATOLL_DEMO_ADMIN_PORT:-7400} metrics=${ATOLL_DEMO_METRICS_PORT:-7401} nodes=${ATOLL_DEMO_NODE_PORT:-7443}
export ATOLL_SERVER="http://127.0.0.1:$admin" ATOLL_TOKEN_FILE="$demo/manager/admin.token"
processes=()

finish() {
  trap - EXIT INT TERM
  echo; echo "stopping"
  for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
  # Agents that were cut off and brought back by hand are children of another shell: their pid files name them.
  for pid in "$demo"/*.pid; do [ -e "$pid" ] && kill "$(cat "$pid")" 2>/dev/null || true; done
  wait 2>/dev/null || true
  [ -n "${ATOLL_DEMO_DIRECTORY:-}" ] || rm -rf "$demo"
  exit 0
}
trap finish EXIT INT TERM

atoll-manager serve --data-directory "$demo/manager" --admin-listen "127.0.0.1:$admin" \
  --metrics-listen "127.0.0.1:$metrics" --node-listen "127.0.0.1:$nodes" >"$demo/manager.log" 2>&1 &
processes+=($!)
for _ in $(seq 100); do atoll whoami >/dev/null 2>&1 && break; sleep 0.1; done
atoll whoami >/dev/null || { cat "$demo/manager.log" >&2; exit 1; }

atoll group create /eu/prod --description "production in Europe" 2>/dev/null
atoll group create /eu/test --description "tests in Europe" 2>/dev/null

agent() { # NAME GROUP LABEL
  atoll enroll token create --group "$2" --label "$3" --description "demo: $1" >"$demo/$1.token" 2>/dev/null
  atoll-agent run --token-file "$demo/$1.token" --name "$1" --data-dir "$demo/$1" --files-dir "$demo/$1/files" >"$demo/$1.log" 2>&1 &
  processes+=($!); echo $! >"$demo/$1.pid"
  atoll node wait "$1" >/dev/null
}
agent prod-1 /eu/prod environment=production
agent prod-2 /eu/prod environment=production
agent test-1 /eu/test environment=test

atoll template import "$samples"/templates/*.json --publish -m "samples of the project" 2>/dev/null
atoll vars import "$samples"/variables/*.json --publish -m "samples of the project" 2>/dev/null
atoll publication set everywhere --all >/dev/null
printf 'demo-password' | atoll vars set "Database" Db.Password --sensitive --environment production --publish 2>/dev/null
atoll sync status --wait >/dev/null

file="$demo/prod-1/files/step_template/restart-a-service.json"
cat <<TEXT

Atoll is running in $demo

  web UI    $(atoll ui open --print)
            (works once and for five minutes; atoll ui open makes another)
  manager   $ATOLL_SERVER (administrators), 127.0.0.1:$nodes (nodes), http://127.0.0.1:$metrics/metrics
  nodes     prod-1 and prod-2 in /eu/prod, test-1 in /eu/test; each writes its documents to $demo/NAME/files
  logs      $demo/*.log

In another terminal, first:

  export PATH="$programs:\$PATH" ATOLL_SERVER=$ATOLL_SERVER ATOLL_TOKEN_FILE=$ATOLL_TOKEN_FILE

Five things to try, with the demo as it starts:

  1. Join another node, and see it get everything:
       atoll enroll token create --group /eu/test > $demo/mine.token
       atoll-agent run --name mine --data-dir $demo/mine --files-dir $demo/mine/files \\
         --token-file $demo/mine.token > $demo/mine.log 2>&1 &
       echo \$! > $demo/mine.pid; atoll node wait mine; ls $demo/mine/files/step_template

  2. Edit on a node, as somebody beside that server would, and take the edit for everybody:
       sed -i 's/Restarts a service/Restarts a service, gently/' $file
       until atoll proposal list --filter state=proposed -o name | grep -q .; do sleep 0.2; done; atoll proposal list
       atoll proposal show "\$(atoll proposal list --filter state=proposed -o name | head -n 1)"
       atoll proposal accept "\$(atoll proposal list --filter state=proposed -o name | head -n 1)" --publish

  3. Make a conflict: two people change the same place.
       sed -i 's/"DefaultValue": "30"/"DefaultValue": "60"/' $file
       atoll template export "Restart a service" | sed 's/"DefaultValue": "30"/"DefaultValue": "90"/' > $demo/edit.json
       atoll template edit "Restart a service" --file $demo/edit.json -m "more patience"
       atoll template publish "Restart a service" --wait
       until atoll conflict list -o name | grep -q .; do sleep 0.2; done; atoll conflict list

  4. Look at it and resolve it:
       atoll conflict show "\$(atoll conflict list -o name | head -n 1)"
       atoll conflict resolve "\$(atoll conflict list -o name | head -n 1)" --take node --publish

  5. Cut a node off, change things on both sides, and bring it back:
       pid=\$(cat $demo/test-1.pid); kill \$pid; while kill -0 \$pid 2>/dev/null; do sleep 0.2; done; atoll node wait test-1 --for offline
       sed -i 's/Writes a line/Writes one line/' $demo/test-1/files/step_template/say-hello.json
       atoll vars set Database Db.Name elsewhere --publish; atoll sync status
       atoll-agent run --data-dir $demo/test-1 --files-dir $demo/test-1/files > $demo/test-1.log 2>&1 &
       echo \$! > $demo/test-1.pid; atoll node wait test-1
       until atoll proposal list --filter state=proposed -o name | grep -q .; do sleep 0.2; done; atoll proposal list

Ctrl-C ends the demo.
TEXT
while kill -0 "${processes[0]}" 2>/dev/null; do sleep 1 & wait $! || true; done
echo "the manager ended:"; tail -n 5 "$demo/manager.log"
