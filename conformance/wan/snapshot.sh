#!/usr/bin/env bash
# Measures how much of a link a snapshot uses, between two network namespaces with an
# emulated link of 80 ms between them, alone and beside a TCP flow (cubic):
#
#   WRAFT_LAB=FOLDER conformance/wan/snapshot.sh
#
# It needs root, and in FOLDER the program wan (the network). In the environment: SIZE, of
# the file in MiB; DURATION and WARMUP of the rows that share the link; ROWS, which of the
# rows below; FEC, auto, on or off.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
size=${SIZE:-256} duration=${DURATION:-40s} warmup=${WARMUP:-20s}
work=$(mktemp -d)
export WANLAB_LAB=wraftsnap WANLAB_RUN=$work/run

skip() {
	echo "wan-snapshot: skipped: $1"
	rmdir "$work"
	exit 0
}
[[ -n ${WRAFT_LAB:-} ]] || skip "WRAFT_LAB does not name the folder of the emulated network"
[[ -d $WRAFT_LAB/wan ]] || skip "$WRAFT_LAB holds no wan"
[[ $(id -u) == 0 ]] || skip "network namespaces need root"
[[ -c /dev/net/tun ]] && command -v ip >/dev/null || skip "there is no /dev/net/tun, or no ip command"

lab=$work/wanlab
ended() {
	[[ ! -x $lab ]] || "$lab" down --kill >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap ended EXIT
trap 'exit 130' INT TERM

echo "wan-snapshot: building" >&2
(cd "$WRAFT_LAB/wan" && go build -o "$lab" .)
(cd "$root" && go build -o "$work/stream" ./conformance/wan/cmd/stream)

# row NAME MBIT QUEUE LOSS ARGS... prints what the link is and what was measured on it. Each
# has a network of its own, so that none inherits another's queue.
row() {
	local name=$1 mbit=$2 queue=$3 loss=$4
	shift 4
	[[ " ${ROWS:-$name} " == *" $name "* ]] || return 0
	"$lab" up -d --topology wan2 >/dev/null
	"$lab" set 'a<->b' rate="${mbit}mbit" queue="$queue" loss="$loss" >/dev/null
	echo "$name: mbit=$mbit rtt_ms=80 queue=$queue loss=$loss fec=${FEC:-auto} machine's load $(cut -d' ' -f1 /proc/loadavg)"
	"$work/stream" -from "wl-$WANLAB_LAB-a" -from-ip 10.77.1.1 -to "wl-$WANLAB_LAB-b" -to-ip 10.77.2.1 \
		-mbit "$mbit" -fec "${FEC:-auto}" "$@"
	"$lab" down --kill >/dev/null
}

row lossy 100 625KB 2% -mib "$size"
row beside-tcp 100 625KB 0% -duration "$duration" -warmup "$warmup" -tcp
row shallow 10 25KB 0% -duration "$duration" -warmup "$warmup"
row shallow-beside-tcp 10 25KB 0% -duration "$duration" -warmup "$warmup" -tcp
