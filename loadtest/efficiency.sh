#!/usr/bin/env bash
# Processor time (user and system, microseconds a message) of smtp-blaster beside Postfix's smtp-source and smtp-sink, each source with its own sink, in turns: medians of ROUNDS (5) rounds.
# Start and JIT included. Needs Postfix's programs; takes a few minutes. Rates depend on what else the machine does, processor time hardly.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
blaster=$root/loadtest/SmtpBlaster/bin/Release/net10.0/smtp-blaster.dll
rounds=${ROUNDS:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PATH:/usr/sbin
ticks=$(getconf CLK_TCK)
[[ -e $blaster ]] || dotnet build "$root/loadtest/SmtpBlaster" -c Release -v q --nologo

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# microseconds that process $1 has used so far
used() {
	awk -v t="$ticks" '{ sub(/^.*\) /, ""); print ($12 + $13) * 1000000 / t }' "/proc/$1/stat"
}

wait_for() {
	until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do sleep 0.05; done
}

# microseconds of a command
cost() {
	local TIMEFORMAT='%U %S'
	{ time "$@" >/dev/null 2>"$work/errors"; } 2>"$work/time" || { cat "$work/errors" >&2; exit 1; }
	tail -n 1 "$work/time" | awk '{ print ($1 + $2) * 1000000 }'
}

# measure TOOL MESSAGES SIZE kept|single: prints the microseconds of source and sink
measure() {
	local port source sink
	port=$(free_port)
	if [[ $1 == postfix ]]; then
		smtp-sink -c -u nobody "127.0.0.1:$port" 1000 >/dev/null 2>&1 &
		sink=$!
		wait_for "$port"
		source=$(cost smtp-source $([[ $4 == kept ]] && echo -d) -s 50 -l "$3" -m "$2" -f a@x.test -t b@y.test "127.0.0.1:$port")
	else
		dotnet "$blaster" sink "127.0.0.1:$port" >/dev/null 2>&1 &
		sink=$!
		wait_for "$port"
		source=$(cost dotnet "$blaster" source "127.0.0.1:$port" --sessions 50 --size "$3" -n "$2" --messages-per-connection $([[ $4 == kept ]] && echo 0 || echo 1))
	fi
	echo "$source $(used $sink)"
	kill $sink
	wait $sink 2>/dev/null || true
}

median() {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

echo "| | messages | smtp-source | blaster source | smtp-sink | blaster sink | both Postfix | both blaster |"
echo "|---|---|---|---|---|---|---|---|"
while read -r name messages size connection; do
	for ((round = 0; round < rounds; round++)); do
		for tool in postfix blaster; do
			measure $tool "$messages" "$size" "$connection" | awk -v n="$messages" '{ print $1 / n, $2 / n, ($1 + $2) / n }' >>"$work/$name.$tool"
		done
	done
	column() { cut -d' ' -f"$2" "$work/$name.$1" | median; }
	LC_ALL=C printf '| %s | %s | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f |\n' "${name//_/ }" "$messages" "$(column postfix 1)" "$(column blaster 1)" "$(column postfix 2)" "$(column blaster 2)" "$(column postfix 3)" "$(column blaster 3)"
done <<'END'
4_KiB,_connections_kept 100000 4096 kept
4_KiB,_one_message_per_connection 20000 4096 single
100_KiB,_connections_kept 20000 102400 kept
END
