#!/usr/bin/env bash
# How fast the spool commits, on a disk of its own: an ext4 with a journal on a loop device whose image, written in full beforehand, lies on the disk of the given folder
# (without one: artifacts/ here). Removes all of it again. Needs root to mount, and 2.2 GB.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
place=${1:-$root/artifacts}
export PATH=$PATH:/usr/sbin:/sbin DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

dotnet build "$root/bench/Relay.Bench" -c Release -v q --nologo >&2
mkdir -p "$place"
work=$(mktemp -d "$place/spool-bench-XXXXXX")

# A mount namespace of its own: whatever becomes of this script, the kernel unmounts and detaches when the last process in it has ended.
cleanup() {
	rm -rf "$work"
}
trap cleanup EXIT

# Written, not only allocated: the first write of an allocated block is a change of metadata of the file system below, which no real disk has.
dd if=/dev/zero of="$work/image" bs=4M count=512 oflag=direct status=none
sync "$work/image"
mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 "$work/image"
mkdir "$work/disk"
unshare --mount --propagation private /bin/sh -c '
	set -e
	device=$(losetup --find --show --direct-io=on "$1/image")
	trap "umount $1/disk; losetup --detach $device" EXIT
	mount -t ext4 "$device" "$1/disk"
	"$2" spool "$1/disk"
' sh "$work" "$root/bench/Relay.Bench/bin/Release/net10.0/Relay.Bench"
