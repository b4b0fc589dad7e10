#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
# Installs the Debian packages that a job needs; quick when all are there.
# usage: deps.sh demo|test|full|compose   (needs root; each set contains the ones before it,
#                                          but compose, which is test and a Docker engine)
set -euo pipefail

# What is named after its version: the suite's PostgreSQL, and the runtime of its clang.
suite=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
case $suite in
bullseye) postgresql=13 runtime=libclang-common-11-dev ;;
bookworm) postgresql=15 runtime=libclang-rt-14-dev ;;
trixie)   postgresql=17 runtime=libclang-rt-19-dev ;;
forky)    postgresql=18 runtime=libclang-rt-dev ;;
*)
	echo "deps.sh: bullseye, bookworm, trixie or forky is needed, not ${suite:-this}" >&2
	exit 1
	;;
esac

demo="ca-certificates gcc libc6-dev cmake ninja-build pkg-config check
	libpq-dev libssl-dev libuv1-dev libyaml-dev libjansson-dev libmicrohttpd-dev libbsd-dev
	libncurses-dev
	postgresql-$postgresql haproxy openssl iproute2 procps util-linux curl
	python3 python3-psycopg2 python3-yaml"
test="git g++ binutils ccache clang clang-format $runtime mandoc shellcheck
	codespell pmccabe nftables e2fsprogs mount patch tmux python3-pytest gcovr
	systemd"
browser="chromium chromium-driver python3-selenium"
full="clang-tidy valgrind debootstrap prometheus $browser"
compose="docker.io docker-compose debootstrap $browser"

case ${1-} in
demo) wanted=$demo ;;
test) wanted="$demo $test" ;;
full) wanted="$demo $test $full" ;;
compose) wanted="$demo $test $compose" ;;
*)
	echo "usage: deps.sh demo|test|full|compose" >&2
	exit 2
	;;
esac

missing=()
for package in $wanted; do
	state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "deps.sh: run as root, or install: ${missing[*]}" >&2
	exit 1
fi

# Packages bring no cluster and start no service of their own: the tests start what they need, and
# two HAProxys or two servers on port 5432 would only be in the way.
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/pgaf-tests.conf
[ -e $policy ] || made_policy=1
restore()
{
	[ -z "${made_policy-}" ] || rm -f $policy
	rm -f $cluster
}
trap restore EXIT
if [ -n "${made_policy-}" ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi
mkdir -p "$(dirname $cluster)"
echo 'create_main_cluster = false' >$cluster

export DEBIAN_FRONTEND=noninteractive
apt="apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3"
$apt update
$apt install -y --no-install-recommends "${missing[@]}"
