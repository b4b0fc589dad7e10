#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
# Installs a build into an empty folder, moves it, and uses it the way a stranger would: programs
# outside the tree, found by pkg-config alone, against the shared and the static library.
# usage: run.sh BUILD_DIRECTORY
set -euo pipefail

build=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror"

fail()
{
	echo "tests/install/run.sh:1: $*"
	exit 1
}

DESTDIR=$scratch/stage cmake --install "$build" >"$scratch/installed"
prefix=$(sed -n 's/^CMAKE_INSTALL_PREFIX:PATH=//p' "$build/CMakeCache.txt")
mv "$scratch/stage$prefix" "$scratch/moved"
cd "$scratch"
pc=$(find moved -name pgaf.pc)
[ -n "$pc" ] || fail "no pgaf.pc was installed"
export PKG_CONFIG_PATH=$scratch/${pc%/*}
libdir=$scratch/$(dirname "${pc%/*}")

# Into $out: what the embedder's compiler call is, with the flags of $1 (--libs or --static --libs).
compile()
{
	local compiler=$1 standard=$2 file=$3 out=$4
	shift 4
	# shellcheck disable=SC2046,SC2086 # flags are words
	$compiler -std=$standard $warnings -DPGAF_HEADERS='"headers.h"' \
		$(pkg-config --cflags pgaf) "$file" -o "$out" $(pkg-config "$@" pgaf)
}

for header in moved/include/pgaf/*.h; do
	[ -f "$header" ] || fail "no headers were installed"
	echo "#include <pgaf/${header##*/}>"
done >headers.h
cp "$source/tests/install/embed.c" embed.c
cp embed.c embed.cpp
sources=("gcc c17 embed.c" "clang c17 embed.c" "g++ c++17 embed.cpp" "clang++ c++17 embed.cpp")
for example in "$source"/examples/*.c; do
	[ -f "$example" ] || continue
	cp "$example" .
	sources+=("gcc gnu17 ${example##*/}" "clang gnu17 ${example##*/}")
done

try()
{
	local kind=$1 compiler standard file
	shift
	for entry in "${sources[@]}"; do
		read -r compiler standard file <<<"$entry"
		compile "$compiler" "$standard" "$file" "$kind-$compiler-$file.out" "$@" ||
			fail "$file does not build with $compiler against the $kind library"
		echo "built $file with $compiler, $kind"
	done
	for program in "$kind"-*-embed.*.out; do
		LD_LIBRARY_PATH=$libdir "./$program" >said || fail "$program fails"
	done
}

try shared --libs
readelf -d shared-gcc-embed.c.out | grep -q 'NEEDED.*libpgaf\.so\.0\]' ||
	fail "the program does not ask for libpgaf.so.0"

rm -f "$libdir"/libpgaf.so*
try static --static --libs
strays=$(nm -g --defined-only "$libdir/libpgaf.a" | awk 'NF == 3 && $3 !~ /^pgaf_/ { print $3 }')
[ -z "$strays" ] || fail "the static library shows $strays"

for tool in pgaf-monitor pgaf-keeper pgaf-ctl; do
	[ -e "$build/$tool" ] || continue
	"moved/bin/$tool" --version >said || fail "the installed $tool --version fails"
	grep -q "$(pkg-config --modversion pgaf)" said || fail "$tool says: $(cat said)"
	echo "ran $tool --version"
done
