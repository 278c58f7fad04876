package examples_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/wraft/wraft/conformance/abi"
	"github.com/wraft/wraft/conformance/abi/examples"
	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// shared is the engine of all tests, so that each module is compiled once.
var shared *plugins.Engine

func TestMain(m *testing.M) {
	var err error
	if shared, err = plugins.NewEngine(plugins.Config{}); err != nil {
		fmt.Fprintln(os.Stderr, "examples:", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := shared.Close(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "examples:", err)
		code = 1
	}
	os.Exit(code)
}

// TestDigestsTellMachinesApart holds what make abi compares languages by.
func TestDigestsTellMachinesApart(t *testing.T) {
	s := examples.Subject("counter", "counter", wasmtest.Counter(t))
	first, err := examples.Digest(t.Context(), shared, s)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := examples.Digest(t.Context(), shared, s); err != nil || again != first {
		t.Errorf("the same machine has two digests: %v", err)
	}
	s.Commands = s.Commands[:len(s.Commands)-1]
	if less, err := examples.Digest(t.Context(), shared, s); err != nil || less == first {
		t.Errorf("a command less does not show: %v", err)
	}
	s.Binary = wasmtest.Faulty(t, "")
	if other, err := examples.Digest(t.Context(), shared, s); err != nil || other == first {
		t.Errorf("another machine has the same digest: %v", err)
	}
}

// TestVersionsAreToldApart holds the machines in Go to what they are to do with their
// versions, and finds one that does otherwise.
func TestVersionsAreToldApart(t *testing.T) {
	first, second := wasmtest.Counter(t), wasmtest.Counter2(t)
	if err := examples.Versions(t.Context(), shared, first, second); err != nil {
		t.Error(err)
	}
	if err := examples.Versions(t.Context(), shared, first, first); err == nil || !strings.Contains(err.Error(), "expected version 0 and") {
		t.Errorf("a second version without a number: %v", err)
	}
}

// TestTheGoExamplesPass runs the kit over the machines that define what the others
// have to do.
func TestTheGoExamplesPass(t *testing.T) {
	options := abi.Options{Commands: 128, Fuzz: 64} // make abi looks harder
	for name, build := range map[string]func(testing.TB) []byte{"counter": wasmtest.Counter, "kv": wasmtest.KV} {
		report, err := abi.Run(t.Context(), shared, examples.Subject(name, name, build(t)), options)
		if err != nil {
			t.Fatal(err)
		}
		passed, _, skipped := report.Counts()
		if !report.OK() || skipped > 1 || passed < len(abi.Checks())-1 {
			t.Errorf("%s:\n%s", name, report)
		}
	}
}
