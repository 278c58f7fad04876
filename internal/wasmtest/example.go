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

// examples are the guests that Example has built so far.
var examples sync.Map // "language/machine" -> *guest

// Example is one of the example machines, from its source in a language of
// toolchain.Languages. Where the compiler is missing the test is skipped. The
// digest and the size of what was built are logged.
func Example(tb testing.TB, language, machine string) []byte {
	tb.Helper()
	dir := "sdk/" + language + "/examples/" + machine
	if language == "go" {
		dir = "examples/wasm-" + machine
	}
	made, _ := examples.LoadOrStore(language+"/"+machine, &guest{dir: dir, language: language})
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
