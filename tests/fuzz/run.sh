#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# A fixed number of inputs for one target, the same ones each time: nothing is kept of the last
# run. What fails is left in BUILD/fuzz-failed/ with the target's name before it.
# usage: run.sh PROGRAM NAME SOURCE BUILD MAX_LEN RUNS     (PGAF_FUZZ_RUNS overrides RUNS)
set -eu
program=$1 name=$2 source=$3 build=$4 max_len=$5 runs=${PGAF_FUZZ_RUNS:-$6}

memory=/dev/shm
[ -w $memory ] || memory=/tmp
scratch=$(mktemp -d -p "$memory" pgaf-fuzz-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/found" "$scratch/tmp" "$build/fuzz-failed"
set -- -runs="$runs" -seed="${PGAF_FUZZ_SEED:-1}" -max_len="$max_len" -timeout=20 \
	-rss_limit_mb=1024 -verbosity=0 -print_final_stats=1 \
	-artifact_prefix="$build/fuzz-failed/$name-"
[ ! -e "$source/dict/$name" ] || set -- "$@" -dict="$source/dict/$name"
TMPDIR=$scratch/tmp "$program" "$@" "$scratch/found" "$source/corpus/$name" 2>"$scratch/log" || {
	cat "$scratch/log"
	exit 1
}
grep -E 'number_of_executed_units|average_exec_per_sec|new_units_added' "$scratch/log"
