#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
# All tests of the tree on a fresh Debian 12, as root: installs what is missing, builds into build/,
# runs the stages of the table below, and leaves nothing running. The last line counts: each ctest
# test and each pytest test is one, every other stage is one.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
export LC_ALL=C.UTF-8

usage()
{
	cat <<'TXT'
usage: tests/run.sh [--full | --soak] [--only STAGE]... [--list]
  (none)    what a change must pass; at most 25 minutes on two cores
  --full    also what takes longer; what this commit has passed is not run again: stages, and
            of the longest ones the seeds
  --soak    also what takes hours
  --only    these stages alone, whatever their level
  --list    print the stages
TXT
}

# name | level | seconds at most | file it needs | command
# shellcheck disable=SC2016
stages='
build-gcc   |default| 900|CMakeLists.txt              |build gcc gcc
build-clang |default| 900|CMakeLists.txt              |build clang clang
unit        |default| 900|tests/unit tests/rules      |tests_of gcc unit
lint        |default| 600|tests/lint/CMakeLists.txt   |tests_of gcc lint
build-asan  |default| 900|CMakeLists.txt              |build asan gcc -DPGAF_SANITIZE=ON
sanitizers  |default| 900|tests/unit tests/rules      |tests_of asan unit 2
build-fuzz  |default| 900|tests/fuzz/CMakeLists.txt  |build fuzz clang -DPGAF_FUZZ=ON
fuzz        |default| 300|tests/fuzz/CMakeLists.txt  |tests_of fuzz fuzz
model       |default| 900|tests/model/run.py          |tests/model/run.py
sim         |default| 900|tests/sim/main.c            |sim --failovers 20000 --seconds 120
sim-same    |default| 300|tests/sim/main.c            |sim_same
sim-broken  |default| 600|tests/sim/main.c            |sim_broken
coverage    |default| 900|tests/unit tests/rules      |coverage
install     |default| 300|tests/install/run.sh        |tests/install/run.sh build/gcc
cluster     |default|1800|tests/cluster/test_*.py     |cluster gcc -m "not full"
demo        |default| 300|examples/demo.sh            |bash examples/demo.sh
nothing-left|default|  60|CMakeLists.txt              |nothing_left
tidy        |full   |1800|.clang-tidy                 |clang_tidy
valgrind    |full   |1800|tests/unit tests/rules      |under_valgrind
model-full  |full   |7200|tests/model/run.py          |tests/model/run.py --full
sim-asan    |full   |3600|tests/sim/main.c            |build/asan/pgaf-sim --seeds 1..5000
sim-full    |full   |10800|tests/sim/main.c           |failovers 1000000 1
sim-forget  |full   |3600|tests/sim/main.c            |sim_forget
mutation-full|full  |7200|tests/mutation/run.py      |mutation
fuzz-full   |full   |7200|tests/fuzz/CMakeLists.txt  |fuzz_full
cluster-full|full   |9000|tests/cluster/test_*.py     |cluster gcc --full
compose     |full   |3600|tests/compose/test_*.py     |compose
fresh-debian|full   |5400|tests/fresh_debian.sh       |tests/fresh_debian.sh
sim-soak    |soak   |86400|tests/sim/main.c           |failovers until-stopped 10000001
'

# ---- what stages run -------------------------------------------------------------------------

build()
{
	local name=$1 compiler=$2 launcher=
	shift 2
	command -v ccache >/dev/null && launcher=-DCMAKE_C_COMPILER_LAUNCHER=ccache
	cmake -G Ninja -S . -B "build/$name" -DCMAKE_C_COMPILER="$compiler" $launcher "$@" &&
		cmake --build "build/$name"
}

# tests_of BUILD LABEL [TESTS FOR EACH CORE]: those with servers wait more than they work.
tests_of()
{
	ctest --test-dir "build/$1" -L "$2" -j $(($(nproc) * ${3-1})) --output-on-failure \
		--no-tests=error
}

# The interpreter is Debian's: it has the modules that deps.sh installs.
cluster()
{
	local build=$1
	shift
	COLUMNS=240 PGAF_BINDIR=$root/build/$build \
		/usr/bin/python3 -B -m pytest -p no:cacheprovider -rfEs \
		--durations=10 --figures=build/figures.jsonl "$@" tests/cluster
}

