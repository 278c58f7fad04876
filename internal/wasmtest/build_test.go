package wasmtest_test

import (
	"bytes"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
)

func TestGuestsAreBuiltOnce(t *testing.T) {
	for name, build := range map[string]func(testing.TB) []byte{
		"counter": wasmtest.Counter, "kv": wasmtest.KV, "slow": wasmtest.Slow,
	} {
		first, second := build(t), build(t)
		if !bytes.HasPrefix(first, []byte("\x00asm\x01\x00\x00\x00")) {
			t.Errorf("%s is not a WebAssembly module", name)
		}
		if &first[0] != &second[0] {
			t.Errorf("%s was built twice", name)
		}
	}
}
