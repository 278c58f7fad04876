package wasmtest

import (
	"crypto/sha256"
	"errors"
	"sync"
	"testing"

	"github.com/wraft/wraft/internal/toolchain"
)

// Machines are the names that Example takes.
var Machines = []string{"counter", "kv"}

// examples are the guests that Example and Quirks have built so far.
var examples sync.Map // directory -> *guest

// Example is one of the example machines, from its source in a language of
// toolchain.Languages. Where the compiler is missing the test is skipped. The
// digest and the size of what was built are logged.
func Example(tb testing.TB, language, machine string) []byte {
	tb.Helper()
	dir := "sdk/" + language + "/examples/" + machine
	if language == "go" {
		dir = "examples/wasm-" + machine
	}
	return built(tb, language, dir)
}

// Quirks is a machine that tries out what a language's guest library gives it, and
// how calls end: guests/quirks holds c, cpp, rust, assemblyscript, zig, and nostd,
// which is Rust without its standard library.
func Quirks(tb testing.TB, variant string) []byte {
	tb.Helper()
	language := variant
	if variant == "nostd" {
		language = "rust"
	}
	return built(tb, language, "internal/wasmtest/guests/quirks/"+variant)
}

func built(tb testing.TB, language, dir string) []byte {
	tb.Helper()
	made, _ := examples.LoadOrStore(dir, &guest{dir: dir, language: language})
	g := made.(*guest)
	binary, err := g.get()
	var missing *toolchain.MissingError
	if errors.As(err, &missing) {
		tb.Skipf("wasmtest: %s is untested: %v", dir, err)
	}
	if err != nil {
		tb.Fatalf("wasmtest: build %s: %v", dir, err)
	}
	tb.Logf("%s: %d bytes, sha256 %x (%s)", dir, len(binary), sha256.Sum256(binary), g.version)
	return binary
}
