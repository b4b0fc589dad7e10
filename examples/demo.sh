#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
# The whole story on one machine: a monitor, two PostgreSQL nodes, HAProxy and a client that never
# stops writing; then the primary is killed, comes back, is switched over, is stopped, comes back.
# Installs and builds what is missing; run it as root on Debian 12. Ends non-zero if a row is lost,
# a step takes too long, or there is no primary + secondary at the end. Safe to run again.
# usage: demo.sh [--keep]        (--keep: leave logs and data; PGAF_BINDIR: tools built elsewhere)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export LC_ALL=C.UTF-8

if [ "$(id -u)" != 0 ]; then
	echo "demo.sh: run as root (the daemons switch to user postgres by themselves)" >&2
	exit 2
fi

bash "$root/tests/deps.sh" demo

tools=${PGAF_BINDIR-}
if [ -z "$tools" ]; then
	build=$root/build/gcc
	[ -e "$build/build.ninja" ] ||
		cmake -G Ninja -S "$root" -B "$build" -DCMAKE_C_COMPILER=gcc >/dev/null
	cmake --build "$build" --target pgaf-monitor pgaf-keeper pgaf-ctl
	tools=$build
fi

# What is set for the tools in this shell is not meant for the demo.
for name in "${!PG@}"; do
	unset "$name"
done

# Debian's own Python, for that is the one its psycopg2 belongs to.
exec /usr/bin/python3 -B "$root/examples/demo/demo.py" "$tools" "$@"
