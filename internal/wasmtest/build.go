package wasmtest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/wraft/wraft/internal/toolchain"
)

// Counter is the module of examples/wasm-counter.
func Counter(tb testing.TB) []byte { return counter.build(tb) }

// KV is the module of examples/wasm-kv.
func KV(tb testing.TB) []byte { return kv.build(tb) }

// Slow is a module whose commands misbehave on purpose: guests/slow lists them.
func Slow(tb testing.TB) []byte { return slow.build(tb) }

// Noise is a module with as much state as it is told to keep: guests/noise lists its commands.
func Noise(tb testing.TB) []byte { return noise.build(tb) }

// Counter2 is version 2 of Counter: guests/counter2 says what it takes over.
func Counter2(tb testing.TB) []byte { return counter2.build(tb) }

// Halfway is a module whose restore traps after the first byte of any state.
func Halfway(tb testing.TB) []byte { return halfway.build(tb) }

var (
	counter2 = guest{dir: "internal/wasmtest/guests/counter2"}
	halfway  = guest{dir: "internal/wasmtest/guests/halfway"}
	counter  = guest{dir: "examples/wasm-counter"}
	kv       = guest{dir: "examples/wasm-kv"}
	noise    = guest{dir: "internal/wasmtest/guests/noise"}
	slow     = guest{dir: "internal/wasmtest/guests/slow"}
)

// guest is a module by the directory of its source.
type guest struct {
	dir      string
	language string // empty for Go

	once    sync.Once
	binary  []byte
	version string // of the compiler
	err     error
}

func (g *guest) build(tb testing.TB) []byte {
	tb.Helper()
	binary, err := g.get()
	if err != nil {
		tb.Fatalf("wasmtest: build %s: %v", g.dir, err)
	}
	return binary
}

func (g *guest) get() ([]byte, error) {
	g.once.Do(func() { g.binary, g.err = g.compile() })
	return g.binary, g.err
}

// compile runs the toolchain as `wraftd plugin build` does.
func (g *guest) compile() ([]byte, error) {
	root, err := repository()
	if err != nil {
		return nil, err
	}
	out, err := os.MkdirTemp("", "wasmtest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(out)
	file := filepath.Join(out, "guest.wasm")
	compiler, err := toolchain.Find(cmp.Or(g.language, "go"))
	if err != nil {
		return nil, err
	}
	g.version = compiler.Version
	if err := compiler.BuildKept(context.Background(), root, filepath.Join(root, g.dir), file); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

// repository finds the root of this module from the directory in which the
// test runs.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(mod, []byte("module github.com/wraft/wraft\n")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod of github.com/wraft/wraft above the working directory")
		}
		dir = parent
	}
}
