package kvmodule

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/wraft/wraft/conformance/abi/examples"
	"github.com/wraft/wraft/internal/toolchain"
	"github.com/wraft/wraft/plugins"
)

var update = flag.Bool("update", false, "write kv.wasm anew")

// TestModuleIsThatOfItsSource compiles the source again.
func TestModuleIsThatOfItsSource(t *testing.T) {
	compiler, err := toolchain.Find("c")
	if err != nil {
		t.Skip(err)
	}
	out := filepath.Join(t.TempDir(), "kv.wasm")
	if err := compiler.Build(t.Context(), filepath.Join("..", "..", "sdk", "c", "examples", "kv"), out); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case *update:
		if err := os.WriteFile("kv.wasm", fresh, 0o644); err != nil {
			t.Fatal(err)
		}
		if compiler.Version != Compiler {
			t.Errorf("it was compiled with %s: put that into Compiler", compiler.Version)
		}
	case compiler.Version != Compiler:
		t.Skipf("%s is here, it was compiled with %s", compiler.Version, Compiler)
	case !bytes.Equal(fresh, binary):
		t.Error("kv.wasm is not what its source compiles to: run make kvmodule")
	}
}

// TestModuleAnswersAsTheMachineInGo holds it against examples/wasm-kv, whatever compiler is
// installed.
func TestModuleAnswersAsTheMachineInGo(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the machine in Go")
	}
	compiler, err := toolchain.Find("go")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "kv.wasm")
	if err := compiler.BuildKept(t.Context(), root, filepath.Join(root, "examples", "wasm-kv"), out); err != nil {
		t.Fatal(err)
	}
	inGo, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := plugins.NewEngine(plugins.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close(t.Context()) })
	var sums [][32]byte
	for _, module := range [][]byte{inGo, Binary()} {
		sum, err := examples.Digest(t.Context(), engine, examples.Subject("kv", "kv", module))
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, sum)
	}
	if sums[0] != sums[1] {
		t.Errorf("the embedded machine answers otherwise than examples/wasm-kv")
	}
}
