#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# The C files look as .clang-format says.  usage: format.sh ROOT [--fix]
set -eu
cd "$1"
mode="--dry-run -Werror"
[ "${2-}" = --fix ] && mode=-i
files=$(git -c safe.directory='*' ls-files --cached --others --exclude-standard \
	'include/*.h' 'lib/*.[ch]' 'tools/*.[ch]' 'tests/*.[ch]' 'examples/*.c' | sort -u)
[ -n "$files" ] || { echo "$1:1: no C files"; exit 1; }
# shellcheck disable=SC2086 # names without blanks, and two words of mode
clang-format $mode $files
