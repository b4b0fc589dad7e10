#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# Common misspellings in everything that is read by people.  usage: spelling.sh ROOT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
files=$(git -c safe.directory='*' ls-files --cached --others --exclude-standard | sort -u |
	while read -r name; do [ -f "$name" ] && echo "$name"; done)
[ -n "$files" ] || { echo "$1:1: no files"; exit 1; }
# shellcheck disable=SC2086 # names without blanks
# Other languages have other words.
codespell --skip '*.vi.md' --ignore-words "$here/spelling.words" $files
