#!/usr/bin/env bash
# This relay beside Postfix (tuned, and as it comes), Exim, OpenSMTPD and Haraka: the same source, the same sink, the same disk, in turns; prints tables of medians. Root, cgroup v2; installs and unpacks what it
# needs below artifacts/; spools lie on an ext4 with a journal on a loop device whose image is written in full beforehand.
# Three rounds of a quarter of an hour each.
#   bench/compare.sh --rounds 1 --relays relay,postfix --workloads 4k
#   bench/compare.sh alone          this relay alone: start, memory, cores, sessions, depth, latency; a quarter of an hour
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PATH=$PATH:/usr/sbin:/sbin DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
mkdir -p "$root/artifacts/tests"

dotnet build "$root/src/Relay.Daemon" -c Release -v q --nologo >&2
dotnet build "$root/loadtest/SmtpBlaster" -c Release -v q --nologo >&2
# The native program, minutes of work, only when something has changed since.
if [[ ! -x $root/artifacts/native/relay || -n $(find "$root/src" "$root"/Directory.*.props \( -name bin -o -name obj \) -prune -o -type f -newer "$root/artifacts/native/relay" -print -quit) ]]; then
	dotnet publish "$root/src/Relay.Daemon" -c Release -o "$root/artifacts/native" -v q --nologo >&2
fi
# shellcheck source=../tests/peers.sh
. "$root/tests/peers.sh"
unpack_peers "$root/artifacts/peers" "$root/artifacts/tests/apt.log" >&2
if [[ ! -d $root/artifacts/peers/haraka ]] && command -v npm >/dev/null; then
	mkdir -p "$root/artifacts/peers/haraka"
	(cd "$root/artifacts/peers/haraka" && npm init -y >/dev/null && npm install --no-audit --no-fund haraka >/dev/null 2>&1) || rm -rf "$root/artifacts/peers/haraka"
fi

work=$(mktemp -d "$root/artifacts/compare-XXXXXX")
# Namespaces of their own: whatever becomes of this script, the kernel unmounts and detaches when the last process in them has ended.
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
dd if=/dev/zero of="$work/image" bs=4M count=1024 oflag=direct status=none
sync "$work/image"
mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 "$work/image"
mkdir "$work/disk"
unshare --net --mount --propagation private /bin/bash -ec '
	ip link set lo up
	# Where a listener has a short backlog, cookies let clients believe in connections that the server knows nothing of.
	echo 0 >/proc/sys/net/ipv4/tcp_syncookies
	device=$(losetup --find --show --direct-io=on "$1/image")
	trap "umount $1/disk; losetup --detach $device" EXIT
	mount -t ext4 -o noatime "$device" "$1/disk"
	chmod 755 "$1/disk"
	root=$2 work=$1
	shift 2
	what=compare.py
	[[ ${1-} != alone ]] || { what=alone.py; shift; }
	/usr/bin/env python3 "$root/bench/compare/$what" --root "$root" --disk "$work/disk" "$@"
' bash "$work" "$root" "$@"
