#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# The core and what it may see, linked together, need nothing from outside but the names in
# core.symbols: no clock, file, socket, allocator, environment or locale can slip in.
# usage: core_is_pure.sh OBJECT...
set -eu
[ $# -gt 0 ] || { echo "core_is_pure.sh:1: no objects given"; exit 1; }
list=$(dirname "$0")/core.symbols
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

ld -r -o "$scratch/core.o" "$@"
nm -u "$scratch/core.o" | awk '{ print $2 }' | LC_ALL=C sort -u >"$scratch/needed"
LC_ALL=C sort -u "$list" >"$scratch/allowed"
LC_ALL=C comm -23 "$scratch/needed" "$scratch/allowed" >"$scratch/stray"
status=0
while read -r symbol; do
	for object in "$@"; do
		if nm -u "$object" | grep -qw "$symbol"; then
			source=${object#*CMakeFiles/*.dir/}
			echo "${source%.o}:1: needs $symbol, which is not in $list"
			status=1
		fi
	done
done <"$scratch/stray"
# Writable memory is a hidden input: constants and code only.
nm --format=sysv "$scratch/core.o" | awk -F'|' '
	$7 ~ /^\.(bss|data|data\.rel|data\.rel\.local)$/ && $4 ~ /OBJECT/ {
		gsub(/ /, "", $1)
		print $1
	}' >"$scratch/globals"
while read -r symbol; do
	echo "lib/core:1: $symbol is a global that can change"
	status=1
done <"$scratch/globals"
exit $status
