#!/usr/bin/env bash
# Makes the web UI's client anew from the contract and compares it with the one in the tree.
set -euo pipefail
cd "$(dirname "$0")/../ui"
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
npx --no-install buf generate --output "$fresh" 2>/dev/null
if ! diff -rq "$fresh/src/api/generated" src/api/generated >/dev/null; then
  echo "ui/src/api/generated is not what the contract says: run \"npm run generate\" in ui/ and commit the result" >&2
  exit 1
fi
