package plugins_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/instrument"
	"github.com/wraft/wraft/plugins/wasm"
)

func prepare(tb testing.TB, source []byte) *plugins.Artefact {
	tb.Helper()
	a, err := plugins.Prepare(source, plugins.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func TestArtefactsDescribeThemselves(t *testing.T) {
	for name, source := range map[string][]byte{
		"by hand": globalMachine(), "counter": wasmtest.Counter(t), "kv": wasmtest.KV(t), "slow": wasmtest.Slow(t),
	} {
		before := bytes.Clone(source)
		a, again := prepare(t, source), prepare(t, source)
		if !bytes.Equal(source, before) || !bytes.Equal(a.Binary, again.Binary) {
			t.Fatalf("%s: Prepare is not pure", name)
		}
		got, err := plugins.ReadArtefact(a.Binary)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Digest != sha256.Sum256(a.Binary) || got.Digest != a.Digest || got.Source != sha256.Sum256(source) || got.Source != a.Source {
			t.Errorf("%s: digests %x and %x", name, got.Digest, got.Source)
		}
		if got.Pass != plugins.PassVersion || got.Host != plugins.HostVersion || got.MemoryBytesMin != a.MemoryBytesMin || got.MemoryBytesMin < 65536 {
			t.Errorf("%s: read %+v", name, got)
		}
		if err := got.Verify(source); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := plugins.Prepare(a.Binary, plugins.Limits{}); !errors.Is(err, plugins.ErrRefused) {
			t.Errorf("%s: an artefact was instrumented again: %v", name, err)
		}
	}
}

// TestLoadedAndCompiledAreOne: who loads an artefact runs what its maker runs.
func TestLoadedAndCompiledAreOne(t *testing.T) {
	ctx := context.Background()
	source := wasmtest.Slow(t)
	a := prepare(t, source)
	other := newEngine(t, plugins.Config{})
	loaded, err := other.Load(ctx, a.Binary)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Digest() != a.Source || loaded.Artefact().Digest != a.Digest || loaded.MemoryBytesMin() != a.MemoryBytesMin {
		t.Errorf("loaded %+v", loaded.Artefact())
	}
	if again, err := other.Compile(ctx, source); err != nil || again != loaded {
		t.Errorf("the same was compiled twice: %v", err)
	}
	i := start(t, shared, source, plugins.InstanceConfig{})
	j, err := other.NewInstance(ctx, loaded, plugins.InstanceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close(ctx)
	commands := []string{"add 3", "grow 2", "panic x", "add 4"}
	if x, y := apply(t, i, 1, commands...), apply(t, j, 1, commands...); !slices.Equal(x, y) || i.FuelUsed() != j.FuelUsed() {
		t.Errorf("%q and %q, fuel %d and %d", x, y, i.FuelUsed(), j.FuelUsed())
	}
	x, errX := i.StateHash()
	y, errY := j.StateHash()
	if x != y || errX != nil || errY != nil {
		t.Errorf("states %x and %x: %v, %v", x, y, errX, errY)
	}
}

// TestAnOlderPassIsLoadedAsItIs: a release whose pass makes something else of a
// module goes on to run what the older one made, to the byte.
func TestAnOlderPassIsLoadedAsItIs(t *testing.T) {
	ctx := context.Background()
	source := globalMachine()
	old := plugins.SetVersions(prepare(t, source).Binary, plugins.PassVersion+1, plugins.HostVersion)
	_, err := plugins.ReadArtefact(old)
	var version *plugins.VersionError
	if !errors.As(err, &version) || version.What != "pass" || version.Version != plugins.PassVersion+1 || !slices.Equal(version.Serves, []uint32{plugins.PassVersion - 1, plugins.PassVersion}) {
		t.Fatalf("a version that is not served: %v", err)
	}
	defer plugins.ServePass(plugins.PassVersion + 1)()
	e := newEngine(t, plugins.Config{})
	m, err := e.Load(ctx, old)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Artefact().Binary, old) || m.Artefact().Digest != sha256.Sum256(old) || m.Artefact().Digest == prepare(t, source).Digest {
		t.Errorf("loaded %x", m.Artefact().Digest)
	}
	if err := m.Artefact().Verify(source); err != nil {
		t.Errorf("the pass is another, so its output can't be compared: %v", err)
	}
	if err := m.Artefact().Verify(recursive()); !errors.Is(err, plugins.ErrArtefact) {
		t.Errorf("another source: %v", err)
	}
	i, err := e.NewInstance(ctx, m, plugins.InstanceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close(ctx)
	if got := apply(t, i, 1, "x"); got[0] != "0 1" {
		t.Errorf("it answers %q", got)
	}
}

// TestHostSemanticsOfTheVersionBefore: version 1 of the host charges a call and
// not the bytes.
func TestHostSemanticsOfTheVersionBefore(t *testing.T) {
	if got := plugins.HostVersions(); !slices.Equal(got, []uint32{plugins.HostVersion - 1, plugins.HostVersion}) {
		t.Errorf("served are %v, want the newest and the one before", got)
	}
	ctx := context.Background()
	const n = 32768
	b := wasmtest.NewBuilder()
	random := b.Import("wraft", "random", "ii", "")
	source := machineOn(b, join(wasmtest.I32Const(0), wasmtest.I32Const(n), wasmtest.Call(random)), result(0, 0, 8))
	fuel := map[uint32]int64{}
	runs := map[plugins.RunID]bool{}
	for _, host := range []uint32{1, 2} {
		m, err := shared.Load(ctx, plugins.SetVersions(prepare(t, source).Binary, plugins.PassVersion, host))
		if err != nil {
			t.Fatal(err)
		}
		i, err := shared.NewInstance(ctx, m, plugins.InstanceConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer i.Close(ctx)
		if got := apply(t, i, 1, "x"); got[0] != "0 " {
			t.Fatalf("version %d: %q", host, got)
		}
		fuel[host] = i.FuelUsed()
		runs[i.RunID()] = true
	}
	if fuel[2]-fuel[1] != n/8 || len(runs) != 2 {
		t.Errorf("fuel %v, %d runs", fuel, len(runs))
	}
	_, err := plugins.ReadArtefact(plugins.SetVersions(prepare(t, source).Binary, plugins.PassVersion, plugins.HostVersion+1))
	var version *plugins.VersionError
	if !errors.As(err, &version) || version.What != "host semantics" || !strings.Contains(err.Error(), "this release serves [1 2]") {
		t.Errorf("a later version: %v", err)
	}
}

// TestEveryLimitIsPartOfTheRun changes one limit after the other.
func TestEveryLimitIsPartOfTheRun(t *testing.T) {
	var artefact [32]byte
	base := plugins.RunIDOf(artefact, 2, plugins.Limits{})
	seen := map[plugins.RunID]string{base: "the defaults"}
	for name, l := range map[string]plugins.Limits{
		"memory": {MemoryBytesMax: 1 << 20}, "command": {CommandBytesMax: 77}, "entry": {EntryBytesMax: 77 << 20}, "result": {ResultBytesMax: 77},
		"export": {ExportBytesMax: 77}, "log": {LogBytesMax: 77}, "event": {EventBytesMax: 77}, "fuel of a command": {FuelCommandMax: 77},
		"fuel of an entry": {FuelEntryMax: 77}, "fuel": {FuelBase: 77}, "fuel per byte": {FuelPerByte: 77}, "stack": {StackBytesMax: 77 << 10},
	} {
		id := plugins.RunIDOf(artefact, 2, l)
		if other, ok := seen[id]; ok {
			t.Errorf("%s makes the same run as %s", name, other)
		}
		seen[id] = name
	}
	if plugins.RunIDOf(artefact, 2, plugins.Limits{MemoryBytesMax: 256 << 20}) != base || plugins.RunIDOf(artefact, 2, plugins.Limits{ModuleBytesMax: 1}) != base {
		t.Error("a default that is spelled out, or the bound of uploads, makes another run")
	}
	if plugins.RunIDOf(artefact, 1, plugins.Limits{}) == base || plugins.RunIDOf([32]byte{1}, 2, plugins.Limits{}) == base {
		t.Error("the host's version or the artefact is not part of the run")
	}
	pinned := plugins.Limits{MemoryBytesMax: 1 << 20, CommandBytesMax: 2, EntryBytesMax: 3, ResultBytesMax: 4, ExportBytesMax: 5, LogBytesMax: 6,
		EventBytesMax: 7, FuelCommandMax: 8, FuelEntryMax: 9, FuelBase: 10, FuelPerByte: 11, StackBytesMax: 12}
	if got, want := plugins.RunIDOf(artefact, 2, pinned).String(), "sha256:2201d3087366d29332b874b01ab88c07790d70e1778a7e443b2c6e89733dfa4d"; got != want {
		t.Errorf("the run ID is %s, want %s: stored runs would change their names", got, want)
	}
}

// forged is a rewritten binary without a section, as a forger would seal it.
func forged(t *testing.T, source []byte, code func(b []byte) []byte) []byte {
	t.Helper()
	a := prepare(t, source)
	return plugins.Reseal(append(bytes.Clone(a.Binary[:plugins.SectionBytes]), code(bytes.Clone(a.Binary[plugins.SectionBytes:]))...))
}

func TestDamagedArtefactsAreRefused(t *testing.T) {
	whole := prepare(t, globalMachine()).Binary
	for at := range whole {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 1 << (at % 8)
		if _, err := plugins.ReadArtefact(damaged); !errors.Is(err, plugins.ErrArtefact) {
			t.Fatalf("a bit of byte %d flipped: %v", at, err)
		}
		if _, err := plugins.ReadArtefact(whole[:at]); !errors.Is(err, plugins.ErrArtefact) {
			t.Fatalf("the first %d bytes: %v", at, err)
		}
	}
	for name, binary := range map[string][]byte{
		"nothing": nil, "text": []byte("package main"), "a module": wasmtest.Counter(t), "more": append(bytes.Clone(whole), 0),
	} {
		if _, err := shared.Load(context.Background(), binary); !errors.Is(err, plugins.ErrArtefact) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestForgedArtefactsAreRefused: a good checksum proves nothing.
func TestForgedArtefactsAreRefused(t *testing.T) {
	plain := globalMachine()[wasm.HeaderBytes:]
	replace := func(old, by string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !bytes.Contains(b, []byte(old)) {
				t.Fatalf("%q is not there", old)
			}
			return bytes.Replace(b, []byte(old), []byte(by), 1)
		}
	}
	for name, c := range map[string]struct {
		code func([]byte) []byte
		says string
	}{
		"not instrumented":    {func([]byte) []byte { return plain }, "instrument:"},
		"no fuel":             {replace(instrument.FuelExport, "wxaft.fuel"), "reserved exports"},
		"no stack":            {replace(instrument.StackExport, "wxaft.stack"), "reserved exports"},
		"a hidden global":     {replace("wraft.global.0", "wxaft.global.0"), "reserved exports"},
		"another global":      {replace("wraft.global.0", "wraft.global.7"), `export "wraft.global.7" is nothing`},
		"fuel is no global":   {replace(instrument.FuelExport+"\x03", instrument.FuelExport+"\x00"), `export "wraft.fuel" is nothing`},
		"no apply":            {replace("wraft_apply", "wraft_upply"), `"wraft_apply" is not exported`},
		"another section":     {func(b []byte) []byte { return append(b, 0, 5, 4, 'n', 'a', 'm', 'e') }, "custom section"},
		"truncated":           {func(b []byte) []byte { return b[:len(b)-5] }, "truncated"},
		"no room for the map": {replace("\x05\x03\x01\x00\x11", "\x05\x03\x01\x00\x0f"), "of which the map takes 16"},
		"a declared maximum":  {replace("\x05\x03\x01\x00\x11", "\x05\x04\x01\x01\x11\x20"), "declares no maximum"},
		"data in the map":     {func(b []byte) []byte { return append(b, "\x0b\x07\x01\x00\x41\x07\x0b\x01x"...) }, "a data segment at 7, in the map"},
		"nothing but section": {func([]byte) []byte { return nil }, "not exported"},
	} {
		_, err := shared.Load(context.Background(), forged(t, globalMachine(), c.code))
		if !errors.Is(err, plugins.ErrArtefact) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	a, err := plugins.ReadArtefact(forged(t, globalMachine(), func([]byte) []byte { return prepare(t, recursive()).Binary[plugins.SectionBytes:] }))
	if err != nil {
		t.Fatalf("well formed, but of another module: %v", err)
	}
	if err := a.Verify(globalMachine()); !errors.Is(err, plugins.ErrArtefact) || !strings.Contains(err.Error(), "something else") {
		t.Errorf("the code of another module: %v", err)
	}
}

// FuzzLoad feeds forged artefacts to Load: no input may panic, and every refusal is
// one that its caller can tell from trouble of this host.
func FuzzLoad(f *testing.F) {
	for _, source := range [][]byte{globalMachine(), recursive(), imports("wraft", "now", "", "I")} {
		a, err := plugins.Prepare(source, plugins.Limits{})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(a.Binary)
	}
	f.Add([]byte("\x00asm\x01\x00\x00\x00"))
	e := newEngine(f, plugins.Config{})
	f.Fuzz(func(t *testing.T, binary []byte) {
		ctx := context.Background()
		m, err := e.Load(ctx, plugins.Reseal(binary))
		var version *plugins.VersionError
		switch {
		case err == nil && m.Artefact().Digest == sha256.Sum256(m.Artefact().Binary):
			// Why no error: a data segment may lie outside of the memory, and the machine's
			// memory may be too small; what matters is that the host gets along with it.
			_ = plugins.Instantiate(ctx, m, plugins.Limits{MemoryBytesMax: 4 << 20})
		case errors.As(err, &version), errors.Is(err, plugins.ErrArtefact), errors.Is(err, plugins.ErrRefused):
		default:
			t.Fatalf("the engine failed: %v", err)
		}
	})
}
