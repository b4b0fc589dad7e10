#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# The units are right, for systemd itself and as secure as they were. Nothing is started.
# usage: systemd.sh BUILD_DIRECTORY
set -eu
cd "$1"
# They name the programs where they will be; here they are looked for where they were built.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for unit in pgaf-keeper pgaf-monitor; do
	sed "s|^ExecStart=.*/$unit |ExecStart=$PWD/$unit |" $unit.service >"$scratch/$unit.service"
	said=$(systemd-analyze verify --man=no "$scratch/$unit.service" 2>&1) ||
		{ echo "tools/systemd/$unit.service.in:1: $said"; exit 1; }
	[ -z "$said" ] || { echo "tools/systemd/$unit.service.in:1: $said"; exit 1; }
	# Since systemd 251.
	systemd-analyze --help | grep -q -e --offline || continue
	systemd-analyze security --offline=yes --threshold=25 --no-pager "$scratch/$unit.service" \
		>"$scratch/judged" || { tail -n 2 "$scratch/judged"; exit 1; }
done
