#!/bin/sh
# Builds the example machines into a directory: build.sh OUTDIR
# Needs the Go toolchain and nothing else. The flags are those of
# internal/toolchain, as for any other project that wraftd builds.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 OUTDIR" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."

for name in counter kv; do
	go run ./internal/toolchain/cmd/wasmbuild "examples/wasm-$name" "$out/$name.wasm"
done
