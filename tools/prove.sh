#!/usr/bin/env bash
# Plants each fault of tests/faults in turn, and fails unless the test that the patch names notices it. The working tree is as
# it was afterwards. With arguments, only the faults whose file names contain one of them.
set -uo pipefail
cd "$(dirname "$0")/.."

git diff --quiet HEAD || { echo "commit or stash your changes first: faults are planted into the working tree" >&2; exit 2; }
planted="" unseen=0 log=$(mktemp)
restore() { [ -z "$planted" ] || git apply -R "$planted"; planted=""; }
trap 'restore; rm -f "$log"' EXIT
trap 'exit 130' INT TERM

wanted() {
  [ "$#" -eq 1 ] && return 0
  local file=$1 part; shift
  for part in "$@"; do [[ $file == *"$part"* ]] && return 0; done
  return 1
}

# What to build for a package's test: its library alone where the test stands in it, which is half the work.
target_of() {
  local folder
  folder=$(dirname "$(grep -l "^name = \"$1\"" ./*/Cargo.toml)")
  if [ -e "$folder/src/lib.rs" ] && grep -rqE "fn ${2##*::}\b" --include='*.rs' "$folder/src"; then echo --lib; fi
}

build() { # only the end-to-end tests start the programs
  { [ "$1" != atoll-tests ] || cargo build --quiet --workspace --bins; } && cargo nextest run -p "$1" $target --no-run
}

for patch in tests/faults/*.patch; do
  wanted "$patch" "$@" || continue
  package=$(sed -n 's/^Package: //p' "$patch") test=$(sed -n 's/^Test: //p' "$patch")
  git apply "$patch" || { echo "$patch does not apply any more: plant its fault anew"; unseen=1; continue; }
  planted=$patch target=$(target_of "$package" "$test")
  # A fault that does not compile would prove nothing.
  if ! build "$package" >"$log" 2>&1; then
    echo "$patch does not compile"; tail -n 20 "$log"; unseen=1
  elif cargo nextest run -p "$package" $target -E "test(/(^|::)$test\$/)" >"$log" 2>&1; then
    echo "UNSEEN  $patch: $test passes"; unseen=1
  elif grep -q "[1-9][0-9]* failed" "$log"; then
    echo "seen    $(sed -n 's/^Fault: //p' "$patch") ($test)"
  else
    echo "$patch: $test did not run"; tail -n 5 "$log"; unseen=1
  fi
  restore
done
exit $unseen
