#!/usr/bin/env bash
# SPDX-License-Identifier: PostgreSQL
# Starts everything, waits until there are a primary and a secondary, and prints the state. May be
# run again at any time.
# usage: init-pg-auto-failover.sh [SECONDS]     (how long to wait; 300 without it)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export COMPOSE_INTERACTIVE_NO_CLI=1
limit=${1:-300}
monitor=pg_auto_failover_monitor
began=$SECONDS
since=$(date +%s)

if command -v docker-compose >/dev/null; then
	compose=(docker-compose)
else
	compose=(docker compose)
fi

monitor_works()
{
	[ "$(docker inspect --format '{{.State.Health.Status}}' $monitor)" = healthy ]
}

redundant()
{
	docker exec $monitor pgaf-ctl show state | awk -F '|' '
		{ gsub(/ /, "") }
		$6 == "primary" && $7 == "primary" { primary = 1 }
		$6 == "secondary" && $7 == "secondary" { secondary = 1 }
		END { exit !(primary && secondary) }'
}

give_up()
{
	echo "not ready after $limit s; what is being waited for:" >&2
	"${compose[@]}" ps >&2 || true
	docker exec $monitor pgaf-ctl explain >&2 || true
	echo "next: ${compose[*]} logs --tail 20" >&2
	exit 1
}

# await CHECK COMMAND...: until CHECK holds, which is asked again with each line of COMMAND.
await()
{
	local check=$1 source
	shift
	exec 3< <(exec timeout $((limit - SECONDS + began)) "$@" 2>/dev/null)
	source=$!
	until "$check"; do
		read -r _ <&3 || give_up
	done
	kill $source 2>/dev/null || true
	exec 3<&-
}

"${compose[@]}" up -d
await monitor_works docker events --since "$since" --filter "container=$monitor"
await redundant docker exec $monitor pgaf-ctl show events --follow
docker exec $monitor pgaf-ctl show state
echo "ready after $((SECONDS - began)) s"
