package plugins_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/abi"
)

// without is a machine that lacks one export.
func without(name string) []byte {
	b := wasmtest.NewBuilder()
	b.Memory(1, -1)
	exports := map[string]uint32{
		"wraft_abi_v1":   b.Function("", "", ""),
		"wraft_alloc":    b.Function("i", "i", "", wasmtest.I32Const(8)),
		"wraft_apply":    b.Function("ii", "I", "", wasmtest.Unreachable),
		"wraft_query":    b.Function("ii", "I", "", wasmtest.Unreachable),
		"wraft_snapshot": b.Function("", "i", "", wasmtest.I32Const(0)),
		"wraft_restore":  b.Function("i", "i", "", wasmtest.I32Const(0)),
	}
	if name != "memory" {
		b.Export("memory", 2, 0)
	}
	for export, f := range exports {
		if export != name {
			b.Export(export, 0, f)
		}
	}
	return b.Bytes()
}

func imports(module, name, params, results string) []byte {
	b := wasmtest.NewBuilder()
	b.Import(module, name, params, results)
	return machineOn(b, wasmtest.Unreachable)
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	wrongType := wasmtest.NewMachine(wasmtest.Unreachable)
	wrongType.Export("_initialize", 0, wrongType.Function("i", "", ""))
	reserved := wasmtest.NewMachine(wasmtest.Unreachable)
	reserved.Export("wraft.global.0", 2, 0)
	command := wasmtest.NewBuilder()
	command.Memory(1, -1)
	command.Export("memory", 2, 0)
	command.Export("_start", 0, command.Function("", "", ""))
	noFunction := wasmtest.NewMachine(wasmtest.Unreachable)
	noFunction.Export("_initialize", 0, 99)
	large := wasmtest.NewMachine(wasmtest.Unreachable)
	large.Memory(5000, -1)

	cases := map[string]struct {
		binary []byte
		rule   string
		says   []string
	}{
		"no apply":        {without("wraft_apply"), "export", []string{`"wraft_apply" is not exported`, "(i32, i32) -> i64", "SDK"}},
		"no memory":       {without("memory"), "export", []string{`memory "memory" is not exported`}},
		"no marker":       {without("wraft_abi_v1"), "export", []string{"wraft_abi_v1"}},
		"wrong type":      {wrongType.Bytes(), "export", []string{`"_initialize" has type (i32) -> ()`}},
		"reserved":        {reserved.Bytes(), "export", []string{"belong to the host"}},
		"program":         {command.Bytes(), "export", []string{"_start", "c-shared"}},
		"no such export":  {noFunction.Bytes(), "malformed", []string{"function 99 does not exist"}},
		"foreign import":  {imports("env", "puts", "i", "i"), "import", []string{"env.puts", "abort"}},
		"browser import":  {imports("gojs", "runtime.wasmExit", "i", ""), "import", []string{"gojs.runtime.wasmExit", "wasip1"}},
		"unknown import":  {imports("wraft", "clock", "", "I"), "import", []string{"wraft.clock", "now"}},
		"mistyped import": {imports("wraft", "now", "", "i"), "import", []string{"type () -> i32", "() -> i64"}},
		"mistyped wasi":   {imports("wasi_snapshot_preview1", "fd_write", "iii", "i"), "import", []string{"fd_write"}},
		"large memory":    {large.Bytes(), "limit", []string{"5000", "MemoryPagesMax", "4096"}},
		"text":            {[]byte("package main\n\nfunc main() {}\n"), "not-wasm", []string{"did you pass the source?"}},
	}
	for name, c := range cases {
		err := plugins.Validate(c.binary, plugins.Limits{})
		var refused *plugins.RefusedError
		if !errors.As(err, &refused) || !errors.Is(err, plugins.ErrRefused) {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		if refused.Rule != c.rule {
			t.Errorf("%s: rule %s, want %s: %v", name, refused.Rule, c.rule, err)
		}
		for _, text := range c.says {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %q is not in: %v", name, text, err)
			}
		}
		if _, compiled := shared.Compile(context.Background(), c.binary); compiled == nil || compiled.Error() != err.Error() {
			t.Errorf("%s: Compile says %v", name, compiled)
		}
	}
}

