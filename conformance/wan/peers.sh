#!/usr/bin/env bash
# Measures wraft and etcd in the network namespaces of an emulated wide-area network,
# one after the other on the same links, and prints a JSON line per run, which
# conformance/wan/cmd/wantable makes a table and a plot of.
#
#   WRAFT_LAB=FOLDER conformance/wan/peers.sh OUT.jsonl
#
# It needs root, and in FOLDER the programs wan (the network) and peers (etcd and its
# load). In the environment: DURATION and WARMUP of each load; LOSSES, a list of losses
# such as "0% 2% 2%x30ms 2%x4"; SYSTEMS, of wraft, etcd-cubic and etcd-bbr; DOWN, of "0 3":
# which follower is cut off, 0 none.
set -euo pipefail
out=$1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
duration=${DURATION:-15s} warmup=${WARMUP:-5s}
work=$(mktemp -d)
export WANLAB_LAB=wraftpeers WANLAB_RUN=$work/run

skip() {
	echo "wan-peers: skipped: $1"
	rmdir "$work"
	exit 0
}
[[ -n ${WRAFT_LAB:-} ]] || skip "WRAFT_LAB does not name the folder of the emulated network"
[[ -d $WRAFT_LAB/wan && -d $WRAFT_LAB/peers ]] || skip "$WRAFT_LAB holds no wan and no peers"
[[ $(id -u) == 0 ]] || skip "network namespaces need root"
[[ -c /dev/net/tun ]] && command -v ip >/dev/null || skip "there is no /dev/net/tun, or no ip command"

lab=$work/bin/wanlab
folder=$WRAFT_LAB
unset "${!WRAFT_@}" # wraftd takes every such variable for a setting
nodes=()
ended() {
	stop_nodes
	[[ ! -x $lab ]] || "$lab" down --kill >/dev/null 2>&1 || true
	rm -rf "$work"
}
trap ended EXIT
trap 'exit 130' INT TERM

