#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
# Both commands of the README in a clean clone inside a fresh Debian 12: debootstrap into a folder,
# clone HEAD into it, and run them there by chroot with mount, process, IPC and host-name
# namespaces of their own. The network is the host's, because the commands install packages; nodes
# of the tests are in network namespaces that the tests make. Everything is gone afterwards.
# usage: fresh_debian.sh [--keep-base FILE]     (FILE: tar of the bare system, made when missing)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
base=$root/build/fresh_debian_base.tar
if [ "${1-}" = --keep-base ] && [ $# = 2 ]; then
	base=$2
elif [ $# -gt 0 ]; then
	echo "usage: fresh_debian.sh [--keep-base FILE]" >&2
	exit 2
fi
[ "$(id -u)" = 0 ] || { echo "fresh_debian.sh: run as root" >&2; exit 2; }
bash "$root/tests/deps.sh" full

scratch=$(mktemp -d)
tree=$scratch/debian
finish()
{
	# The mounts lived in a namespace that is gone; a mount seen here would take the host along.
	if grep -q " $scratch" /proc/self/mountinfo; then
		echo "fresh_debian.sh: still mounted under $scratch, left alone" >&2
		return
	fi
	rm -rf "$scratch"
}
trap finish EXIT

# Whatever mirror this host installs from serves the new system too: "URI release components".
# shellcheck disable=SC2016 # apt's own variables
sources()
{
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk '$2 ~ /^bookworm/ && $3 == "main"' | sort -u
}
if [ -z "$(sources)" ]; then
	apt-get -q update
fi
mirror=$(sources | awk '$2 == "bookworm" { print $1; exit }')
[ -n "$mirror" ] || { echo "fresh_debian.sh: this host installs from no Debian 12" >&2; exit 1; }

step()
{
	printf '== %s (%d s)\n' "$*" $SECONDS
}

mkdir -p "$tree"
if [ -e "$base" ]; then
	step "unpack $base"
	tar -C "$tree" -xf "$base"
else
	step "debootstrap from $mirror"
	debootstrap --variant=minbase --include=git,ca-certificates bookworm "$tree" "$mirror"
	mkdir -p "$(dirname "$base")"
	tar -C "$tree" -cf "$base.part" .
	mv "$base.part" "$base"
fi
sources | sed 's/^/deb /' >"$tree/etc/apt/sources.list"
apt-config dump | grep -E '^Acquire::(http|https|ftp)::Proxy' \
	>"$tree/etc/apt/apt.conf.d/00proxy" || true
cp /etc/resolv.conf "$tree/etc/resolv.conf"
cp /etc/hosts "$tree/etc/hosts"

step "clone $(git -C "$root" -c safe.directory='*' rev-parse --short HEAD)"
git -c safe.directory='*' clone -q --no-hardlinks "$root" "$tree/srv/pgaf"

# Inside: $1 is the tree. As process 1 of its namespace this shell ends everything it left running.
# shellcheck disable=SC2016 # expanded inside
inside='
set -eu
# A mount point of its own: ip changes how mounts propagate below /, which needs one there.
mount --rbind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs run
shift
exec chroot . /usr/bin/env -i HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin \
	${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
	bash -c "$1"
'
# shellcheck disable=SC2016
commands='
set -u
cd /srv/pgaf
status=0

# A command of the README, then what it left behind: this shell, and nothing else, may run.
command_of_readme()
{
	local began=$SECONDS process line
	echo "== $1"
	bash -c "$1" || { echo "fresh_debian.sh: $1 failed"; status=1; }
	echo "== $1 took $((SECONDS - began)) s"
	took=$((SECONDS - began))
	for process in /proc/[0-9]*; do
		[ "$process" != /proc/1 ] || continue
		line=
		IFS= read -r -d "" line 2>/dev/null <"$process/cmdline"
		[ -n "$line" ] || continue
		echo "fresh_debian.sh: $1 left running: ${process#/proc/} $line"
		status=1
	done
}

command_of_readme examples/demo.sh
command_of_readme examples/demo.sh
if [ $took -ge 60 ]; then
	echo "fresh_debian.sh: installed and built, the demo took $took s; 60 are allowed"
	status=1
fi
command_of_readme tests/run.sh
exit $status
'
step "both commands"
unshare --mount --propagation private --pid --fork --kill-child --ipc --uts \
	bash -c "$inside" inside "$tree" "$commands"
step "done"
