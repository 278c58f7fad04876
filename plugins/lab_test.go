package plugins_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"pgregory.net/rapid"

	"github.com/wraft/wraft/plugins/instrument"
	"github.com/wraft/wraft/plugins/wasm"
)

// specimen is a module in the bare engine, as it was written or instrumented.
type specimen struct {
	module api.Module
	fuel   api.MutableGlobal // nil as it was written
	stack  api.MutableGlobal
	before []byte // what the guest's memory was when its marks were last taken
}

const plenty = 1 << 60

// instrumented rewrites a binary.
func instrumented(tb testing.TB, binary []byte) []byte {
	tb.Helper()
	m, err := wasm.Read(binary, wasm.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	out, err := instrument.Rewrite(binary, m)
	if err != nil {
		tb.Fatal(err)
	}
	return out.Binary
}

// pagesMax is what the engine gives a specimen besides the map.
const pagesMax = 64

// raw starts a module in the bare engine, as it was written or instrumented.
func raw(tb testing.TB, binary []byte) *specimen {
	tb.Helper()
	return rawFrom(tb, binary, nil)
}

// rawFrom does so with the code in cache, if there is one. Why not always: a cache
// keeps all code, and some tests go through thousands of modules.
func rawFrom(tb testing.TB, binary []byte, cache wazero.CompilationCache) *specimen {
	tb.Helper()
	ctx := context.Background()
	pages := uint32(pagesMax)
	if bytes.Contains(binary, []byte(instrument.FuelExport)) {
		pages += instrument.MapPages
	}
	config := wazero.NewRuntimeConfigCompiler().WithMemoryLimitPages(pages)
	if cache != nil {
		config = config.WithCompilationCache(cache)
	}
	r := wazero.NewRuntimeWithConfig(ctx, config)
	tb.Cleanup(func() {
		if err := r.Close(ctx); err != nil {
			tb.Error(err)
		}
	})
	return started(tb, r, binary)
}

// started starts a module in a runtime that has what it imports.
func started(tb testing.TB, r wazero.Runtime, binary []byte) *specimen {
	tb.Helper()
	m, err := r.InstantiateWithConfig(context.Background(), binary, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		tb.Fatalf("instantiate: %v", err)
	}
	s := &specimen{module: m}
	s.fuel, _ = m.ExportedGlobal(instrument.FuelExport).(api.MutableGlobal)
	s.stack, _ = m.ExportedGlobal(instrument.StackExport).(api.MutableGlobal)
	s.before = bytes.Clone(s.memory())
	return s
}

// memory is what the guest sees as its memory.
func (s *specimen) memory() []byte {
	m := s.module.Memory()
	if m == nil {
		return nil
	}
	all, _ := m.Read(0, m.Size())
	if s.fuel == nil {
		return all
	}
	return all[instrument.MapBytes:]
}

// takeMarks clears the marks and fails unless they are 0 and 1, and every byte
// that has changed since the last time is covered by one.
func (s *specimen) takeMarks(t rapid.TB, what string) {
	t.Helper()
	if err := s.unmarked(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// unmarked clears the marks and says what is wrong with them.
func (s *specimen) unmarked() error {
	marks, _ := s.module.Memory().Read(0, instrument.MapBytes)
	now := s.memory()
	defer func() {
		s.before = append(s.before[:0], now...)
		clear(marks)
	}()
	before := append(slices.Clone(s.before), make([]byte, max(0, len(now)-len(s.before)))...)
	for block := range len(now) / instrument.BlockBytes {
		if bytes.Equal(blockOf(now, block), blockOf(before, block)) || marks[block] != 0 {
			continue
		}
		slack := 0
		if block > 0 && marks[block-1] != 0 {
			slack = instrument.SlackBytes
		}
		if !bytes.Equal(blockOf(now, block)[slack:], blockOf(before, block)[slack:]) {
			return fmt.Errorf("block %d changed and is not marked", block)
		}
	}
	if odd := len(marks) - bytes.Count(marks, []byte{0}) - bytes.Count(marks, []byte{1}); odd != 0 {
		return fmt.Errorf("%d marks are neither 0 nor 1", odd)
	}
	return nil
}

func blockOf(memory []byte, n int) []byte {
	return memory[n*instrument.BlockBytes:][:instrument.BlockBytes]
}

// refuel gives plenty of everything.
func (s *specimen) refuel() {
	if s.fuel != nil {
		s.fuel.Set(plenty)
		s.stack.Set(plenty)
	}
}

// call runs an export with plenty of everything and returns its results as text,
// or the name of its trap.
func (s *specimen) call(name string, args ...uint64) string {
	s.refuel()
	f := s.module.ExportedFunction(name)
	results, err := f.Call(context.Background(), args...)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return first
	}
	var texts []string
	for i, t := range f.Definition().ResultTypes() {
		texts = append(texts, number(t, results[i]))
	}
	return strings.Join(texts, " ")
}

// number draws a value; all NaNs look alike.
func number(t api.ValueType, v uint64) string {
	switch {
	case t == api.ValueTypeF32 && math.IsNaN(float64(api.DecodeF32(v))), t == api.ValueTypeF64 && math.IsNaN(api.DecodeF64(v)):
		return "nan"
	case t == api.ValueTypeI32 || t == api.ValueTypeF32:
		return fmt.Sprintf("%#x", uint32(v))
	}
	return fmt.Sprintf("%#x", v)
}

// globals draws the exported globals by name.
func (s *specimen) globals(names ...string) string {
	var texts []string
	for _, name := range names {
		g := s.module.ExportedGlobal(name)
		texts = append(texts, name+"="+number(g.Type(), g.Get()))
	}
	return strings.Join(texts, " ")
}

// sameState compares memories and globals.
func sameState(t rapid.TB, what string, a, b *specimen, globals ...string) {
	t.Helper()
	if x, y := a.globals(globals...), b.globals(globals...); x != y {
		t.Fatalf("%s: globals %s as written, %s instrumented", what, x, y)
	}
	x, y := a.memory(), b.memory()
	if !bytes.Equal(x, y) {
		t.Fatalf("%s: memories of %d and %d bytes differ", what, len(x), len(y))
	}
}