stop_nodes() {
	[[ ${#nodes[@]} == 0 ]] || { kill -9 "${nodes[@]}" 2>/dev/null || true; wait "${nodes[@]}" 2>/dev/null || true; }
	nodes=()
}

build() {
	mkdir -p "$work/bin"
	echo "wan-peers: building" >&2
	(cd "$folder/wan" && go build -o "$lab" .)
	(cd "$folder/peers" && go build -o "$work/bin/peers" .)
	(cd "$root" && go build -o "$work/bin/wraftd" ./cmd/wraftd)
	"$root/examples/build.sh" "$work/modules" >/dev/null
}

# links gives the links between nodes a loss such as 2%, 2%x30ms or 2%x4.
links() {
	local burst=off pair
	[[ $1 != *x* ]] || burst=${1#*x}
	for pair in 'n1<->n2' 'n1<->n3' 'n2<->n3'; do
		"$lab" set "$pair" loss="${1%x*}" burst="$burst" >/dev/null
	done
}

# once CLIENTS DURATION WARMUP prints the line of one load on the system under test.
once() {
	if [[ $system == wraft ]]; then
		"$lab" exec c1 -- "$work/bin/wraftd" bench write --machine kv --server https://10.77.1.1:7443 --ca "$work/c/client/ca.crt" \
			--cert "$work/c/client/admin.crt" --key "$work/c/client/admin.key" --clients "$1" --duration "$2" --warmup "$3" --value 128 -o json
	else
		"$lab" exec c1 -- "$work/bin/peers" load --peer etcd-leader --peers 10.77.1.1,10.77.2.1,10.77.3.1 --op write \
			--clients "$1" --duration "$2" --warmup "$3" --value 128
	fi
}

start_wraft() {
	"$work/bin/wraftd" init --dir "$work/c" --cluster wan --nodes \
		"1=10.77.1.1:7444/10.77.1.1:7443,2=10.77.2.1:7444/10.77.2.1:7443,3=10.77.3.1:7444/10.77.3.1:7443" >/dev/null
	for i in 1 2 3; do
		"$lab" exec n$i -- "$work/bin/wraftd" run --config "$work/c/node-$i/wraft.yaml" --raft-heartbeat 150ms \
			--raft-election-timeout 1500ms --log-level warn >>"$work/wraft-$i.log" 2>&1 &
		nodes+=($!)
	done
	for _ in $(seq 60); do
		sleep 1
		if "$lab" exec c1 -- "$work/bin/wraftd" deploy "$work/modules/kv.wasm" --name kv --server https://10.77.1.1:7443 \
			--ca "$work/c/client/ca.crt" --cert "$work/c/client/admin.crt" --key "$work/c/client/admin.key" >/dev/null 2>"$work/deploy.log"; then
			return 0
		fi
	done
	tail -n 5 "$work"/deploy.log "$work"/wraft-*.log >&2
	return 1
}

start_etcd() {
	for i in 1 2 3; do
		"$lab" exec n$i -- sysctl -qw net.ipv4.tcp_congestion_control="${system#etcd-}"
		"$lab" exec n$i -- "$work/bin/peers" node --peer etcd-leader --id $i --dir "$work/e/node$i" --peers 10.77.1.1,10.77.2.1,10.77.3.1 \
			--heartbeat 150ms --election 1500ms >>"$work/etcd-$i.log" 2>&1 &
		nodes+=($!)
	done
	"$lab" exec c1 -- sysctl -qw net.ipv4.tcp_congestion_control="${system#etcd-}"
	sleep 5
}

# lead has the first node lead. Who leads is told from what a lone write takes: 70 ms
# beside the first node, 140 from the second, 160 from the third.
lead() {
	local us away
	for _ in $(seq 20); do
		us=$(once 1 1s 500ms | sed -n 's/.*"p50_us":\([0-9]*\).*/\1/p') || us=0
		((us > 110000)) || { ((us == 0)) || return 0; sleep 1; continue; }
		away=n2
		((us < 150000)) || away=n3
		"$lab" partition $away >/dev/null
		sleep 5
		"$lab" heal >/dev/null
		sleep 3
	done
	echo "wan-peers: the first node of $system does not come to lead" >&2
	return 1
}

# path prints what nodes say of the links between them, a JSON list; only wraft's can.
path() {
	local all='' pair one
	[[ $system == wraft && $1 == 0 ]] || { echo '[]'; return; }
	for pair in '1 2' '1 3' '2 3'; do
		# Why unquoted: it is two arguments.
		one=$("$lab" exec c1 -- "$work/bin/wraftd" bench link $pair --server https://10.77.1.1:7443 --ca "$work/c/client/ca.crt" \
			--cert "$work/c/client/admin.crt" --key "$work/c/client/admin.key" --samples 300 --bytes 0B -o json) || continue
		all+=${all:+,}$(tr -d '\n' <<<"$one")
	done
	echo "[$all]"
}

measure() {
	local down loss line result
	for down in ${DOWN:-0 3}; do
		[[ $down == 0 ]] || "$lab" partition n$down >/dev/null
		for loss in ${LOSSES:-0% 1% 2% 5% 2%x4 2%x30ms}; do
			links "$loss"
			result=$(once 16 "$duration" "$warmup") || result='{}'
			line="{\"system\":\"$system\",\"loss\":\"$loss\",\"down\":$down,\"load\":\"$(cut -d' ' -f1 /proc/loadavg)\",\"result\":$result,\"links\":$(path "$down")}"
			echo "$line" >>"$out"
			echo "wan-peers: $system loss=$loss down=$down $(sed -n 's/.*\("ops_per_s":[0-9.]*\).*\("p50_us":[0-9]*\).*\("p99_us":[0-9]*\).*/\1 \2 \3/p' <<<"$result")" >&2
		done
		links 0%
		"$lab" heal >/dev/null
	done
}

build
: >"$out"
"$lab" up -d --topology wan3 >&2
for system in ${SYSTEMS:-wraft etcd-cubic etcd-bbr}; do
	rm -rf "$work/c" "$work/e"
	links 0%
	if [[ $system == wraft ]]; then start_wraft; else start_etcd; fi
	lead
	measure
	stop_nodes
done
