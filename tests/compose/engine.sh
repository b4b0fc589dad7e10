#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
# A Docker engine for these tests where none runs and no image can be fetched: in a network
# namespace of its own (its rules for bridges stay there), with base images made by debootstrap from
# the archive that this machine uses. Needs root, docker.io, docker-compose, debootstrap, nftables.
# usage: engine.sh start [SUITE...]     prints what to set for the tests
#        engine.sh run COMMAND...       runs the command beside the engine
#        engine.sh stop                 ends the engine and removes all that it kept
set -euo pipefail
home=${PGAF_ENGINE_DIR:-/var/tmp/pgaf-engine}
namespace=pgaf-engine
net=10.231.78
export DOCKER_HOST=unix://$home/docker.sock

beside()
{
	nsenter --net=/run/netns/$namespace "$@"
}

make_network()
{
	local outside
	outside=$(ip route show default | awk '{ print $5; exit }')
	ip netns add $namespace
	ip link add pgaf-engine type veth peer name outside netns $namespace
	ip addr add $net.1/30 dev pgaf-engine
	ip link set pgaf-engine up
	ip -n $namespace link set lo up
	ip -n $namespace addr add $net.2/30 dev outside
	ip -n $namespace link set outside up
	ip -n $namespace route add default via $net.1
	sysctl -qw net.ipv4.conf.pgaf-engine.forwarding=1 "net.ipv4.conf.$outside.forwarding=1"
	nft -f - <<-TXT
		table ip pgaf-engine {
			chain post {
				type nat hook postrouting priority 100;
				ip saddr $net.0/30 oifname "$outside" masquerade
			}
		}
	TXT
}

start_engine()
{
	mkdir -p "$home/data" "$home/exec"
	beside setsid dockerd --host "$DOCKER_HOST" --data-root "$home/data" \
		--exec-root "$home/exec" --pidfile "$home/pid" \
		>"$home/dockerd.log" 2>&1 </dev/null &
	for ((i = 0; i < 600; i++)); do
		docker version >/dev/null 2>&1 && return
		sleep 0.1
	done
	tail "$home/dockerd.log" >&2
	return 1
}

# The archive that this machine's apt reads, with and without its security updates.
sources()
{
	local suite=$1 here
	here=$(. /etc/os-release && echo "$VERSION_CODENAME")
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' |
		awk -v here="$here" -v suite="$suite" '
			index($2, here) == 1 && $3 == "main" {
				sub(here, suite, $2)
				print "deb", $0
			}' |
		sort -u
}

make_base()
{
	local suite=$1 tree=$home/base-$1 archive
	docker image inspect "debian:$suite-slim" >/dev/null 2>&1 && return
	rm -rf "$tree"
	archive=$(sources "$suite" | awk '$3 == s { print $2; exit }' s="$suite")
	debootstrap --variant=minbase "$suite" "$tree" "$archive" >"$home/debootstrap.log"
	sources "$suite" >"$tree/etc/apt/sources.list"
	apt-config dump | grep -E '^Acquire::(http|https)::Proxy' \
		>"$tree/etc/apt/apt.conf.d/00proxy" || true
	rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/* \
		"$tree"/usr/share/doc/* "$tree"/usr/share/man/* "$tree"/usr/share/locale/*
	tar -C "$tree" -c . | docker import - "debian:$suite-slim"
	rm -rf "$tree"
}

stop_engine()
{
	if [ -s "$home/pid" ]; then
		docker ps --quiet | xargs --no-run-if-empty docker kill >/dev/null || true
		pid=$(cat "$home/pid")
		kill "$pid"
		tail --pid="$pid" --follow /dev/null
	fi
	ip netns del $namespace 2>/dev/null || true
	ip link del pgaf-engine 2>/dev/null || true
	nft delete table ip pgaf-engine 2>/dev/null || true
	rm -rf "$home"
}

case ${1-} in
start)
	shift
	[ -e /run/netns/$namespace ] || make_network
	docker version >/dev/null 2>&1 || start_engine
	for suite in "${@:-bookworm}"; do
		make_base "$suite"
	done
	echo "export DOCKER_HOST=$DOCKER_HOST"
	;;
run)
	shift
	beside "$@"
	;;
stop) stop_engine ;;
*)
	sed -n '3,9s/^# //p' "$0"
	exit 2
	;;
esac
