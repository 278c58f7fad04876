#!/bin/sh
# Builds the example machines into a directory: build.sh OUTDIR
# Needs the Go toolchain and nothing else.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 OUTDIR" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)

for name in counter kv; do
	(cd "$here/wasm-$name" && GOWORK=off GOFLAGS= GOOS=wasip1 GOARCH=wasm \
		go build -buildmode=c-shared -trimpath -ldflags="-s -w" -o "$out/$name.wasm" .)
	echo "built $out/$name.wasm"
done
