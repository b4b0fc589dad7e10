#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
# usage: bites.sh STORY SIMULATOR BROKEN
# The story violates nothing in the simulator as it is; in the one whose fix was taken out it
# violates the check that the story's comment names.
set -euo pipefail
story=$1 simulator=$2 broken=$3
check=$(sed -n 's/^# check: //p' "$story")

if ! "$simulator" --story "$story"; then
	echo "$story: violates something though the fix is in" >&2
	exit 1
fi
if said=$("$broken" --story "$story") || ! grep -qF " $check violated: " <<<"$said"; then
	tail -n 20 <<<"$said"
	cat >&2 <<TXT
$story: does not violate $check without the fix: the simulator has changed. A story that does:
    $broken --seeds 1..10000 --shrink
TXT
	exit 1
fi
violated=$(grep -F " $check violated: " <<<"$said")
echo "without the fix: $violated"
