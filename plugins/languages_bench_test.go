package plugins_test

import (
	"fmt"
	"testing"

	"github.com/wraft/wraft/internal/toolchain"
	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// BenchmarkLanguages applies commands to the example machines of each language:
// incr to the counter, and to the key-value store puts of 47 (which is a command
// of 64), 64 and 128 bytes over 64 keys, and gets.
func BenchmarkLanguages(b *testing.B) {
	for _, language := range toolchain.Languages() {
		for _, size := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/counter/batch=%d", language, size), func(b *testing.B) {
				benchmarkApply(b, start(b, shared, wasmtest.Example(b, language, "counter"), plugins.InstanceConfig{}), repeat("incr", size))
			})
			for name, value := range map[string]int{"put-47B": 47, "put-64B": 64, "put-128B": 128} {
				b.Run(fmt.Sprintf("%s/kv-%s/batch=%d", language, name, size), func(b *testing.B) {
					commands := make([][]byte, size)
					for k := range commands {
						commands[k] = cborPut(fmt.Sprintf("key-%03d", k), make([]byte, value))
					}
					benchmarkApply(b, start(b, shared, wasmtest.Example(b, language, "kv"), plugins.InstanceConfig{}), commands)
				})
			}
		}
		b.Run(language+"/kv-get/batch=64", func(b *testing.B) {
			i := start(b, shared, wasmtest.Example(b, language, "kv"), plugins.InstanceConfig{})
			commands := make([][]byte, 64)
			for k := range commands {
				key := fmt.Sprintf("key-%03d", k)
				apply(b, i, 1, string(cborPut(key, make([]byte, 128))))
				commands[k] = fmt.Appendf(nil, "\x84\x63get\x47%s\xf6\xf6", key)
			}
			benchmarkApply(b, i, commands)
		})
	}
}
