package plugins_test

import (
	"fmt"
	"testing"

	"github.com/wraft/wraft/internal/toolchain"
	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// BenchmarkLanguages is a put into the key-value store of each language, 64 keys,
// commands of 64 bytes, alone in an entry and 64 at a time. BenchmarkNativeMap
// calibrates the machine.
func BenchmarkLanguages(b *testing.B) {
	const overhead = len("\x84\x63put\x58\x07key-000\x58\x30\xf6")
	for _, language := range toolchain.Languages() {
		for _, size := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/batch=%d", language, size), func(b *testing.B) {
				commands := make([][]byte, size)
				for k := range commands {
					commands[k] = cborPut(fmt.Sprintf("key-%03d", k), make([]byte, 64-overhead))
				}
				if got := len(commands[0]); got != 64 {
					b.Fatalf("a command has %d bytes", got)
				}
				benchmarkApply(b, start(b, shared, wasmtest.Example(b, language, "kv"), plugins.InstanceConfig{}), commands)
			})
		}
	}
}
