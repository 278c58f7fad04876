package plugins_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/instrument"
	"github.com/wraft/wraft/plugins/plugintest/bare"
	"github.com/wraft/wraft/plugins/plugintest/graft"
	"github.com/wraft/wraft/plugins/plugintest/spec"
	"github.com/wraft/wraft/plugins/wasm"
)

// memoryScripts are the beginnings of the scripts about memory: what they find must
// hold after 1,000 grows that were rolled back, too.
var memoryScripts = []string{"v2/memory", "v2/address", "v2/align", "v2/bulk", "v2/data", "v2/endianness", "v2/float_memory", "v2/load", "v2/store", "v2/traps"}

// TestSuiteInTheRuntime plays the suite of the specification with each module an
// instance of the runtime: what traps is rolled back, what doesn't stands.
func TestSuiteInTheRuntime(t *testing.T) {
	if testing.Short() {
		t.Skip("starts some 1,600 instances")
	}
	report := playSuite(t, []string{""}, 0)
	if report.Modules < 1000 || report.Assertions["assert_trap"] < 500 {
		t.Errorf("hardly anything was run: %s", report.Line())
	}
}

// TestMemoryScriptsAfterAThousandGrows does so after each instance has grown,
// written to what it got and trapped, 1,000 times.
func TestMemoryScriptsAfterAThousandGrows(t *testing.T) {
	scripts, grows := memoryScripts, 1000
	if testing.Short() {
		scripts, grows = []string{"v2/memory_trap", "v2/memory_grow"}, 100
	}
	report := playSuite(t, scripts, grows)
	if report.Assertions["assert_trap"] < 100 {
		t.Errorf("hardly anything was run: %s", report.Line())
	}
}

// playSuite plays the scripts whose names start so.
func playSuite(t *testing.T, prefixes []string, grows int) *spec.Report {
	folder, err := spec.Folder()
	if errors.Is(err, spec.ErrNoSuite) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	report := spec.NewReport()
	for _, version := range spec.Versions {
		scripts, err := spec.Load(folder, version)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range scripts {
			for _, p := range prefixes {
				if strings.HasPrefix(s.Name, p) {
					playScript(t, folder, s, grows, report)
				}
			}
		}
	}
	for n, f := range report.Failures {
		if n == 50 {
			t.Errorf("and %d more", len(report.Failures)-n)
			break
		}
		t.Error(f)
	}
	t.Logf("\n%s%s", report.Details(), report.Line())
	return report
}

