#!/usr/bin/env bash
# run.sh PROGRAM NAME: one fuzzer for WEIR_FUZZ_SECONDS (20), from the seeds in tests/vectors/fuzz/NAME and, for the
# decoders of datagrams, from the captures in WEIR_SHARED; in a folder that goes afterwards. An input that breaks
# something is kept in build/fuzz-findings.
set -euo pipefail
program=$1 name=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
corpus=${WEIR_SHARED:-$here/../../../shared}/corpus
findings=$here/../../build/fuzz-findings
mkdir -p "$findings"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/found" "$work/captures"
arguments=(-max_total_time="${WEIR_FUZZ_SECONDS:-20}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0
    -artifact_prefix="$findings/$name-")
seeds=()
[ ! -d "$here/../vectors/fuzz/$name" ] || seeds+=("$here/../vectors/fuzz/$name")
case $name in
netflow5 | netflow9 | ipfix | sflow)
    arguments+=(-dict="$here/datagrams.dict")
    if [ -d "$corpus" ]; then
        python3 "$here/seeds.py" "$name" "$corpus" "$work/captures"
        seeds+=("$work/captures")
    else
        echo "no captures at $corpus (set WEIR_SHARED): only the seeds of tests/vectors/fuzz"
    fi
    ;;
packet) arguments+=(-dict="$here/datagrams.dict") ;;
esac
"$program" "${arguments[@]}" "$work/found" "${seeds[@]}"