func TestValidateTakesWhatToolchainsMake(t *testing.T) {
	for name, binary := range map[string][]byte{
		"counter": wasmtest.Counter(t), "kv": wasmtest.KV(t), "slow": wasmtest.Slow(t),
		"by hand": wasmtest.NewMachine(wasmtest.Unreachable).Bytes(),
	} {
		if err := plugins.Validate(binary, plugins.Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryImportOfTheABIIsThere(t *testing.T) {
	letters := map[abi.ValueType]string{abi.I32: "i", abi.I64: "I"}
	draw := func(ts []abi.ValueType) (s string) {
		for _, v := range ts {
			s += letters[v]
		}
		return s
	}
	for _, module := range []string{abi.ImportModule, abi.WASIModule, abi.AssemblyScriptModule} {
		names := abi.ImportNames(module)
		slices.Sort(names)
		b := wasmtest.NewBuilder()
		for _, name := range names {
			sig, _, _ := abi.ImportSignature(module, name)
			b.Import(module, name, draw(sig.Params), draw(sig.Results))
		}
		i := start(t, shared, machineOn(b, result(0, 0, 8)), plugins.InstanceConfig{})
		if got := apply(t, i, 1, "x"); got[0] != "0 " {
			t.Errorf("%s: %q", module, got)
		}
	}
}

func TestTruncatedModules(t *testing.T) {
	whole := globalMachine()
	for n := range whole {
		err := plugins.Validate(whole[:n], plugins.Limits{})
		if !errors.Is(err, plugins.ErrRefused) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(whole), err)
		}
	}
	large := wasmtest.Counter(t)
	for n := 0; n < len(large); n += len(large)/200 + 1 {
		if err := plugins.Validate(large[:n], plugins.Limits{}); !errors.Is(err, plugins.ErrRefused) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(large), err)
		}
	}
	err := plugins.Validate(large[:len(large)/2], plugins.Limits{})
	if err == nil || !strings.Contains(err.Error(), "truncated") {
		t.Errorf("half a module: %v", err)
	}
}

// FuzzValidate feeds mutated modules to Validate, and what it takes to the
// engine: no input may panic, and no refusal may be without a reason.
// checkLife starts a machine that was admitted, lets it do everything once, and wants
// nothing but results and the guest's own errors.
func checkLife(t *testing.T, e *plugins.Engine, m *plugins.Module) {
	ctx := context.Background()
	i, err := e.NewInstance(ctx, m, plugins.InstanceConfig{Limits: scarce})
	var guest *plugins.GuestError
	if errors.As(err, &guest) || m.MemoryBytesMin() > scarce.MemoryBytesMax {
		return
	}
	if err != nil {
		t.Fatalf("it was admitted and does not start: %v", err)
	}
	defer i.Close(ctx)
	if _, err := i.Apply(ctx, plugins.Moment{Index: 1}, [][]byte{[]byte("a"), []byte("b")}); err != nil {
		t.Fatalf("apply: %v", err)
	}
	if _, err := i.Query(ctx, []byte("q")); err != nil {
		t.Fatalf("query: %v", err)
	}
	if err := i.Export(ctx, io.Discard); err != nil && !errors.As(err, &guest) {
		t.Fatalf("snapshot: %v", err)
	}
	if err := i.Import(ctx, plugins.Moment{Index: 2}, strings.NewReader("x"), 0); err != nil && !errors.As(err, &guest) {
		t.Fatalf("restore: %v", err)
	}
	if _, err := i.StateHash(); err != nil {
		t.Fatalf("afterwards: %v", err)
	}
}

func FuzzValidate(f *testing.F) {
	f.Add(globalMachine())
	f.Add(recursive())
	f.Add(growing(-1))
	f.Add(looping(true))
	f.Add(looping(false))
	f.Add(without("wraft_apply"))
	f.Add(imports("wraft", "now", "", "I"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, binary []byte) {
		err := plugins.Validate(binary, plugins.Limits{})
		var refused *plugins.RefusedError
		if err != nil {
			if !errors.As(err, &refused) || refused.What == "" || refused.Rule == "" {
				t.Fatalf("a refusal without a reason: %#v", err)
			}
			return
		}
		e, err := plugins.NewEngine(plugins.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close(context.Background())
		m, err := e.Compile(context.Background(), binary)
		if errors.As(err, &refused) {
			return
		}
		if err != nil {
			t.Fatalf("the engine failed: %v", err)
		}
		checkLife(t, e, m)
	})
}