# Seeds from 1 until there are enough failovers or no time is left.
sim()
{
	build/gcc/pgaf-sim --seeds 1.. --jobs "$(nproc)" "$@"
}

# The same seed is the same run, byte for byte, whoever compiled it.
sim_same()
{
	local build
	for build in gcc gcc clang; do
		"build/$build/pgaf-sim" --seeds 1..100 --trace | grep -v '^seeds=' | sha256sum
	done | sort -u | awk '{ print } END { exit NR == 1 ? 0 : 1 }'
}

# Seeds in chunks until there are enough failovers, or until shortly before the stage's limit. Each
# chunk that has passed is noted with the commit and what it said, so that a run that was
# interrupted goes on behind it; the last line adds up what all of them said.
failovers()
{
	local enough=$1 from=$2 to row said sum=0 all=
	[ "$enough" != until-stopped ] || enough=
	while [ -z "$enough" ] || [ "$sum" -lt "$enough" ]; do
		[ -n "$enough" ] || [ $SECONDS -lt $((limit - 600)) ] || break
		to=$((from + 9999))
		row="$commit $stage:$from..$to 1 0 0"
		said=
		[ -z "$resume" ] || said=$(grep -sF "$row " "$results" | tail -n 1)
		said=${said#"$row "}
		if [ -z "$said" ]; then
			said=$(build/gcc/pgaf-sim --seeds "$from..$to" --jobs "$(nproc)") ||
				{ echo "$said"; return 1; }
			echo "$row $said" >>"$results"
		fi
		echo "$from..$to: $said"
		all+=" $said"
		sum=$((sum + $(grep -oP '(?<=\bfailovers=)[0-9]+' <<<"$said")))
		from=$((to + 1))
	done
	tr ' ' '\n' <<<"$all" | awk -F= '
		$2 ~ /^[0-9]+$/ { if (!($1 in sum)) key[++n] = $1; sum[$1] += $2 }
		END { for (i = 1; i <= n; i++) printf "%s=%.0f ", key[i], sum[key[i]]; print "" }'
}

# Each rule that is broken on purpose has to be noticed by the check that is its own.
sim_broken()
{
	build/gcc/pgaf-sim --seeds 1..10000 --break all
}

# Each rule, each of its conditions and each check in the core is taken out in turn; a sample of
# them is only counted, all of them have to be noticed or explained.
mutation()
{
	cmake --build build/gcc --target mutants &&
		/usr/bin/python3 -B tests/mutation/run.py --build "$root/build/gcc" "$@"
}

# The store is put back to an older copy: after all faults, and in the midst of them.
sim_forget()
{
	build/gcc/pgaf-sim --seeds 1..10000 --forget &&
		build/gcc/pgaf-sim --seeds 1..10000 --with forget
}

# With a real Docker engine; every test says so where none can run.
compose()
{
	/usr/bin/python3 -B -m pytest -p no:cacheprovider -rfEs tests/compose
}

clang_tidy()
{
	git -c safe.directory='*' ls-files 'lib/*.c' 'tools/*.c' |
		xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p build/clang
}

# Check forks a process per test; under valgrind one process is watched as a whole.
under_valgrind()
{
	local status=0 program
	for program in build/gcc/tests/test_*; do
		echo "== $program"
		CK_FORK=no CK_TIMEOUT_MULTIPLIER=20 valgrind --quiet --leak-check=full \
			--errors-for-leak-kinds=definite --error-exitcode=99 "$program" || status=1
	done
	return $status
}

# How much of the library the unit tests, the replayed corpora and the first seeds of the simulator
# run. Processes that went from root to user postgres count in the same files.
coverage()
{
	local counters=build/coverage/CMakeFiles
	build coverage gcc -DPGAF_COVERAGE=ON || return 1
	find $counters -name '*.gcda' -delete
	find $counters -type d -path '*.dir/*' -exec chmod a+rwx {} +
	if ! runuser -u postgres -- test -w $counters/pg.dir/lib/pg; then
		echo "user postgres cannot write into $root/$counters"
		return 1
	fi
	(umask 0 && tests_of coverage unit 2 && build/coverage/pgaf-sim --seeds 1..200) || return 1
	gcovr --root . --filter lib/ --json build/coverage.json build/coverage || return 1
	covered lib/core 100 100
	local core=$?
	covered lib 85 0 && [ $core = 0 ]
}

# covered FOLDER LINES BRANCHES: the percentages; what was not run, when there are less than these.
covered()
{
	local report said status
	report="gcovr --root . --add-tracefile build/coverage.json --filter $1/"
	said=$($report --print-summary --txt build/coverage.txt \
		--fail-under-line "$2" --fail-under-branch "$3")
	status=$?
	[ $status = 0 ] || { cat build/coverage.txt && $report --branches; }
	awk -v what="$1" -v branches="$3" '
		/^lines:/ { said = "coverage: " what " lines " $2 }
		/^branches:/ && branches > 0 { said = said " branches " $2 }
		END { gsub("%", " %", said); print said }' <<<"$said"
	return $status
}

fuzz_full()
{
	PGAF_FUZZ_RUNS=1000000 PGAF_FUZZ_SEED=2 tests_of fuzz fuzz
}

# No stage may leave a program of ours behind.
nothing_left()
{
	local exe status=0
	for exe in /proc/[0-9]*/exe; do
		case $(readlink "$exe") in
		"$root"/build/*)
			exe=${exe%/exe}
			echo "still runs: ${exe#/proc/} $(tr '\0' ' ' <"$exe/cmdline")"
			status=1
			;;
		esac
	done
	return $status
}

# ---- arguments -------------------------------------------------------------------------------

level=default
only=
list=
while [ $# -gt 0 ]; do
	case $1 in
	--full) level=full ;;
	--soak) level=soak ;;
	--list) list=1 ;;
	--only)
		[ $# -gt 1 ] || { usage >&2; exit 2; }
		only="$only $2 "
		shift
		;;
	-h | --help)
		usage
		exit 0
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
	shift
done
if [ -n "$list" ]; then
	grep -v '^$' <<<"$stages"
	exit 0
fi
for name in $only; do
	grep -qE "^$name *\|" <<<"$stages" || { echo "no stage $name" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "tests/run.sh: run as root" >&2; exit 2; }

# ---- set-up ----------------------------------------------------------------------------------

began=$SECONDS
running=
trap '[ -z "$running" ] || kill -TERM "$running"; exit 130' INT TERM

say()
{
	printf '[%4d s] %s\n' $((SECONDS - began)) "$*"
}

mkdir -p build/log
results=build/results
commit=$(git -c safe.directory='*' rev-parse HEAD 2>/dev/null || echo none)
if [ "$commit" = none ] || [ -n "$(git -c safe.directory='*' status --porcelain)" ]; then
	commit=uncommitted
fi
# The long levels go on where a run on the very same commit ended.
resume=
if [ $level != default ] && [ -z "$only" ] && [ "$commit" != uncommitted ]; then
	resume=1
fi
passed=0
failed=0
skipped=0
failures=()

packages="test"
[ $level = default ] || packages="full"
case $only in *tidy* | *valgrind* | *fresh*) packages="full" ;; esac
say "packages"
if ! bash tests/deps.sh $packages >build/log/packages.log 2>&1; then
	tail -n 30 build/log/packages.log
	say "packages FAILED, see $root/build/log/packages.log"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
fi

# ---- the stages ------------------------------------------------------------------------------

# Adds a stage's own closing line to the totals; a stage that says nothing of the kind is one test.
count()
{
	local log=$1 status=$2 ok=0 bad=0 left=0 line
	if line=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests failed out of [0-9]+' "$log"); then
		line=$(tail -n 1 <<<"$line")
		bad=$(word_count "$line" 'tests failed')
		left=$(grep -cE '^ *[0-9]+ - .* \(Skipped\)' "$log")
		ok=$((${line##*out of } - bad - left))
	elif line=$(grep -E '^=+ .*(passed|failed|skipped|error|selected).* in [0-9]' "$log"); then
		line=$(tail -n 1 <<<"$line")
		ok=$(word_count "$line" passed)
		bad=$(($(word_count "$line" failed) + $(word_count "$line" 'errors?')))
		left=$(word_count "$line" skipped)
	elif [ "$status" = 0 ]; then
		ok=1
	fi
	# A stage that failed without a failed test (a time limit, a crash of the runner) counts.
	if [ "$status" != 0 ] && [ "$bad" = 0 ]; then
		bad=1
	fi
	echo "$ok $bad $left"
}

word_count()
{
	local n
	n=$(grep -oE "[0-9]+ $2\b" <<<"$1" | grep -oE '^[0-9]+')
	echo "${n:-0}"
}

# Runs in a process group of its own, so that a time limit ends all of it.
run_stage()
{
	local name=$1 limit=$2 command=$3 log=build/log/$1.log start=$SECONDS status ok bad left
	say "$name"
	export -f build tests_of cluster clang_tidy under_valgrind coverage covered nothing_left \
		fuzz_full sim sim_same sim_broken sim_forget failovers mutation compose
	export root commit results resume limit stage=$name
	timeout --kill-after=30 "$limit" bash -c "$command" >"$log" 2>&1 </dev/null &
	running=$!
	wait "$running"
	status=$?
	running=
	read -r ok bad left <<<"$(count "$log" "$status")"
	passed=$((passed + ok))
	failed=$((failed + bad))
	skipped=$((skipped + left))
	if [ "$status" = 0 ]; then
		echo "$commit $name $ok $bad $left" >>"$results"
		say "$name ok: $ok passed, $left skipped, $((SECONDS - start)) s"
		case $name in
		sim* | model* | mutation*) say "$name: $(tail -n 1 "$log")" ;;
		coverage) grep '^coverage: ' "$log" ;;
		esac
		return
	fi
	# What a test on clusters says of its failure, and then the end.
	{
		grep -E '^E   ' "$log" | cut -c1-300 | head -n 60
		grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking|Creating)' "$log" | tail -n 60
	} | sed 's/^/    | /'
	[ "$status" != 124 ] || echo "    | (ended after the limit of $limit s)"
	say "$name FAILED: $bad failed, $((SECONDS - start)) s; all of it: $root/$log"
	failures+=("$name: $root/$log")
	case $name in build-*) broken+=("${name#build-}") ;; esac
}

wanted()
{
	if [ -n "$only" ]; then
		[[ $only == *" $1 "* ]]
		return
	fi
	case $level-$2 in
	*-default | full-full | soak-full | soak-soak) return 0 ;;
	esac
	return 1
}

# True when one of the (glob) names is there.
present()
{
	local name
	for name in $1; do
		[ -e "$name" ] && return 0
	done
	return 1
}

# What this very commit has passed before is taken from the file.
done_before()
{
	local row
	[ -n "$resume" ] || return 1
	row=$(grep -E "^$commit $1 " "$results" 2>/dev/null | tail -n 1)
	[ -n "$row" ] || return 1
	read -r _ _ ok bad left <<<"$row"
	case $1 in build-*) [ -e "build/${1#build-}/build.ninja" ] || return 1 ;; esac
	passed=$((passed + ok))
	skipped=$((skipped + left))
	say "$1 ok before: $ok passed, $left skipped"
}

# A stage whose build failed would only test what an older build left behind.
unbuilt()
{
	local name
	for name in "${broken[@]}"; do
		[[ $1 =~ [\ /]$name([\ /]|$) ]] && return 0
	done
	return 1
}

broken=()
left_out=()
absent=()
while IFS='|' read -r name stage_level limit needs command; do
	[ -n "$name" ] || continue
	name=${name// /}
	stage_level=${stage_level// /}
	if ! wanted "$name" "$stage_level"; then
		left_out+=("$name")
	elif ! present "$needs"; then
		absent+=("$name")
	elif unbuilt "$command"; then
		say "$name not run: its build failed"
		skipped=$((skipped + 1))
	elif ! done_before "$name"; then
		run_stage "$name" "${limit// /}" "$command"
	fi
done <<<"$stages"

[ ${#left_out[@]} = 0 ] || [ -n "$only" ] ||
	echo "left out at level $level: ${left_out[*]} (--full, --soak)"
[ ${#absent[@]} = 0 ] || echo "not in this tree: ${absent[*]}"
for failure in "${failures[@]}"; do
	echo "failed: $failure"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
