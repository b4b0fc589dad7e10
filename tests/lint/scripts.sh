#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# Every shell script of the tree passes shellcheck.  usage: scripts.sh ROOT
set -eu
cd "$1"
scripts=$(git -c safe.directory='*' ls-files --cached --others --exclude-standard | sort -u |
	while read -r name; do
		[ -f "$name" ] || continue
		first=$(head -c 64 "$name" | tr -d '\0' | head -n 1)
		case $first in '#!'*bash* | '#!'*/sh*) echo "$name" ;; esac
	done)
[ -n "$scripts" ] || { echo "$1:1: no scripts"; exit 1; }
# shellcheck disable=SC2086 # names without blanks
shellcheck --format=gcc --external-sources $scripts