func playScript(t *testing.T, folder string, s *spec.Script, grows int, report *spec.Report) {
	e, err := plugins.NewEngine(plugins.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w := &runtimeWorld{engine: e, grows: grows}
	if err := errors.Join(spec.RunIn(context.Background(), folder, s, w, report), w.Close(context.Background())); err != nil {
		t.Fatalf("%s: %v", s.Name, err)
	}
}

// runtimeWorld makes each module of a script a machine.
type runtimeWorld struct {
	engine    *plugins.Engine
	instances []*plugins.Instance
	grows     int // that are rolled back before the script may call anything
}

// exportGrow grows the memory by two pages, writes to both ends of them and traps.
const exportGrow = "suite.grow"

// Start implements spec.World.
func (w *runtimeWorld) Start(ctx context.Context, binary []byte, _ string) (spec.Guest, error) {
	machine, err := asMachine(binary)
	if err != nil {
		return nil, err
	}
	m, err := w.engine.Compile(ctx, machine)
	var refused *plugins.RefusedError
	if errors.As(err, &refused) {
		return nil, fmt.Errorf("%w: refused as a machine: %s", spec.ErrLeftOut, refused.Why)
	}
	if err != nil {
		return nil, err
	}
	i, err := w.engine.NewInstance(ctx, m, plugins.InstanceConfig{})
	if err != nil {
		return nil, err
	}
	w.instances = append(w.instances, i)
	for n := range w.grows {
		if _, _, r, err := i.Invoke(ctx, exportGrow, nil); err != nil || r.Status == plugins.StatusOK {
			return nil, fmt.Errorf("grow %d: %v, %w", n, r, err)
		}
	}
	return suiteGuest{i}, i.Audit()
}

// Compile implements spec.World. What a machine has besides makes another module of
// one that lacks it, so invalid ones are the bare engine's business.
func (w *runtimeWorld) Compile(context.Context, []byte) error {
	return fmt.Errorf("%w: invalid only without what a machine has", spec.ErrLeftOut)
}

// Close implements spec.World.
func (w *runtimeWorld) Close(ctx context.Context) error {
	var errs []error
	for _, i := range w.instances {
		errs = append(errs, i.Close(ctx))
	}
	return errors.Join(append(errs, w.engine.Close(ctx))...)
}

// asMachine adds what a machine exports, and a memory if there is none.
func asMachine(binary []byte) ([]byte, error) {
	shape, err := wasm.Read(binary, wasm.Limits{})
	if err != nil {
		return nil, err
	}
	m, err := graft.Open(binary)
	if err != nil {
		return nil, err
	}
	if m.Count(wasm.SectionMemory) == 0 {
		m.Memory()
	}
	if _, ok := shape.Export(abi.ExportMemory); !ok {
		m.Export(abi.ExportMemory, wasm.KindMemory, 0)
	}
	const number, long = byte(abi.I32), byte(abi.I64)
	add := func(name, params, results string, code ...[]byte) {
		letters := func(s string) []byte {
			return []byte(strings.NewReplacer("i", string(rune(number)), "I", string(rune(long))).Replace(s))
		}
		m.Export(name, wasm.KindFunction, m.Function(m.Type(letters(params), letters(results)), nil, join(code...)))
	}
	add(abi.ExportMarker, "", "")
	add(abi.ExportAlloc, "i", "i", wasmtest.I32Const(0))
	add(abi.ExportApply, "ii", "I", wasmtest.I64Const(0))
	add(abi.ExportQuery, "ii", "I", wasmtest.I64Const(0))
	add(abi.ExportSnapshot, "", "i", wasmtest.I32Const(0))
	add(abi.ExportRestore, "i", "i", wasmtest.I32Const(0))
	// The end of the memory as it will be when it could grow, or as it is.
	end := join([]byte{0x3f, 0}, wasmtest.I32Const(65536), []byte{0x6c})
	before := func(n int32) []byte { return join(end, wasmtest.I32Const(n), []byte{0x6b}) }
	add(exportGrow, "", "", wasmtest.I32Const(2), wasmtest.MemoryGrow(), wasmtest.Drop, before(8), wasmtest.I32Const(7), wasmtest.I32Store(0),
		before(2*65536), wasmtest.I32Const(7), wasmtest.I32Store(0), wasmtest.Unreachable)
	return m.Bytes(), nil
}

// suiteGuest is a module of a script that is an instance.
type suiteGuest struct{ *plugins.Instance }

// Invoke implements spec.Guest. Whatever came of the call, the live guest must equal
// the state to go back to.
func (g suiteGuest) Invoke(ctx context.Context, name string, args ...uint64) (bare.Outcome, error) {
	results, types, r, err := g.Instance.Invoke(ctx, name, args)
	if err != nil {
		return bare.Outcome{}, err
	}
	o := bare.Outcome{Results: results, Types: types, Trap: string(r.Data), Exhausted: r.Status == plugins.StatusStack}
	if r.Status == plugins.StatusFuel {
		return o, errors.New(o.Trap)
	}
	return o, g.Audit()
}

// Memory implements spec.Guest.
func (g suiteGuest) Memory(string) []byte { return g.Instance.Memory() }

// Shift implements spec.Guest.
func (g suiteGuest) Shift() uint32 { return instrument.MapBytes }
