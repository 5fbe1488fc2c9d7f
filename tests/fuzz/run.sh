#!/usr/bin/env bash
# run.sh PROGRAM NAME: one fuzzer for WEIR_FUZZ_SECONDS (20), from the seeds in tests/vectors/fuzz/NAME,
# in a folder that goes afterwards; an input that breaks something is kept in build/fuzz-findings.
set -euo pipefail
program=$1 name=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
findings=$here/../../build/fuzz-findings
mkdir -p "$findings"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
seeds=()
[ -d "$here/../vectors/fuzz/$name" ] && seeds=("$here/../vectors/fuzz/$name")
"$program" -max_total_time="${WEIR_FUZZ_SECONDS:-20}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -verbosity=0 -artifact_prefix="$findings/$name-" "$work" "${seeds[@]}"
